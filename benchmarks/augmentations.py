"""Which augmentations help on the pictures of a hospital that the network has not seen.

    python benchmarks/augmentations.py --data BUS_BRA --unseen BUSI --unseen BREAST --other HC18 --other AUL
    python benchmarks/augmentations.py --data BUS_BRA --unseen BUSI --unseen BREAST --only haze --seed 3

A segmentation network is trained on the `train` rows of one data set, with what the train.json of
`breast_lesion_segmentation` says (loss, optimiser, augmentation), but with 128 px, the encoder `tiny`, half the width
and no decoder that knows masks. From there it is trained on, once as it is and once with each augmentation added: from
the same weights, with the same pictures in the same order and the same draws of the other augmentations. Each is scored
by the Dice of every lesion on `train` and `val` rows of data sets that it has not seen, and on `val` of its own, and
by the share of the pictures without a lesion in which it outlines none. No row of `test` is read.

"Other organs" is no augmentation: 2 of the 8 pictures of a batch are `train` rows of `--other`, with nothing to find.
Of `train.json`, `dice_smooth_px` is 50 there and with "empty part", unless the name says otherwise.

Each training leaves a table of scores in RUNS and is not repeated. The encoder has seen unlabelled training pictures of
all three (echocare_core/models/embedded/tiny.json).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from monai.bundle import ConfigParser
from monai.data import set_track_meta
from monai.transforms import Compose
from representation_pictures import Kept, Pictures
from rich.console import Console
from rich.table import Table
from scipy import stats
from torch import Tensor, nn

from echocare_core.atomic import replacing
from echocare_core.bundle import find_bundle
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.comparison import compare
from echocare_core.evaluation.mask_scores import dice
from echocare_core.training import warmup_cosine

SIDE, TRAINED_SIDE = 128, 256  # px here, and in the bundle, which gives its shifts in pixels
FIRST_STEPS, BATCH, WARMUP_STEPS, AT_ONCE = 400, 8, 20, 8
BASE = "as it is"
OURS = "echocare_core.transforms.augmentation."
ADDED: dict[str, dict[str, Any]] = {
    "speckle": {"_target_": OURS + "RandSpeckled", "strength": [0, 0.3], "grain_px": [0.5, 1.5]},
    "gain": {"_target_": OURS + "RandLogCompressiond", "gain": [-0.15, 0.15], "dynamic_range": [1, 1]},
    "dynamic range": {"_target_": OURS + "RandLogCompressiond", "gain": [0, 0], "dynamic_range": [0.6, 1.6]},
    "time gain": {"_target_": OURS + "RandTimeGaind", "gain": 0.2, "sliders": 6},
    "shadow": {
        "_target_": OURS + "RandAcousticShadowd",
        **{"strength": [0.3, 0.9], "width": [0.05, 0.25], "depth": [0.1, 0.7]},
    },
    "haze": {
        "_target_": OURS + "RandHazed",
        **{"strength": [0.05, 0.3], "depth": [0.1, 0.9], "thickness": [0.05, 0.2]},
    },
    "reverberation": {"_target_": OURS + "RandReverberationd", "strength": [0.1, 0.4], "spacing": [0.05, 0.25]},
    "line density": {"_target_": OURS + "RandLineDensityd", "lines": [24, 64]},
    "zoom": {
        "_target_": OURS + "RandScanZoomd",
        **{"keys": ["image", "label"], "zoom": [1, 1.5], "mode": ["bilinear", "nearest"]},
    },
    "empty part": {"_target_": OURS + "RandEmptyPartd", "keys": ["image", "label"], "part": [0.35, 0.7]},
    "marks": {"_target_": OURS + "RandMarksd", "calipers": [0, 2], "words": [0, 2]},
    "any grey curve (MONAI)": {"_target_": "RandHistogramShiftd", "num_control_points": [4, 8]},
    "low resolution (MONAI)": {
        "_target_": "RandSimulateLowResolutiond",
        **{"zoom_range": [0.4, 1], "upsample_mode": "bilinear"},
    },
}
ONE_OF_THEM, OTHER_ORGANS = "one of all above", "other organs"
OTHER_PLAIN = "other organs, dice_smooth_px as it is"
WITH_OTHERS = (OTHER_ORGANS, OTHER_PLAIN)
NAMES = (BASE, *ADDED, ONE_OF_THEM, *WITH_OTHERS)
PROBABILITY = {"empty part": 0.25}  # 0.5 for the others
OTHERS_IN_A_BATCH = 2  # pictures of other organs, with nothing to find
WITHOUT_LESION = ("empty part", OTHER_ORGANS)
DICE_SMOOTH_PX = 50  # where pictures without a lesion are in the training, of which the Dice loss says nothing without
PARTED = ["data", "shows"]
Settings = dict[str, Any]


def main(
    data: Annotated[Path, typer.Option(help="Folder with the table.csv of the data set to train on.")],
    unseen: Annotated[list[Path], typer.Option(help="Folders of data sets that are scored and never trained on.")],
    other: Annotated[list[Path] | None, typer.Option(help="Folders of data sets of other organs.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder for scores and decoded pictures.")] = Path("runs/augmentations"),
    only: Annotated[list[str] | None, typer.Option(help=f"Which to train: {', '.join(NAMES)}; all by default.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Of the trainings; 0, 1 and 2 by default.")] = None,
    steps: Annotated[int, typer.Option(help="Of the optimiser, with an augmentation added.")] = 240,
    report: Annotated[bool, typer.Option("--report", help="Train nothing, print what there is.")] = False,
) -> None:
    """Train what is not trained yet, and print what there is."""
    if unknown := set(only or []) - set(NAMES):
        raise typer.BadParameter(f"--only {sorted(unknown)[0]}; needed one of: {', '.join(NAMES)}.")
    set_track_meta(False)
    kept, folder = Kept(runs / "pictures"), runs / f"{FIRST_STEPS}-then-{steps}-steps"
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(data, "val"), *((one, split) for one in unseen for split in ("train", "val"))]
    others = [kept.read(one, "train", SIDE) for one in other or ()]
    wanted = only or [name for name in NAMES if others or name not in WITH_OTHERS]
    if not others and (without := [name for name in wanted if name in WITH_OTHERS]):
        raise typer.BadParameter(f'--only "{without[0]}" without --other; needed pictures of other organs.')
    for number, name in product(() if report else seed or (0, 1, 2), wanted):
        path = scores_of(folder, name, number)
        if path.is_file():
            continue
        began = time.process_time()
        pictures = kept.read(data, "train", SIDE, labels=1)
        network = train(pictures, name, number, steps, trained_before(pictures, folder, number), others)
        trained = time.process_time()
        scores = pd.concat([score(network, kept.read(*part, SIDE, labels=1), *part) for part in parts])
        with replacing(path) as unfinished:
            scores.to_csv(unfinished, index=False)
        means = ", ".join(f"{' '.join(key)} {mean:.4f}" for key, mean in scores.groupby(PARTED)["dice"].mean().items())
        spent = f"{trained - began:.0f} s and {time.process_time() - trained:.0f} s"
        print(f"{name}, seed {number}: {means}; trained and scored in {spent}", flush=True)
    show(folder)


def scores_of(folder: Path, name: str, seed: int) -> Path:
    """Where the scores of a training stand."""
    return folder / f"{name.replace(' ', '_')}-{seed}.csv"


def added_entries(name: str) -> list[Settings]:
    """What is added to the bundle's `augment`."""
    if name in (BASE, *WITH_OTHERS):
        return []
    if name == ONE_OF_THEM:
        every = [{"keys": "image", **entry, "prob": 1.0} for entry in ADDED.values()]
        return [{"_target_": "OneOf", "transforms": every}]
    return [{"keys": "image", **ADDED[name], "prob": PROBABILITY.get(name, 0.5)}]


