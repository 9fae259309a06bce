"""Tables of pictures with a dark disc and its mask, small enough to train on in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image


def disc_picture(number: int, height: int = 96, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture (height, width, 3) of speckle with a dark disc, and the disc's mask."""
    speckle = np.random.default_rng(number).integers(60, 200, (height, width), dtype=np.uint8)
    rows, columns = np.mgrid[:height, :width]
    disc = np.hypot(rows - height // 2, columns - width // 2 - number) < 25
    return np.where(disc, speckle // 4, speckle)[:, :, None].repeat(3, axis=2).astype(np.uint8), disc.astype(np.uint8)


def write_table(
    folder: Path,
    splits: tuple[str, ...] = ("train",) * 4 + ("val", "val", "test"),
    columns: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """A folder with `table.csv`: a picture, mask and patient per name of a split; `columns` go through their values."""
    folder.mkdir(parents=True)
    rows = []
    for number, split in enumerate(splits):
        image, mask = disc_picture(number)
        Image.fromarray(image).save(folder / f"{number}.png")
        Image.fromarray(mask * 255).save(folder / f"{number}_mask.png")
        rows.append((f"{number}.png", f"{number}_mask.png", f"patient-{number}", split, 0.5, 78.5))
    names = ["image", "mask", "group", "split", "pixel_mm", "head_circumference_mm"]
    table = pd.DataFrame(rows, columns=names)
    for name, values in (columns or {}).items():
        table[name] = [values[row % len(values)] for row in range(len(rows))]
    table.to_csv(folder / "table.csv", index=False)
    return folder
