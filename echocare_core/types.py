"""The values that travel between the folders of this package; shapes and units are stated here once.

Every array is upright: rows run down the picture, columns run to the right, nothing is transposed on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Region:
    """One region of an ultrasound image, from its Sequence of Ultrasound Regions (DICOM PS3.3 C.8.5.5).

    Attributes:
        kind: what the region shows: "tissue" (2-D), "colour_flow", "m_mode", "spectral" or "other".
        box: (top, left, bottom, right) in pixels; bottom and right are one past the last pixel.
        spacing_mm: (row, column) millimetres per pixel, None where the region states no length.
    """

    kind: str
    box: tuple[int, int, int, int]
    spacing_mm: tuple[float, float] | None = None

    @property
    def area_px(self) -> int:
        top, left, bottom, right = self.box
        return (bottom - top) * (right - left)


@dataclass(frozen=True)
class Frames:
    """The frames of one file, decoded one at a time when asked for.

    Attributes:
        path: the file they come from.
        pixels: a sequence of uint8 RGB arrays (height, width, 3); indexing it decodes that frame.
        size: (height, width) in pixels.
        frame_times_ms: when each frame was recorded, from the first one; None where the file does not say.
        regions: the ultrasound regions, empty where the file names none.
        spacing_mm: (row, column) millimetres per pixel of the scan region, None where nothing calibrates it.
    """

    path: Path
    pixels: Sequence[NDArray[np.uint8]]
    size: tuple[int, int]
    frame_times_ms: tuple[float, ...] | None = None
    regions: tuple[Region, ...] = ()
    spacing_mm: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def scan_box(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) in pixels of the largest 2-D region; the whole picture where there is none."""
        tissue = [region for region in self.regions if region.kind == "tissue"]
        return max(tissue, key=lambda region: region.area_px).box if tissue else (0, 0, *self.size)


@dataclass(frozen=True)
class SetAside:
    """A file, or one frame of it, that was not used.

    Attributes:
        source: its path, relative to the folder that was read.
        reason: one sentence for the person who owns the export.
        frame: 0-based frame number; None when the whole file is meant.
    """

    source: str
    reason: str
    frame: int | None = None


@dataclass(frozen=True)
class Measurement:
    """One number with its unit, for example Measurement("head_circumference", 231.4, "mm")."""

    name: str
    value: float
    unit: str

    @property
    def column(self) -> str:
        """Name of its column in a table: the unit is part of it."""
        return f"{self.name}_{self.unit}"


@dataclass(frozen=True)
class Prediction:
    """What a segmentation bundle says about one frame.

    Attributes:
        source: path of the file, relative to the folder that was read.
        frame: 0-based frame number in that file.
        image: uint8 RGB (height, width, 3), the whole frame as it was recorded.
        mask: uint8 (height, width), 0 = background, n = labels[n].
        labels: name of each value of the mask, without the background.
        measurements: what was measured on the mask.
        frame_time_ms: when the frame was recorded, None where the file does not say.
        spacing_mm: (row, column) millimetres per pixel, None where the frame is not calibrated.
    """

    source: str
    frame: int
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    labels: Mapping[int, str]
    measurements: tuple[Measurement, ...] = ()
    frame_time_ms: float | None = None
    spacing_mm: tuple[float, float] | None = None


@dataclass(frozen=True)
class BundleCard:
    """What a report says about the bundle that made it.

    Attributes:
        name: folder name of the bundle.
        version: of its metadata.
        title: what it does, in a few words.
        intended_use: for whom and what it is, and is not.
        weights_sha256: checksum of the weight file that was loaded.
    """

    name: str
    version: str
    title: str
    intended_use: str
    weights_sha256: str


@dataclass(frozen=True)
class Results:
    """What one run wrote.

    Attributes:
        folder: where it stands: `report.html`, `results.csv`, `set_aside.csv`, `overlays/`, `masks/`.
        rows: one mapping per frame, the columns of `results.csv`.
        set_aside: what was not used, and why.
    """

    folder: Path
    rows: tuple[Mapping[str, object], ...] = ()
    set_aside: tuple[SetAside, ...] = field(default=())

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        return iter(self.rows)
