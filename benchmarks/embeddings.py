"""Known images of the pretraining bundle: choose and embed them, and measure how well they name organs.

    python benchmarks/embeddings.py build --data DATA --work WORK --out BUILT
    python benchmarks/embeddings.py measure --data DATA --work WORK --unseen MMOTU=DATA/mmotu_2d

`build` embeds training images of the permissive data sets of `representation_methods.MIX`, the same number of each
organ, and writes `model.pt` (encoder and known images, float16) and `known_images.csv`. `measure` runs the bundle as it
stands: `val` images choose how many neighbours vote and below which similarity a neighbour does not count, `test`
images give the numbers. An organ is one to three data sets here, so whoever tells organs apart sees scanners as well.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from representation_methods import prepare_mix
from rich.console import Console
from rich.progress import track
from rich.table import Table

from echocare_core.atomic import replacing
from echocare_core.bundle import find_bundle
from echocare_core.errors import UnreadableFrames, own_cause
from echocare_core.evaluation.summary import summarise_means
from echocare_core.frames.manifest import read_table
from echocare_core.models import starting_encoder
from echocare_core.pretraining.data.mix import SPLITS, Mix, read_mix
from echocare_core.tasks.embedding import NAME_COLUMNS, UNKNOWN, NearestImages
from echocare_core.types import Scores
from echocare_core.workflow import load_inference

BATCH = 32
NEIGHBOURS = (1, 3, 5, 10, 20)  # that are tried on val
LOST = 0.05  # share of the votes on val images that may be lost to "unknown"
SEED = 0
app = typer.Typer(help=__doc__)
Data = Annotated[Path, typer.Option(help="Folder with the data sets' folders.")]
Work = Annotated[Path, typer.Option(help="Folder for the mix and the gallbladder crops.")]
Bundle = Annotated[str, typer.Option(help="Name or folder of the bundle.")]


@app.command()
def build(
    data: Data,
    work: Work,
    out: Annotated[Path, typer.Option(help="Folder for model.pt and known_images.csv.")],
    per_organ: Annotated[int, typer.Option(help="Known images of each organ, shared by its data sets.")] = 450,
    bundle: Bundle = "ultrasound_pretraining",
) -> None:
    """Choose and embed known images, and write them with the encoder."""
    parser = parser_of(bundle)
    tree = parser.get_parsed_content("tree")
    mix = read_mix(mix_of(data, work), tree, splits=SPLITS)
    chosen = choose(mix, per_organ)
    network = parser.get_parsed_content("network_def")
    network.encoder = starting_encoder(parser["network_def"]["encoder"], "embedded").eval()
    samples = [mix.sources[source][row] for source, row in chosen]
    vectors, read = embed(network, parser.get_parsed_content("preprocessing"), [one["image"] for one in samples])
    if not read.all():
        raise typer.BadParameter(f"{(~read).sum()} training images cannot be read; needed all. Mend the data.")
    state = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("encoder.")}
    state["bank"] = torch.from_numpy(vectors)
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    half["nodes"] = torch.tensor([tree.nodes[one["node"]].id for one in samples])
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "model.pt") as unfinished:
        torch.save(half, unfinished)
    with replacing(out / "known_images.csv") as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        names = (
            (mix.sources[source].name, Path(one["name"]).stem) for (source, _), one in zip(chosen, samples, strict=True)
        )
        csv.writer(file, lineterminator="\n").writerows([NAME_COLUMNS, *names])
    counts = Counter(mix.sources[source].name for source, _ in chosen)
    print(f"{len(chosen)} known images ({', '.join(f'{name} {count}' for name, count in counts.items())}) in {out}")


@app.command()
def measure(
    data: Data,
    work: Work,
    unseen: Annotated[list[str], typer.Option(help="NAME=FOLDER of a table whose organ is not known.")] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="JSON file for the numbers.")] = None,
    bundle: Bundle = "ultrasound_pretraining",
) -> None:
    """Choose on `val`, report on `test`; then how often images of unseen organs are called unknown."""
    parser = parser_of(bundle)
    parts = {split: embedded(parser, mix_of(data, work), split) for split in ("val", "test")}
    nearest = parser.get_parsed_content("nearest")
    choose_on_val(parts["val"], nearest)
    found = {"test": summarise(scored(parts["test"], nearest))}
    for name in sorted(set(parts["test"]["data_set"])):
        of_set = parts["test"][parts["test"]["data_set"] == name]
        found[f"test, {name}"] = summarise(scored(of_set, nearest))
    for given in unseen:
        name, _, folder = given.partition("=")
        table = embedded_table(parser, name, Path(folder))
        found[f"{name} (organ not known)"] = {"called_unknown": summarise(scored(table, nearest))["called_unknown"]}
    show(found)
    if out is not None:
        with replacing(out) as unfinished:
            unfinished.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def parser_of(bundle: str) -> Any:
    """The bundle's inference configuration, on the CPU in float32."""
    return load_inference(find_bundle(bundle), {"device": "cpu", "precision": "float32"}).parser


def mix_of(data: Path, work: Path) -> Path:
    """The mix of the training, with paths of this machine."""
    work.mkdir(parents=True, exist_ok=True)
    return prepare_mix(data, work)


