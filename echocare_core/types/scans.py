"""What was recorded: regions and their scales, the frames of a file, and what could not be used.

Every array is upright: rows run down the picture, columns run to the right, nothing is transposed on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import SettingsError


@dataclass(frozen=True)
class Scale:
    """What one step from pixel to pixel means along one direction of a region (DICOM PS3.3 C.8.5.5.1).

    Attributes:
        unit: "cm", "s", "cm/s", "Hz", "dB", "%", "degree", "cm2", "cm2/s", "cm3", "cm3/s" or "dB/s".
        per_pixel: in that unit, from one row to the one below or one column to the one on its right; negative where
            the value falls.
        reference_px: row or column of the picture where the value is known, such as the baseline of a spectrum; it may
            lie outside the region. None where the file does not say.
        reference_value: the value there, in `unit`.
    """

    unit: str
    per_pixel: float
    reference_px: float | None = None
    reference_value: float | None = None

    def value_at(self, px: float) -> float | None:
        """The value at a row or column of the picture, in `unit`; None where the file names no reference."""
        if self.reference_px is None or self.reference_value is None:
            return None
        return self.reference_value + (px - self.reference_px) * self.per_pixel


@dataclass(frozen=True)
class Region:
    """One region of an ultrasound image, from its Sequence of Ultrasound Regions (DICOM PS3.3 C.8.5.5).

    Attributes:
        kind: what the region shows: "tissue" (2-D), "colour_flow", "m_mode", "spectral", "waveform" (such as an ECG),
            "colour_bar", "grey_bar" or "other".
        box: (top, left, bottom, right) in pixels; bottom and right are one past the last pixel.
        spacing_mm: (row, column) millimetres per pixel, None where one of the directions is no length.
        down: what a step from row to row means, None where the file does not say.
        across: what a step from column to column means, None where the file does not say.
    """

    kind: str
    box: tuple[int, int, int, int]
    spacing_mm: tuple[float, float] | None = None
    down: Scale | None = None
    across: Scale | None = None

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
        scan_region: number in `regions` of the 2-D region that `scan_box` and `spacing_mm` are those of; None where the
            file names none. A dual picture has two: `on_region` chooses the other.
        r_wave_times_ms: when the ECG marked R waves, from the first frame on as `frame_times_ms` counts; empty where
            the file does not say.
        heart_rate_bpm: beats per minute; None where the file does not say.
        study_uid, series_uid, instance_uid: Study, Series and SOP Instance UID (DICOM PS3.3 C.7.2.1, C.7.3.1, C.12.1);
            "" where the file names none. They lead to a patient, so no log or message has them.
        notes: what a reader of results must know of how the file was read, a sentence each: a calibration that was not
            believed, black and white that were taken from the data. They quote no value of the file.
        recorded_size: (height, width) in pixels of the file's own frames where these are smaller
            (`echocare_core.frames.reduced`); None where they are as recorded.
    """

    path: Path
    pixels: Sequence[NDArray[np.uint8]]
    size: tuple[int, int]
    frame_times_ms: tuple[float, ...] | None = None
    regions: tuple[Region, ...] = ()
    spacing_mm: tuple[float, float] | None = None
    scan_region: int | None = None
    r_wave_times_ms: tuple[float, ...] = ()
    heart_rate_bpm: float | None = None
    study_uid: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    instance_uid: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()
    recorded_size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def scan_box(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) in pixels of the scan region; the whole picture where there is none."""
        return (0, 0, *self.size) if self.scan_region is None else self.regions[self.scan_region].box

    @property
    def scan_regions(self) -> tuple[int, ...]:
        """Numbers in `regions` of all 2-D regions: one for most files, two for a dual picture."""
        return tuple(number for number, region in enumerate(self.regions) if region.kind == "tissue")

    def on_region(self, number: int) -> Frames:
        """The same frames with another 2-D region as their scan region.

        Args:
            number: one of `scan_regions`.

        Raises:
            SettingsError: it is none of them.
        """
        if number not in self.scan_regions:
            known = ", ".join(str(one) for one in self.scan_regions) or "none"
            raise SettingsError(f"{self.path.name} has no 2-D region {number} (it has {known}). Choose one of them.")
        return replace(self, scan_region=number, spacing_mm=self.regions[number].spacing_mm)

    @property
    def heart_beats(self) -> tuple[range, ...]:
        """The frames of each whole heart beat, from the one nearest to an R wave to the last before the next.

        Empty where the file says no frame times or no R waves, or holds no whole beat.
        """
        times_ms = self.frame_times_ms
        if times_ms is None or len(times_ms) < 2:
            return ()
        first, last = times_ms[0] - (times_ms[1] - times_ms[0]) / 2, times_ms[-1] + (times_ms[-1] - times_ms[-2]) / 2
        inside = [time_ms for time_ms in sorted(self.r_wave_times_ms) if first <= time_ms <= last]
        marks = [int(np.abs(np.subtract(times_ms, time_ms)).argmin()) for time_ms in inside]
        return tuple(range(start, end) for start, end in pairwise(marks) if start < end)


@dataclass(frozen=True)
class JoinKeys:
    """By what a row of results joins the table that asked for it, and the archive its file comes from.

    Its fields are columns of `results.csv`; "" where nothing is known. They lead to a patient, so no log or message has
    them.

    Attributes:
        image: path of the file as the table writes it.
        group: patient, study or acquisition, as the table names it.
        sop_instance_uid, series_instance_uid, study_instance_uid: as `Frames` has them.
    """

    image: str = field(default="", repr=False)
    group: str = field(default="", repr=False)
    sop_instance_uid: str = field(default="", repr=False)
    series_instance_uid: str = field(default="", repr=False)
    study_instance_uid: str = field(default="", repr=False)


@dataclass(frozen=True)
class SetAside:
    """A file, or one frame of it, that was not used.

    Attributes:
        source: its path, relative to the folder that was read.
        reason: one sentence for the person who owns the export.
        frame: 0-based frame number; None when the whole file is meant.
        image: its path as a table writes it; "" where no table names it.
    """

    source: str
    reason: str
    frame: int | None = None
    image: str = ""
