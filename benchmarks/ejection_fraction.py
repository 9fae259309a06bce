"""Ejection fraction: simulated frames to train on, how well the bundle measures, and what smoothing over time does.

    python benchmarks/ejection_fraction.py simulate FOLDER
    python benchmarks/ejection_fraction.py measure OUT --camus CAMUS
    python benchmarks/ejection_fraction.py smooth OUT

Two methods, by the outlines and by regression (`echocare_core.tasks.volume_regression`), on three tests, none of them
in the training; and how far both lie apart on each case:

    simulated   patients of the same simulator, under another seed
    shapes      the same simulator moves the contours of the test patients of CAMUS at both ends of systole: shapes and
                motion are those of real patients, pictures are not
    real        frames of CAMUS patients at both ends of systole, of whom the clinic has measured ejection fraction and
                volumes in two views

What smoothing the masks of a cine does (`smoothed_frames`) is measured on simulated hearts, whose true masks are known,
at 10 and 20 frames a second: a slow camera sees a heart jump. `truth` is what true masks share with the frame
before, `faster` the Dice in the quarter of the frames of a cine where they share least.

CAMUS (Leclerc et al., IEEE Trans Med Imaging 38:2198, 2019) is licensed CC BY-NC-SA 4.0: it is only measured with,
and is not part of this project. Its folder has `table.csv` (image, group, view, phase, ef, source_width,
source_height), and `camus_4ch_ed_es_46pts.txt` with `camus_4ch_split.csv`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from echocare_core.evaluation.agreement import summarise_agreement
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.mask_scores import dice
from echocare_core.evaluation.statistic import Numbers, Statistic, ratio
from echocare_core.phantom import SimulatedCine, Ventricle, draw_ventricle, simulate_cine
from echocare_core.phantom.write import HEIGHT, write_cine, write_cines, write_training_frames
from echocare_core.prediction import predict

BUNDLE = "ejection_fraction_regression"
PATIENTS, FRAMES, SEED = {"train": 600, "val": 30, "test": 30}, 2, 20250912
TEST_SEED = 20250914
HALF_BEAT = "cine_patient0001_4ch_10frames"
ROW_MM, COLUMN_MM = 0.154, 0.308  # of the pixels of CAMUS
GRID_MM = (
    148 / 256,
    192 / 256,
)  # (row, column) of the grid of its contours: mean size of the pictures of five patients
SIDES = 40  # points of a contour before those on the mitral plane
COLUMNS = ("mean_absolute_error", "root_mean_squared_error", "r2", "bias", "lower_limit", "upper_limit")
NAME, REGRESSION = "ejection_fraction_percent", "ejection_fraction_regression_percent"
VOLUMES = {NAME: "left_ventricle_volume_px3", REGRESSION: "left_ventricle_volume_regression_px3"}
FRAMES_OF_A_CINE, SMOOTHED_FRAMES = 40, (1, 3, 5)
SHARED = "left_ventricle_dice_with_frame_before_percent"
SMOOTHING = (
    *("with the frame before", "truth", "dice", "gain", "faster", "gain of the faster"),
    *("ejection fraction", "its error"),
)

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def simulate(folder: Annotated[Path, typer.Argument(help="New folder.")]) -> None:
    """Write the simulated frames with masks that the bundle was trained on."""
    write_training_frames(folder, PATIENTS, FRAMES, SEED)


@app.command()
def measure(
    out: Annotated[Path, typer.Argument(help="Folder for cines, results and numbers.")],
    camus: Annotated[Path | None, typer.Option(help="Folder of CAMUS; without it only simulated patients.")] = None,
    bundle: Annotated[str, typer.Option(help="Name or folder of the bundle.")] = BUNDLE,
    patients: Annotated[int, typer.Option(help="How many of the simulated ones, and at most of CAMUS.")] = 24,
    seed: Annotated[
        int, typer.Option(help="Of the simulated patients; another one to choose settings by.")
    ] = TEST_SEED,
) -> None:
    """Measure on simulated patients, on CAMUS contours that the simulator moves, and on real frames of CAMUS."""
    numbers = _compared("simulated", _of_cines(out / "simulated", [None] * patients, seed, bundle))
    if camus is not None:
        shapes = _of_cines(out / "shapes", list(_ventricles(camus))[:patients], seed + 1, bundle)
        numbers |= _compared("shapes", shapes)
        for name, rows in _of_real(out / "real", camus, bundle).items():
            numbers |= _compared(name, rows)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    table = Table("test", *COLUMNS, "patients")
    for name, found in numbers.items():
        cells = (f"{found[one]['mean']:.2f} ({found[one]['low']:.2f} to {found[one]['high']:.2f})" for one in COLUMNS)
        table.add_row(name, *cells, f"{found['bias']['images']} of {found['asked']}")
    Console().print(table)


@app.command()
def smooth(
    out: Annotated[Path, typer.Argument(help="Folder for cines, results and numbers.")],
    bundle: Annotated[str, typer.Option(help="Name or folder of the bundle.")] = BUNDLE,
    patients: Annotated[int, typer.Option(help="How many simulated ones.")] = 16,
    seed: Annotated[int, typer.Option(help="Of the simulated patients.")] = TEST_SEED,
    frame_ms: Annotated[list[float], typer.Option(help="From frame to frame; may be repeated.")] = [100, 50],  # noqa: B006
) -> None:
    """Measure simulated cines with and without smoothing: flicker, Dice with the truth, and ejection fractions."""
    table = Table("frames a second", "smoothed_frames", *SMOOTHING)
    for step_ms in frame_ms:
        folder = out / f"{step_ms:g} ms"
        cines = list(_write_beating(folder / "cines", step_ms, patients, seed))
        numbers: dict[str, Any] = {}
        plain: pd.DataFrame | None = None
        for frames in SMOOTHED_FRAMES:
            settings = {"smoothed_frames": frames, "recogniser": None}
            predict(bundle, folder / "cines", folder / f"by {frames}", overwrite=True, settings=settings)
            rows = _of_frames(folder / f"by {frames}", cines)
            plain = rows if plain is None else plain
            rows["gain"], rows["gain of the faster"] = rows["dice"] - plain["dice"], rows["faster"] - plain["faster"]
            numbers[str(frames)] = {name: _entry(estimate(rows, mean_of(name, "percent"))) for name in SMOOTHING}
            found = numbers[str(frames)].values()
            cells = (f"{one['mean']:.1f} ({one['low']:.1f} to {one['high']:.1f})" for one in found)
            table.add_row(f"{1000 / step_ms:g}", str(frames), *cells)
        (folder / "smoothing.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    Console(width=240).print(table)


def _write_beating(folder: Path, step_ms: float, patients: int, seed: int) -> Iterator[SimulatedCine]:
    """Cines of simulated hearts as files, and with their truth."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(patients):
        generator = np.random.default_rng([seed, number])
        cine = simulate_cine(draw_ventricle(generator), step_ms * np.arange(FRAMES_OF_A_CINE), generator, height=HEIGHT)
        write_cine(folder / f"{number:04d}.mha", cine)
        yield cine