def configured(name: str) -> ConfigParser:
    """The bundle's train.json with the few entries that this comparison replaces."""
    path = find_bundle("breast_lesion_segmentation") / "configs" / "train.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for entry in config["augment"]:
        if "translate_range" in entry:
            entry["translate_range"] = [shift * SIDE / TRAINED_SIDE for shift in entry["translate_range"]]
    config["augment"] += added_entries(name)
    config["network_def"] |= {"width": 16, "width_limit": 40}
    if name in WITHOUT_LESION:
        config["dice_smooth_px"] = DICE_SMOOTH_PX
    config |= {"encoder": "tiny", "decoder_weights": None, "structures": None, "device": "cpu"}
    return ConfigParser(config)


def trained_before(pictures: Pictures, folder: Path, seed: int) -> Settings:
    """The weights that all trainings of a seed go on from; trained where they are not yet."""
    path = folder / f"start-{seed}.pt"
    if not path.is_file():
        network = train(pictures, BASE, seed, FIRST_STEPS, None)
        with replacing(path) as unfinished:
            torch.save(network.state_dict(), unfinished)
    weights: Settings = torch.load(path, weights_only=True)
    return weights


def train(
    pictures: Pictures, name: str, seed: int, steps: int, weights: Settings | None, others: Sequence[Pictures] = ()
) -> nn.Module:
    """A network trained for so many steps from weights, or from the encoder alone."""
    torch.manual_seed(seed)
    parser = configured(name)
    network, loss, optimizer = (parser.get_parsed_content(key) for key in ("network", "loss", "optimizer"))
    if weights is not None:
        network.load_state_dict(weights)
    own = 2 * seed + (weights is not None)  # the pictures and draws of the second training are others
    augment = Compose(parser.get_parsed_content("augment")).set_random_state(own)
    schedule = warmup_cosine(optimizer, warmup_steps=WARMUP_STEPS, steps=steps)
    generator = np.random.default_rng(own)
    order = np.concatenate([generator.permutation(len(pictures)) for _ in range(-(-steps * BATCH // len(pictures)))])
    network.train()
    for rows in order[: steps * BATCH].reshape(steps, BATCH):
        shown = [(pictures.images[row], pictures.masks[row]) for row in rows]
        if name in WITH_OTHERS:
            shown[:OTHERS_IN_A_BATCH] = [drawn_of(others, generator) for _ in range(OTHERS_IN_A_BATCH)]
        items = [augment({"image": image.float() / 255, "label": label}) for image, label in shown]
        images, labels = (torch.stack([torch.as_tensor(item[key]) for item in items]) for key in ("image", "label"))
        optimizer.zero_grad(set_to_none=True)
        loss(network(images), labels).backward()
        optimizer.step()
        schedule.step()
    return network


def drawn_of(others: Sequence[Pictures], generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A picture of one of the data sets, each as often, and a mask with nothing on it."""
    pictures = others[int(generator.integers(len(others)))]
    row = int(generator.integers(len(pictures)))
    return pictures.images[row], torch.zeros_like(pictures.masks[row])


@torch.no_grad()
def score(network: nn.Module, pictures: Pictures, folder: Path, split: str) -> pd.DataFrame:
    """A row for each picture: name, group, data set, what it shows, and Dice, which without a lesion is 1 or 0."""
    network.eval()
    data = folder.name
    found = torch.cat([network(some.float() / 255).argmax(1) for some in pictures.images.split(AT_ONCE)]).numpy() > 0
    drawn = pictures.masks[:, 0].numpy() > 0
    rows = [
        (
            *(f"{data}/{split}/{number}", f"{data}/{pictures.groups[number]}", data),
            *("lesions" if drawn[number].any() else "no lesion", dice(found[number], drawn[number])),
        )
        for number in range(len(pictures))
    ]
    return pd.DataFrame(rows, columns=["image", "group", *PARTED, "dice"])


def show(folder: Path) -> None:
    """Print, for each part of the data, the mean Dice of each and how it differs from none, over common seeds."""
    tables = {name: read_seeds(folder, name) for name in NAMES}
    every = [rows for one in tables.values() for rows in one.values()]
    for part in sorted({tuple(key) for rows in every for key in rows[PARTED].to_numpy()}):
        table = Table("added", "Dice", "difference (over patients)", "(over seeds)", "each seed", title=", ".join(part))
        for name in NAMES:
            if common := sorted(set(tables[name]) & set(tables[BASE])):
                here, base = (of_part(tables[one], common, part) for one in (name, BASE))
                table.add_row(name, f"{here['dice'].mean():.3f}", *differences(here, base))
        Console(width=150).print(table)


def read_seeds(folder: Path, name: str) -> dict[int, pd.DataFrame]:
    """The scores that there are, by seed."""
    paths = folder.glob(scores_of(folder, name, 0).name.replace("-0.csv", "-*.csv"))
    return {int(path.stem.rpartition("-")[2]): pd.read_csv(path) for path in paths}


def of_part(tables: dict[int, pd.DataFrame], seeds: list[int], part: tuple[str, ...]) -> pd.DataFrame:
    """The scores of one part: a row for each picture, its mean over seeds, and one column for each seed."""
    rows = [tables[seed][(tables[seed][PARTED] == list(part)).all(axis=1)].set_index("image") for seed in seeds]
    each = pd.DataFrame({seed: one["dice"] for seed, one in zip(seeds, rows, strict=True)})
    return each.assign(group=rows[0]["group"], dice=each.mean(axis=1)).reset_index()


def differences(here: pd.DataFrame, base: pd.DataFrame) -> tuple[str, str, str]:
    """The mean difference with its interval over patients, its interval over seeds, and that of each seed."""
    paired = compare(here, base, mean_of("dice")).difference
    seeds = [column for column in here if isinstance(column, int)]
    each = np.array([(here[seed] - base[seed]).mean() for seed in seeds])
    over_seeds = ""
    if len(each) > 1:
        half = float(stats.t.ppf(0.975, len(each) - 1)) * each.std(ddof=1) / np.sqrt(len(each))
        over_seeds = f"{each.mean() - half:+.3f} to {each.mean() + half:+.3f}"
    return (
        f"{paired.estimate:+.3f} ({paired.low:+.3f} to {paired.high:+.3f})",
        over_seeds,
        " ".join(f"{one:+.3f}" for one in each),
    )


if __name__ == "__main__":
    typer.run(main)
