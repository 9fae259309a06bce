"""The values that travel between the folders of this package; shapes and units are stated here once.

Every array is upright: rows run down the picture, columns run to the right, nothing is transposed on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

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
        study_uid: Study Instance UID (DICOM PS3.3 C.7.2.1); "" where the file names none. It leads to a patient, so no
            log or message has it.
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
class Mask:
    """A label for every pixel of a frame.

    Attributes:
        values: uint8 (height, width) at the size of the recorded frame; 0 = background, n = labels[n].
        labels: name of each value, without the background.
    """

    values: NDArray[np.uint8]
    labels: Mapping[int, str]


@dataclass(frozen=True)
class Boxes:
    """Objects that were found in a frame, the surest first.

    Attributes:
        corners_px: float (objects, 4), (top, left, bottom, right) in pixels of the recorded frame; bottom and right
            are one past the last pixel.
        labels: name of each object's class.
        scores: confidence of each, 0 to 1.
        classes: names of all classes that were looked for, found or not.
    """

    corners_px: NDArray[np.floating]
    labels: tuple[str, ...]
    scores: tuple[float, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Points:
    """Landmarks of a frame.

    Attributes:
        positions_px: float (points, 2), (row, column) in pixels of the recorded frame, where a pixel's centre has whole
            numbers; nan for a landmark that was not found.
        names: of each landmark, such as "biparietal_start".
    """

    positions_px: NDArray[np.floating]
    names: tuple[str, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """Where a probability becomes an answer, fixed before the data were seen.

    Attributes:
        label: the class that is asked about, such as "malignant".
        threshold: the answer is that class from this probability on, 0 to 1.
    """

    label: str
    threshold: float


@dataclass(frozen=True)
class Scores:
    """Probabilities of the classes of one question.

    Attributes:
        name: of the question, such as "pathology".
        probabilities: of each class, two or more; 0 to 1, together 1.
        operating_point: where it becomes an answer; None where the likeliest class is the answer.
    """

    name: str
    probabilities: Mapping[str, float]
    operating_point: OperatingPoint | None = None

    @property
    def answer(self) -> str:
        """The class at the operating point; of the others the likeliest where it is not reached."""
        point, likeliest = self.operating_point, lambda names: max(names, key=lambda name: self.probabilities[name])
        if point is None:
            return likeliest(self.probabilities)
        if self.probabilities[point.label] >= point.threshold:
            return point.label
        return likeliest([name for name in self.probabilities if name != point.label])


@dataclass(frozen=True)
class Picture:
    """A picture made from a frame, such as an enhanced one.

    Attributes:
        name: what it is, such as "enhanced".
        pixels: uint8 RGB (height, width, 3).
    """

    name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Text:
    """Words about a frame, a cine or a study, such as a report.

    Attributes:
        name: what it is, such as "report".
        text: plain text; lines end with a line feed.
    """

    name: str
    text: str


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
class KnownImage:
    """A known image that is near to an embedding.

    Attributes:
        name: of the image, such as "BUS-BRA bus_0001_l".
        shows: what is known of it, such as "breast".
        similarity: cosine of the two embeddings, -1 to 1.
    """

    name: str
    shows: str
    similarity: float


@dataclass(frozen=True)
class Embedding:
    """A frame, a cine or a study as a vector: what looks alike to a network lies near.

    Attributes:
        name: what it is, such as "embedding".
        vector: float32 (numbers,), of length 1.
        nearest: known images, the nearest first.
    """

    name: str
    vector: NDArray[np.float32]
    nearest: tuple[KnownImage, ...] = ()


Output = Mask | Boxes | Points | Scores | Picture | Text | Measurement | Embedding
Level = Literal["frame", "cine", "study"]


@dataclass(frozen=True)
class Prediction:
    """What a bundle says about one frame, one cine, or one study.

    Attributes:
        source: path of the file, of a study that of the folder its files stand in; relative to the folder that was
            read.
        outputs: what it says, in the order in which people should read it.
        level: what it speaks of.
        frame: 0-based number of the frame in that file; None for a cine or a study.
        image: uint8 RGB (height, width, 3), the whole frame as it was recorded; of a cine or a study one that stands
            for it; None where there is none to show.
        frame_time_ms: when the frame was recorded, None where the file does not say.
        spacing_mm: (row, column) millimetres per pixel, None where the frame is not calibrated.
        study: number of its study in the export, from 1; None where studies are not told apart.
    """

    source: str
    outputs: tuple[Output, ...]
    level: Level = "frame"
    frame: int | None = None
    image: NDArray[np.uint8] | None = None
    frame_time_ms: float | None = None
    spacing_mm: tuple[float, float] | None = None
    study: int | None = None


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
class Details:
    """What a row of `results.csv` is about, without the pixels, which stand in files.

    Attributes:
        outputs: what the bundle says; masks and pictures are left out.
        image_px: (height, width) of the frame that its overlay shows, as it was recorded; None where there is none.
        nothing_found: whether it marks places in the frame, by a mask, boxes or points, and has marked none.
    """

    outputs: tuple[Output, ...]
    image_px: tuple[int, int] | None
    nothing_found: bool


@dataclass(frozen=True)
class Results:
    """What one run wrote.

    Attributes:
        folder: where it stands: `report.html`, `results.csv`, `set_aside.csv`, and what the kinds of output add, as
            `masks/`.
        rows: one mapping per frame, cine or study, the columns of `results.csv`.
        set_aside: what was not used, and why.
        details: of each row.
        tables: names of the tables that kinds of output added, as "boxes.csv".
    """

    folder: Path
    rows: tuple[Mapping[str, object], ...] = ()
    set_aside: tuple[SetAside, ...] = field(default=())
    details: tuple[Details, ...] = ()
    tables: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        return iter(self.rows)
