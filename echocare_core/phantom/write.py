"""Simulated patients as files: frames with masks to train on, cines with their ejection fraction to measure with."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from echocare_core.phantom.cine import SimulatedCine, simulate_cine
from echocare_core.phantom.ventricle import Ventricle, draw_ventricle

HEIGHT = 160  # of the pictures in pixels
FRAMES, FRAME_MS = 40, 50.0  # of a cine: nearly two beats at the slowest rate
SPREAD_MS = 3000.0  # over which the frames of a patient to train on are drawn


def write_training_frames(folder: Path, patients: dict[str, int], frames: int, seed: int) -> None:
    """A folder to train on: `table.csv`, and PNGs of frames and of their masks.

    Args:
        folder: new.
        patients: how many of each split, such as {"train": 800, "val": 60}.
        frames: of each patient, at random times.
        seed: the same seed gives the same patients.
    """
    rows, numbers = [], count()
    for split, wanted in patients.items():
        (folder / split).mkdir(parents=True)
        for number in (next(numbers) for _ in range(wanted)):
            generator = np.random.default_rng([seed, number])
            times_ms = np.sort(generator.uniform(0, SPREAD_MS, frames))
            cine = simulate_cine(draw_ventricle(generator), times_ms, generator, height=HEIGHT)
            for frame in range(frames):
                name = f"{split}/{number:05d}_{frame}"
                Image.fromarray(cine.pixels[frame]).save(folder / f"{name}.png")
                Image.fromarray(255 * cine.masks[frame]).save(folder / f"{name}_mask.png")
                rows.append((f"{name}.png", f"{name}_mask.png", f"simulated-{number}", split, cine.spacing_mm))
    pd.DataFrame(rows, columns=["image", "mask", "group", "split", "pixel_mm"]).to_csv(
        folder / "table.csv", index=False
    )


def write_cines(folder: Path, ventricles: Iterable[Ventricle | None], seed: int) -> None:
    """A folder to measure with: a cine of each ventricle, and `labels.csv` with their ejection fractions and volumes.

    Args:
        folder: new.
        ventricles: of the patients; None for one at random.
        seed: the same seed gives the same cines; another one than that of the training gives other patients.
    """
    folder.mkdir(parents=True)
    times_ms, rows = np.linspace(0, FRAME_MS * (FRAMES - 1), FRAMES), []
    for number, ventricle in enumerate(ventricles):
        generator = np.random.default_rng([seed, number])
        cine = simulate_cine(ventricle or draw_ventricle(generator), times_ms, generator, height=HEIGHT)
        write_cine(folder / f"{number:04d}.mha", cine)
        volumes = cine.end_diastolic_volume_ml, cine.end_systolic_volume_ml
        rows.append((f"{number:04d}.mha", number, cine.ejection_fraction_percent, *volumes))
    names = ["image", "group", "ejection_fraction_percent", "end_diastolic_volume_ml", "end_systolic_volume_ml"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "labels.csv", index=False)


def write_cine(path: Path, cine: SimulatedCine) -> None:
    """The frames of a cine as a MetaImage file (.mha) with the size of its pixels; it says nothing of time."""
    frames, height, width = cine.pixels.shape
    header = (
        f"ObjectType = Image\nNDims = 3\nDimSize = {width} {height} {frames}\n"
        f"ElementSpacing = {cine.spacing_mm:.6f} {cine.spacing_mm:.6f} {FRAME_MS}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(header.encode() + np.ascontiguousarray(cine.pixels).tobytes())