def _of_frames(results: Path, cines: Sequence[SimulatedCine]) -> pd.DataFrame:
    """A row per frame and per cine with its patient, in percent; nan where it says nothing."""
    rows = []
    for row in pd.read_csv(results / "results.csv").to_dict("records"):
        patient = int(Path(row["source"]).stem)
        cine = cines[patient]
        if row.get("level") == "cine":  # there is no such column where no cine is measured
            error = row[NAME] - cine.ejection_fraction_percent
            rows.append({"group": patient, "ejection fraction": error, "its error": abs(error)})
            continue
        frame = int(row["frame"])
        truth, before = cine.masks[frame] == 1, cine.masks[frame - 1] == 1
        found = np.asarray(Image.open(results / row["mask"])) == 1
        shared = {"with the frame before": row[SHARED], "truth": 100 * dice(truth, before) if frame else np.nan}
        rows.append({"group": patient, "dice": 100 * dice(found, truth), **shared})
    found = pd.DataFrame(rows)
    quarter = found.groupby("group")["truth"].transform(lambda shares: shares.quantile(0.25))
    return found.assign(faster=found["dice"].where(found["truth"] <= quarter))


def _of_cines(folder: Path, ventricles: list[Ventricle | None], seed: int, bundle: str) -> pd.DataFrame:
    """Both ejection fractions of each cine, nan where there is none, and the true one: `group`, `truth`."""
    if not (folder / "cines" / "labels.csv").is_file():
        write_cines(folder / "cines", ventricles, seed)
    results = pd.DataFrame(predict(bundle, folder / "cines", folder / "out", overwrite=True))
    cines = results[results["level"] == "cine"].rename(columns={"source": "image"})
    labels = pd.read_csv(folder / "cines" / "labels.csv").rename(columns={NAME: "truth"})
    measured = cines[["image", *VOLUMES]].astype(dict.fromkeys(VOLUMES, float))
    return labels[["image", "group", "truth"]].merge(measured, how="left", on="image")


