"""How near `ultrasound_enhancement` brings degraded pictures to their originals, beside filters that everybody has.

    python benchmarks/enhancement.py --data DATA --train           # trains, and puts the weights into the bundle
    python benchmarks/enhancement.py --data DATA --write           # measures the bundle, for its card and page

DATA holds the folders of the data sets, of which five are learned from and one, `UNSEEN`, only tested. A picture of
`test` is degraded by the faults of the bundle's evaluate.json, drawn by its content, so that every method gets the
same: each fault by itself, and several at once as they come. The strength of each filter is chosen on `val` by PSNR,
for each fault and for the mixture by itself, which the network is not. Intervals are 95 %, over patients. Then: what it
does to pictures that were not degraded, to the outlines of `breast_lesion_segmentation`, and from frame to frame of a
cine (that of pydicom's examples).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import SimpleITK
import torch
import typer
from enhancement_effects import ORIGINAL, Pictures, measure_flicker, measure_lesions
from monai.bundle import ConfigParser
from monai.transforms import Compose
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import median_filter
from skimage.restoration import denoise_nl_means
from tasks import checkpoint, run_bundle

from echocare_core.bundle import find_bundle, read_json
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.comparison import compare
from echocare_core.evaluation.estimate import as_summary, estimate
from echocare_core.tasks.enhancement.answer import as_bytes
from echocare_core.tasks.enhancement.score import compare_pictures, speckle_index
from echocare_core.training import export_network
from echocare_core.transforms.augmentation.compression import KNEE, brighten
from echocare_core.transforms.degradation import FixedByContentd, RandPoorScannerd

SETS, UNSEEN = ("aul_liver", "hc18", "ccaui_carotid", "bus_bra", "breast_usg"), "busi"
MOST = {"train": 400, "val": 12, "test": 16}  # images of a set in each split
CHOOSING, TESTED, SINGLE = 2, 10, 3  # of a set: to choose strengths, to test on, and for each fault by itself
FAULTS = ("blur along the beams", "few beams", "speckle", "time gain", "gain", "dynamic range")
MIXED, NONE = "several at once", "none"
NETWORK, DEGRADED = "bundle", "degraded"
SEED = 0
TYPICAL = 0.25  # mean of the lit pixels of val
START, END = "<!-- results -->\n", "<!-- /results -->\n"  # around the tables of the page
Grey = NDArray[np.float32]


def anisotropic(grey: Grey, strength: float) -> Grey:
    """Perona and Malik's diffusion (IEEE Trans PAMI 12:629, 1990), as ITK has it."""
    image = SimpleITK.GetImageFromArray(grey)
    spread = SimpleITK.GradientAnisotropicDiffusion(image, 0.125, strength, numberOfIterations=8)
    return SimpleITK.GetArrayFromImage(spread)


def bilateral(grey: Grey, strength: float) -> Grey:
    """Tomasi and Manduchi's filter (ICCV 1998), as ITK has it."""
    return SimpleITK.GetArrayFromImage(SimpleITK.Bilateral(SimpleITK.GetImageFromArray(grey), 1.5, strength))


def non_local_means(grey: Grey, strength: float) -> Grey:
    """Buades, Coll and Morel's filter (CVPR 2005), as scikit-image has it."""
    return denoise_nl_means(grey, patch_size=5, patch_distance=6, h=strength, fast_mode=True).astype(np.float32)


def levelled(grey: Grey, strength: float) -> Grey:
    """The gain set anew, so far that lit pixels come nearer to the mean that those of `val` have."""
    lit = grey[grey > KNEE]
    by = np.float32(strength * (TYPICAL - lit.mean())) if lit.size else np.float32(0)
    return np.clip(brighten(grey[None], by)[0], 0, 1)