def choose(mix: Mix, per_organ: int) -> list[tuple[int, int]]:
    """(number of the data set, row) of the known images: of each organ as many, shared alike by its data sets."""
    organ_of = [next(iter(source.nodes or ())) for source in mix.sources]
    generator = np.random.default_rng(SEED)
    chosen = []
    for number, source in enumerate(mix.sources):
        share = per_organ // organ_of.count(organ_of[number])
        rows = generator.permutation(len(source))[:share]
        chosen += [(number, int(row)) for row in sorted(rows)]
    return chosen


def embed(network: Any, preprocessing: Any, images: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 (images that could be read, channels), and which those were, bool (images,)."""
    vectors, batch, read = [], [], np.ones(len(images), dtype=bool)
    for number, image in enumerate(track(images, description="Embedding")):
        try:
            batch.append(preprocessing({"image": str(image)})["image"].as_tensor())
        except (RuntimeError, UnreadableFrames) as error:
            if not isinstance(own_cause(error), UnreadableFrames):
                raise
            read[number] = False
        if batch and (len(batch) == BATCH or number == len(images) - 1):
            with torch.inference_mode():
                vectors.append(network(torch.stack(batch)).flatten(1).numpy())
            batch = []
    return np.concatenate(vectors), read


def embedded(parser: Any, mix_file: Path, split: str) -> pd.DataFrame:
    """A row per image of a split: data set, group, organ and vector."""
    tree = parser.get_parsed_content("tree")
    mix = read_mix(mix_file, tree, splits=[split], leave_out_others=True)
    rows = [
        {"data_set": source.name, "image": str(one["image"]), "group": f"{source.name} {one['group']}",
         "organ": tree.nodes[one["node"]].name.replace(" ", "_")}
        for source in mix.sources for one in (source[row] for row in range(len(source)))
    ]  # fmt: skip
    return with_vectors(parser, rows)


def embedded_table(parser: Any, name: str, folder: Path) -> pd.DataFrame:
    """The same of the test rows of a table, whose organ the bank does not know."""
    rows = [
        {"data_set": name, "image": str(row["image"]), "group": str(row["group"]), "organ": UNKNOWN}
        for row in read_table(folder, "test", masks=False)
    ]
    return with_vectors(parser, rows)


def with_vectors(parser: Any, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows with a column `vector`."""
    network, preprocessing = (parser.get_parsed_content(name) for name in ("network", "preprocessing"))
    vectors, read = embed(network, preprocessing, [row["image"] for row in rows])
    return pd.DataFrame(rows)[read].assign(vector=list(vectors))


def scored(rows: pd.DataFrame, nearest: NearestImages) -> pd.DataFrame:
    """Whether the organ, and the organ where one is named, is right, and whether it is called unknown."""
    answers = [answer_of(nearest, vector) for vector in rows["vector"]]
    right = rows["organ"].to_numpy() == answers
    unknown = np.array([answer == UNKNOWN for answer in answers])
    return rows[["image", "group"]].assign(
        organ_accuracy=right.astype(float),
        organ_accuracy_where_named=np.where(unknown, np.nan, right),
        called_unknown=unknown.astype(float),
    )


def answer_of(nearest: NearestImages, vector: np.ndarray) -> str:
    """The organ that the bundle names."""
    return next(one.answer for one in nearest.describe(vector) if isinstance(one, Scores) and one.name == "organ")


def summarise(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Means with 95 % intervals over groups."""
    return summarise_means(rows)


def choose_on_val(val: pd.DataFrame, nearest: NearestImages) -> None:
    """Print accuracy on val for numbers of neighbours, and the similarity that loses 5 % of their votes."""
    table = Table(title="val: what neighbours and smallest_similarity should be")
    for column in ("neighbours", "organ accuracy", "mean over data sets", "smallest similarity"):
        table.add_column(column)
    for count, row in tried(val, nearest):
        table.add_row(str(count), *(f"{number:.3f}" for number in row))
    Console(width=130).print(table)


def tried(val: pd.DataFrame, nearest: NearestImages) -> Iterator[tuple[int, tuple[float, float, float]]]:
    """(neighbours, (accuracy without "unknown", its mean over data sets, similarity that loses 5 % of the votes))."""
    for count in NEIGHBOURS:
        voters = NearestImages(nearest.known, nearest.tree, neighbours=count, smallest_similarity=-1)
        right = val["organ"].to_numpy() == [answer_of(voters, vector) for vector in val["vector"]]
        similarities = np.stack(list(val["vector"])) @ nearest.known.vectors.T
        of_neighbours = np.sort(similarities, axis=1)[:, -count:]
        by_set = pd.Series(right).groupby(val["data_set"].to_numpy()).mean()
        yield count, (right.mean(), by_set.mean(), float(np.quantile(of_neighbours, LOST)))


def show(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print a row for each number."""
    table = Table(title="test, with 95 % intervals over groups")
    for column in ("images", "number", "mean", "low", "high", "images", "groups"):
        table.add_column(column)
    for name, numbers in found.items():
        for key, one in numbers.items():
            means = [f"{one[part]:.3f}" for part in ("mean", "low", "high")]
            table.add_row(name, key, *means, str(one["images"]), str(one["groups"]))
    Console(width=130).print(table)


if __name__ == "__main__":
    app()
