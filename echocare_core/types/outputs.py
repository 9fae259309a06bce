"""What a bundle says: outputs of a few kinds, about one frame, one cine or one study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echocare_core.types.scans import JoinKeys


@dataclass(frozen=True)
class Mask:
    """A label for every pixel of a frame.

    Attributes:
        values: uint8 (height, width) at the size of the recorded frame; 0 = background, n = labels[n].
        labels: name of each value, without the background.
        smallest_share: separate parts of a label below this share of its largest part are specks, which nobody
            measures; they are not outlined.
    """

    values: NDArray[np.uint8]
    labels: Mapping[int, str]
    smallest_share: float = 0.0


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
        names: of each landmark, such as "biparietal_upper".
        confidences: of each, 0 to 1, of one that was not found too; empty where the bundle gives none.
    """

    positions_px: NDArray[np.floating]
    names: tuple[str, ...]
    confidences: tuple[float, ...] = ()


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
class ClassActivation:
    """Where in a frame the evidence for a class lies: a class activation map (Zhou et al., CVPR 2016).

    It says where a network looked, and outlines nothing.

    Attributes:
        name: of the question, such as "pathology".
        label: the class that is asked about.
        evidence: float32 (height, width) at the size of the recorded frame, in logits: above 0 where a place speaks for
            the class, below 0 where it speaks for others; nan where the network did not look.
    """

    name: str
    label: str
    evidence: NDArray[np.float32]


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
    """One number with its unit, for example Measurement("head_circumference", 231.4, "mm").

    Attributes:
        name: of what was measured.
        value: nan where it is unknown.
        unit: such as "mm", "mm2", "ml", "percent" or "count"; "px", "px2" and "px3" where nothing calibrates the
            frame.
        line_px: where it was measured, to be drawn: float (points, 2), (row, column) in pixels of the recorded frame,
            where a pixel's centre has whole numbers; an outline ends where it begins. None where it is not along a
            line.
    """

    name: str
    value: float
    unit: str
    line_px: NDArray[np.floating] | None = field(default=None, compare=False, repr=False)

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


Output = Mask | Boxes | Points | Scores | ClassActivation | Picture | Text | Measurement | Embedding
Level = Literal["frame", "cine", "study"]


@dataclass(frozen=True)
class Foreign:
    """That a picture does not look like what a bundle is meant for.

    Attributes:
        says: in words, the same for all pictures alike: "looks like liver, not breast".
        probability: 0 to 1, how sure the bundle is that says what pictures show.
    """

    says: str
    probability: float


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
        scan_box: (top, left, bottom, right) in pixels of the scan region in `image`; None for the whole picture.
        notes: what a reader must know before the outputs, a sentence each, such as `Frames.notes` of the file.
        keys: by what its row joins other tables.
        foreign: that its picture, or most of its pictures, is not what the bundle is meant for; None where nothing
            speaks for that.
    """

    source: str
    outputs: tuple[Output, ...]
    level: Level = "frame"
    frame: int | None = None
    image: NDArray[np.uint8] | None = None
    frame_time_ms: float | None = None
    spacing_mm: tuple[float, float] | None = None
    study: int | None = None
    scan_box: tuple[int, int, int, int] | None = None
    notes: tuple[str, ...] = ()
    keys: JoinKeys = field(default_factory=JoinKeys)
    foreign: Foreign | None = None