FILTERS: dict[str, tuple[Callable[[Grey, Any], Grey], tuple[Any, ...]]] = {  # each with the strengths that are tried
    "median": (lambda grey, px: median_filter(grey, px), (3, 5, 7)),
    "bilateral": (bilateral, (0.02, 0.08, 0.2)),
    "anisotropic diffusion": (anisotropic, (0.5, 1.5, 4.0)),
    "non-local means": (non_local_means, (0.02, 0.05, 0.1)),
    "gain": (levelled, (0.0, 0.2, 0.4)),
}


def main(
    data: Annotated[Path, typer.Option(help="Folder with the folders of the data sets.")],
    train: Annotated[bool, typer.Option("--train", help="Train, and put the weights into the bundle.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the numbers into the bundle's card and page.")] = False,
    work: Annotated[Path, typer.Option(help="For tables, checkpoints and numbers.")] = Path("runs/enhancement"),
) -> None:
    """Train where asked, measure, print the tables, and write WORK/enhancement.json."""
    bundle = find_bundle("ultrasound_enhancement")
    table = write_table(data, work)
    if train:
        fit(bundle, work)
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / name) for name in ("inference.json", "evaluate.json")])
    parser.update({"bundle_root": str(bundle), "device": "cpu"})
    chosen = choose_strengths(parser, table[table["split"] == "val"], work)
    rows = score(parser, table[table["split"] == "test"], chosen)
    rows.to_csv(work / "rows.csv", index=False)
    found = {
        "tables": {"PSNR (dB)": of_numbers(rows, "psnr_db"), "SSIM": of_numbers(rows, "ssim")},
        "ahead": ahead_of_filters(rows),
        "speckle index": of_numbers(rows, "speckle_index"),
        "strengths": chosen,
        "lesions": measure_lesions(data, parser.get_parsed_content("preprocessing"), pictures_of(parser, None)),
        "flicker": measure_flicker(
            parser.get_parsed_content("preprocessing"), pictures_of(parser, FAULTS.index("speckle"))
        ),
    }
    (work / "enhancement.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for title, lines in tables_of(found).items():
        show(title, lines)
    if write:
        write_results(bundle, found)


def write_table(data: Path, work: Path) -> pd.DataFrame:
    """WORK/table.csv with some images of every set."""
    tables = []
    for name in (*SETS, UNSEEN):
        folder = (data / name).resolve()
        rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        rows["image"] = [str(folder / path) for path in rows["image"]]
        some = [
            rows[rows["split"] == split].sample(frac=1, random_state=SEED).head(most).sort_index()
            for split, most in MOST.items()
            if name != UNSEEN or split == "test"
        ]
        kept = pd.concat(some)[["image", "group", "split"]]
        tables.append(kept.assign(group=f"{name} " + kept["group"], set=name))
    work.mkdir(parents=True, exist_ok=True)
    table = pd.concat(tables)
    table.to_csv(work / "table.csv", index=False)
    return table


def fit(bundle: Path, work: Path) -> None:
    """Train with the bundle's own configuration, and put the weights into the bundle."""
    run, epochs = work / "run", read_json(bundle / "configs" / "train.json")["max_epochs"]
    if not (run / "latest.pt").is_file() or checkpoint(run)["epoch"] < epochs:
        run_bundle(bundle, ["train.json"], {"dataset_dir": work, "output_dir": run})
    export_network(run / "best.pt", bundle / "models" / "model.pt")


def degradation(parser: ConfigParser, only: int | None = None) -> Compose:
    """The faults of evaluate.json as they come, or one of them, always."""
    settings = {name: value for name, value in parser["degrade"][0].items() if name != "_target_"}
    scanner = RandPoorScannerd(**{**settings, "prob": settings["prob"] if only is None else 0.0})
    if only is not None:
        scanner.transforms[only].prob = 1.0
    return scanner


def faults_of(parser: ConfigParser) -> dict[str, Compose | None]:
    """Every fault by itself, several, and none."""
    each = {name: degradation(parser, number) for number, name in enumerate(FAULTS)}
    return {MIXED: degradation(parser), NONE: None, **each}


def as_degraded(item: dict[str, Any], faults: Compose | None, seed: int) -> dict[str, Any]:
    """A prepared item whose image is degraded, and was saved in 8 bits."""
    if faults is None:
        return item
    degraded = FixedByContentd("image", [faults], seed)(dict(item))
    degraded["image"] = torch.round(degraded["image"] * 255) / 255
    return degraded


def enhance(parser: ConfigParser, item: dict[str, Any]) -> NDArray[np.uint8]:
    """The enhanced frame, uint8 RGB (height, width, 3), as the bundle gives it."""
    network, answer = (parser.get_parsed_content(name) for name in ("network", "postprocessing"))
    with torch.no_grad():
        pred = network(item["image"].as_tensor()[None])[0]
    return answer({**item, "pred": pred})["outputs"][0].pixels


def prepared(parser: ConfigParser, rows: pd.DataFrame, most: int) -> Iterator[tuple[pd.Series, dict[str, Any]]]:
    """Some images of every set, and each as inference prepares it."""
    prepare = parser.get_parsed_content("preprocessing")
    for _, row in rows.groupby("set", sort=False).head(most).iterrows():
        yield row, prepare({"image": row["image"]})


def pictures_of(parser: ConfigParser, fault: int | None) -> Pictures:
    """The original, and a degraded picture, each as it is and enhanced."""
    faults, seed = degradation(parser, fault), parser["seed"]
    return {
        ORIGINAL: lambda item: as_bytes(item["image"].numpy()),
        f"{ORIGINAL}, enhanced": lambda item: enhance(parser, item),
        DEGRADED: lambda item: as_bytes(as_degraded(item, faults, seed)["image"].numpy()),
        f"{DEGRADED}, enhanced": lambda item: enhance(parser, as_degraded(item, faults, seed)),
    }


def grey_of(item: dict[str, Any]) -> Grey:
    return item["image"].as_tensor().mean(dim=0).numpy()


def choose_strengths(parser: ConfigParser, rows: pd.DataFrame, work: Path) -> dict[str, dict[str, Any]]:
    """Fault -> filter -> the strength with the highest PSNR on `rows`, kept in WORK/strengths.json fault by fault."""
    path = work / "strengths.json"
    chosen: dict[str, dict[str, Any]] = read_json(path) if path.is_file() else {}
    items = [item for _, item in prepared(parser, rows, CHOOSING)]
    for fault, faults in faults_of(parser).items():
        if fault in chosen:
            continue
        pairs = [(grey_of(as_degraded(item, faults, parser["seed"])), grey_of(item)) for item in items]
        chosen[fault] = {
            name: max(strengths, key=lambda one, run=run: np.mean([psnr(run(a, one), b) for a, b in pairs]))
            for name, (run, strengths) in FILTERS.items()
        }
        path.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    return chosen


def psnr(picture: Grey, original: Grey) -> float:
    return compare_pictures(picture, original)["psnr_db"]


def score(parser: ConfigParser, rows: pd.DataFrame, chosen: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """A row for each image, fault and method; of the unseen set with several faults at once alone."""
    found, unseen = [], rows["set"] == UNSEEN
    for case, fault, own, most in [
        *((fault, fault, rows[~unseen], TESTED if fault == MIXED else SINGLE) for fault in faults_of(parser)),
        (f"{MIXED}, {UNSEEN.upper()}", MIXED, rows[unseen], MOST["test"]),
    ]:
        faults = faults_of(parser)[fault]
        for row, item in prepared(parser, own, most):
            degraded, original = as_degraded(item, faults, parser["seed"]), grey_of(item)
            grey = grey_of(degraded)
            pictures = {DEGRADED: grey, NETWORK: enhance(parser, degraded).mean(axis=-1).astype(np.float32) / 255}
            pictures |= {name: run(grey, chosen[fault][name]) for name, (run, _) in FILTERS.items()}
            for name, picture in pictures.items():
                numbers = {**compare_pictures(picture, original), "speckle_index": speckle_index(picture)}
                found.append({"image": row["image"], "group": row["group"], "fault": case, "method": name, **numbers})
    return pd.DataFrame(found)


def of_numbers(rows: pd.DataFrame, number: str) -> dict[str, dict[str, Any]]:
    """Fault -> method -> mean with its interval."""
    return {
        str(fault): {
            str(name): as_summary(estimate(own, mean_of(number))) for name, own in part.groupby("method", sort=False)
        }
        for fault, part in rows.groupby("fault", sort=False)
    }


def ahead_of_filters(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Fault -> the best filter by PSNR on `test`, or none, and how far the bundle is ahead of it."""
    found = {}
    for fault, part in rows.groupby("fault", sort=False):
        means = part[part["method"] != NETWORK].groupby("method")["psnr_db"].mean()
        own, other = (part[part["method"] == name] for name in (NETWORK, means.idxmax()))
        found[str(fault)] = {
            "of": str(means.idxmax()),
            **as_summary(compare(own, other, mean_of("psnr_db")).difference),
        }
    return found


def tables_of(found: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Title -> cells of each table, its head first."""
    tables = {}
    for title, faults in found["tables"].items():
        methods = list(next(iter(faults.values())))
        tables[title] = [["fault", *methods, "images", "patients"]] + [
            [fault, *(cell(one) for one in of.values()), *(str(of[NETWORK][n]) for n in ("images", "groups"))]
            for fault, of in faults.items()
        ]
    tables["ahead of the best other (dB)"] = [["fault", "best other", "difference"]] + [
        [fault, one["of"], cell(one)] for fault, one in found["ahead"].items()
    ]
    tables["speckle index"] = [["fault", DEGRADED, NETWORK, "original"]] + [
        [fault, cell(of[DEGRADED]), cell(of[NETWORK]), cell(found["speckle index"][NONE][DEGRADED])]
        for fault, of in found["speckle index"].items()
    ]
    tables["Dice of breast_lesion_segmentation"] = [["pictures", "Dice", "less that of the originals"]] + [
        [name, cell(one["dice"]), cell(one["difference"])] for name, one in found["lesions"].items()
    ]
    tables["from frame to frame of a cine (percent of white)"] = [
        ["cine", "change of a pixel", "change of the mean"]
    ] + [[name, f"{one['pixel']:.2f}", f"{one['mean']:.3f}"] for name, one in found["flicker"].items()]
    return tables


def cell(one: dict[str, float]) -> str:
    return f"{one['mean']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def show(title: str, lines: list[list[str]]) -> None:
    """Print one table."""
    table = Table(*lines[0], title=title)
    for line in lines[1:]:
        table.add_row(*line)
    Console(width=200).print(table)


def write_results(bundle: Path, found: dict[str, Any]) -> None:
    """Put the numbers into the card of the weights, and the tables into the bundle's page."""
    card, results = bundle / "models" / "model.json", {}
    for name, fault in {
        "Five test parts, degraded": MIXED,
        "BUSI, degraded (external)": f"{MIXED}, {UNSEEN.upper()}",
    }.items():
        other = found["ahead"][fault]["of"]
        methods = {"bundle": NETWORK, f"{other}, the best other": other}
        numbers = {"psnr_db": found["tables"]["PSNR (dB)"][fault], "ssim": found["tables"]["SSIM"][fault]}
        results[name] = {what: {key: of[method] for key, of in numbers.items()} for what, method in methods.items()}
    card.write_text(json.dumps({**read_json(card), "results": results}, indent=4) + "\n", encoding="utf-8")
    page = bundle / "docs" / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    tables = []
    for title, (head, *lines) in tables_of(found).items():
        body = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))
        tables.append(f"{title[0].upper()}{title[1:]}:\n\n{body}")
    page.write_text(f"{before}{START}" + "\n\n".join(tables) + f"\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