def _compared(test: str, rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Each method beside the truth, and the outlines beside the regression."""
    pairs = {
        test: (NAME, "truth"),
        f"{test}, by regression": (REGRESSION, "truth"),
        f"{test}, outlines less regression": (NAME, REGRESSION),
    }
    asked = {name: rows.assign(measured=rows[one], truth=rows[other]) for name, (one, other) in pairs.items()}
    return {
        name: {**_summary(both.dropna(subset=["measured", "truth"])), "asked": len(rows)}
        for name, both in asked.items()
    }


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    apart = rows.assign(squared=(rows["measured"] - rows["truth"]) ** 2)
    found = {
        **summarise_agreement(rows, "percent"),
        "root_mean_squared_error": estimate(apart, ROOT_MEAN_SQUARE),
        "r2": estimate(apart, R2),
    }
    return {name: _entry(found[name]) for name in COLUMNS}


def _entry(one: Estimate) -> dict[str, float]:
    return {"mean": one.estimate, "low": one.low, "high": one.high, "images": one.images, "groups": one.groups}


def _root_mean_square(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    return np.sqrt(ratio(counts @ rows["squared"].to_numpy(float), counts.sum(axis=1)))


def _determination(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    """1 - sum of squared errors / sum of squared distances of the truth from its mean."""
    truth, number = rows["truth"].to_numpy(float), counts.sum(axis=1)
    around = counts @ truth**2 - ratio((counts @ truth) ** 2, number)
    return 1 - ratio(counts @ rows["squared"].to_numpy(float), around)


NOT_NEGATIVE, AT_MOST_ONE = (0, math.inf), (-math.inf, 1)
ROOT_MEAN_SQUARE = Statistic(
    "the root mean square", _root_mean_square, ("squared",), unit="percent", kind="skewed", limits=NOT_NEGATIVE
)
R2 = Statistic(
    "R2", _determination, ("squared", "truth"), kind="skewed", limits=AT_MOST_ONE, without="all values are equal"
)


def _ventricles(camus: Path) -> Iterator[Ventricle]:
    """The test patients of CAMUS: contours from the lateral annulus to the septal one, ends of diastole and systole."""
    with (camus / "camus_4ch_split.csv").open(encoding="utf-8") as file:
        split = {row["FileName"]: row for row in csv.DictReader(file)}
    contours = {}
    for line in (camus / "camus_4ch_ed_es_46pts.txt").read_text(encoding="utf-8").splitlines():
        *numbers, name = line.split()
        across, down = np.array(numbers, float).reshape(-1, 2)[:SIDES].T
        contours[name] = np.stack([down * GRID_MM[0], across * GRID_MM[1]], axis=1)
    for patient, row in split.items():
        if row["Split"] == "TEST":
            diastole, systole = (contours[f"{patient}_{row[phase]}"] for phase in ("ED", "ES"))
            away = np.linalg.norm(diastole - (diastole[0] + diastole[-1]) / 2, axis=1)
            yield Ventricle(diastole, systole, int(away.argmax()))


def _of_real(folder: Path, camus: Path, bundle: str) -> dict[str, pd.DataFrame]:
    """Ejection fractions from the volumes of two frames each, of the four-chamber view and of the mean of two views."""
    table = pd.read_csv(camus / "table.csv")
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    for row in table.to_dict("records"):
        _write_square(camus / row["image"], folder / "frames" / f"{Path(row['image']).stem}.png", row)
    half_beat = sorted((camus / HALF_BEAT).glob("*.png"))  # of the first patient, from one end of systole to the other
    for path in half_beat:
        _write_square(path, folder / "frames" / f"half_{path.stem}.png", table.to_dict("records")[0])
    results = predict(bundle, folder / "frames", folder / "out", overwrite=True)
    names, of_name = (
        [Path(name).stem for name in table["image"]],
        {Path(str(row["source"])).stem: row for row in results},
    )
    truth = table.groupby("group")["ef"].first().rename("truth")
    by_view = {}
    for fraction, column in VOLUMES.items():
        table["volume"] = [of_name[name][column] for name in names]
        wide = table.pivot(index=["group", "view"], columns="phase", values="volume").astype(float)
        of_view = 100 * (wide["ED"] - wide["ES"]) / wide["ED"]
        four, both = of_view.xs("4CH", level="view"), of_view.groupby("group").mean()
        for view, found in (("real, four-chamber", four), ("real, both views", both)):
            by_view.setdefault(view, truth.to_frame())[fraction] = found
        if half_beat:
            curve = [float(of_name[f"half_{path.stem}"][column] or "nan") for path in half_beat]
            print(
                f"half beat, {column}:", *(f"{one:.0f}" for one in curve), f"EF {100 - 100 * curve[-1] / curve[0]:.1f}"
            )
    for view, rows in by_view.items():
        print(view, rows.round(1).to_string(), sep="\n")
    return {view: rows.reset_index() for view, rows in by_view.items()}


def _write_square(source: Path, target: Path, row: dict[str, Any]) -> None:
    """A picture with square pixels: those of CAMUS are wider than high."""
    picture = Image.open(source)
    height_mm, width_mm = row["source_height"] * ROW_MM, row["source_width"] * COLUMN_MM
    picture.resize((round(picture.height * width_mm / height_mm), picture.height), Image.Resampling.BILINEAR).save(
        target
    )


if __name__ == "__main__":
    app()
