"""How well the scan sector found from the pixels agrees with drawn fields of view, and what it costs.

    python benchmarks/sector.py --data AUL_LIVER --split val

The folder has a `table.csv` (data_manifests/README.md) with a column `fov`: PNG masks of the field of view. AUL liver
(Xu 2023, Brief Bioinform bbac569) has such masks. They are polygons, and a polygon's chords differ from the arcs of a
sector: the best shape of the package's own family, fitted to the drawn mask itself, is printed beside as the ceiling.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from echocare_core.frames.manifest import read_table
from echocare_core.frames.read import read_frames
from echocare_core.frames.sector import scan_sector
from echocare_core.frames.sector.shape import draw, fit_shape, refine

RESAMPLES, SEED = 2000, 0
Mask = NDArray[np.bool_]


def main(
    data: Annotated[Path, typer.Option(help="Folder with a table.csv that has a column fov.")],
    split: Annotated[str, typer.Option(help="Rows to measure.")] = "val",
    ceiling: Annotated[bool, typer.Option(help="Also fit the shape to the drawn masks.")] = True,
) -> None:
    """Print mean and 5th percentile of the IoU with 95 % bootstrap intervals over groups, and ms per image."""
    found, best, costs_ms, groups = [], [], [], []
    for row in read_table(data, split, masks=False, columns=("fov",)):
        pixels = read_frames(Path(str(row["image"]))).pixels[0]
        drawn = np.asarray(Image.open(data / str(row["fov"]))) > 0
        start = time.process_time()
        inside = scan_sector(pixels)
        costs_ms.append((time.process_time() - start) * 1000)
        found.append(overlap(inside, drawn))
        groups.append(str(row["group"]))
        if ceiling:
            best.append(overlap(best_of_family(drawn), drawn))
    table = Table(title=f"IoU with drawn fields of view, {data.name}, {split}, {len(found)} images")
    for column in ("", "mean", "95 %", "5th percentile", "95 %", "median", "CPU ms per image"):
        table.add_column(column, justify="right" if column else "left")
    for name, values, cost in (("found", found, f"{np.median(costs_ms):.1f}"), ("ceiling", best, "")):
        if values:
            table.add_row(name, *cells(np.array(values), np.array(groups)), cost)
    Console(width=110).print(table)


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def best_of_family(mask: Mask) -> Mask:
    """The shape of the family that comes nearest to a drawn mask: fitted to all of its edge."""
    padded = np.pad(mask, 1)
    across, down = np.argwhere(padded[:, 1:] != padded[:, :-1]), np.argwhere(padded[1:] != padded[:-1])
    edge = np.concatenate([across[:, ::-1] + (0.0, -0.5), down[:, ::-1] + (-0.5, 0.0)])  # x, y
    shape = fit_shape(edge[::3], *mask.shape)
    return draw(refine(shape[np.newaxis], *edge.T, coarse=4.0, fine=0.7, steps=20, outward=1.0)[0], *mask.shape)


def cells(values: NDArray[np.float64], groups: NDArray[np.str_]) -> list[str]:
    """Mean, 5th percentile and median; intervals of the first two from groups drawn with replacement."""
    generator = np.random.default_rng(SEED)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    draws = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([members[number] for number in generator.integers(0, len(members), len(members))])
        draws.append((values[chosen].mean(), np.percentile(values[chosen], 5)))
    (low_mean, low_tail), (high_mean, high_tail) = np.percentile(draws, [2.5, 97.5], axis=0)
    return [
        f"{values.mean():.4f}",
        f"{low_mean:.4f} to {high_mean:.4f}",
        f"{np.percentile(values, 5):.3f}",
        f"{low_tail:.3f} to {high_tail:.3f}",
        f"{np.median(values):.4f}",
    ]


if __name__ == "__main__":
    typer.run(main)
