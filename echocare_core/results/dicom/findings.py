"""What one row of `results.csv` says, as measurement groups of a report (PS3.16 TID 1410, TID 1501)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echocare_core.results.dicom.codes import label_codes, measurement_code, private_code
from echocare_core.results.dicom.content import (
    CONTAINS,
    CONTEXT,
    INFERRED,
    ImageReference,
    answer_item,
    container,
    image_item,
    number_item,
    places_item,
    text_item,
    uid_item,
)
from echocare_core.results.dicom.observer import parameter_items
from echocare_core.results.dicom.uids import uid_of
from echocare_core.results.dicom.units import PERCENT, RATIO, ucum_code
from echocare_core.results.table.cells import Row, cell
from echocare_core.results.wording import NOT_CALIBRATED, in_pixels, name_text, similarity_text
from echocare_core.types import Boxes, BundleCard, Code, Details, Embedding, Measurement, Points, Scores, Text

GROUP = Code("125007", "DCM", "Measurement Group")
COMMENT, FINDING = Code("121106", "DCM", "Comment"), Code("121071", "DCM", "Finding")
CATEGORY = Code("276214006", "SCT", "Finding category")
SOURCE, MEASURED_IN = Code("260753009", "SCT", "Source"), Code("121112", "DCM", "Source of Measurement")
IMAGE_REGION = Code("111030", "DCM", "Image Region")
SEGMENTATION_FRAME = Code("121214", "DCM", "Referenced Segmentation Frame")
SEGMENTED_FROM = Code("121233", "DCM", "Source Image for Segmentation")
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")
TRACKING, TRACKING_UID = (
    Code("112039", "DCM", "Tracking Identifier"),
    Code("112040", "DCM", "Tracking Unique Identifier"),
)
Lines = Mapping[str, NDArray[np.floating]]


class Segment(NamedTuple):
    """What a segmentation object holds of one label in one frame.

    Attributes:
        name: of the label.
        category: Segmented Property Category (0062,0003).
        kind: Segmented Property Type (0062,000F).
        image: the frame of the segmentation object.
    """

    name: str
    category: Code
    kind: Code
    image: ImageReference


@dataclass(frozen=True)
class Statement:
    """A row of `results.csv` with what stands behind it.

    Attributes:
        row: column to value.
        details: of it.
        images: what it is about: one frame, one file, or all those of a study.
        size: (height, width) in pixels of the first of them.
        lines: column of a measurement -> where it was measured (`Measurement.line_px`).
        segments: of the frame.
    """

    row: Row
    details: Details
    images: tuple[ImageReference, ...]
    size: tuple[int, int]
    lines: Lines = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()

    @property
    def where(self) -> str:
        """Which frame, in words; "" where it is about no single one of several."""
        frames = self.images[0].frames if len(self.images) == 1 else ()
        return f", frame {frames[0]}" if len(frames) == 1 else ""


class Groups:
    """Makes the measurement groups of rows.

    A group for each label of a mask refers to its frame in the segmentation object; where a frame has one label alone,
    what was measured without a line was measured in it. Each box and each point is a group with its place. All else
    that a row says is one more, whose numbers refer to the line that each was measured along.

    Args:
        card: of the bundle.
        algorithm: items that name it (`observer.algorithm_items`), repeated in each group.
    """

    def __init__(self, card: BundleCard, algorithm: list[Dataset]) -> None:
        self._card, self._algorithm = card, algorithm

    def of(self, said: Statement) -> list[Dataset]:
        """The groups of one row."""
        measured = [one for one in said.details.outputs if isinstance(one, Measurement) and math.isfinite(one.value)]
        in_mask = [one for one in measured if len(said.segments) == 1 and one.column not in said.lines]
        rest = [one for one in measured if one not in in_mask]
        return [
            *(self._of_segment(said, segment, in_mask) for segment in said.segments),
            *self._of_the_rest(said, rest),
            *(group for one in said.details.outputs for group in self._of_places(said, one)),
        ]

    def _of_segment(self, said: Statement, segment: Segment, measured: list[Measurement]) -> Dataset:
        items = [
            answer_item(CATEGORY, segment.category),
            answer_item(FINDING, segment.kind),
            *self._algorithm,
            image_item(SEGMENTATION_FRAME, segment.image),
            *(image_item(SEGMENTED_FROM, image) for image in said.images),
            *(self._number(said, one) for one in measured),
        ]
        return self._tracked(said, segment.name, items, "1410")

    def _of_the_rest(self, said: Statement, measured: list[Measurement]) -> Iterator[Dataset]:
        numbers = [self._number(said, one) for one in measured]
        said_items = [*numbers, *self._evaluations(said), *_comments(said)]
        if not said_items:
            return
        items = [*self._algorithm, *(image_item(MEASURED_IN, image) for image in said.images), *said_items]
        if any("ContentSequence" in number for number in numbers):
            name = said.segments[0].name if len(said.segments) == 1 else "measurements"
            yield self._tracked(said, name, items, "1501")
        else:
            yield container(GROUP, items, template="1501")

    def _of_places(self, said: Statement, output: object) -> Iterator[Dataset]:
        if isinstance(output, Boxes):
            for number, corners in enumerate(output.corners_px):
                label, certainty = output.labels[number], [_certainty(output.scores[number])]
                yield self._place(said, label, f"box {number + 1}", "POLYLINE", _outline(corners), certainty)
        elif isinstance(output, Points):
            certainties = [[_certainty(one)] for one in output.confidences] or [[] for _ in output.names]
            for name, position, certainty in zip(output.names, output.positions_px, certainties, strict=True):
                if not np.isnan(position).any():
                    yield self._place(said, name, "", "POINT", np.asarray(position)[None] + 0.5, certainty)

    def _place(
        self, said: Statement, label: str, number: str, form: str, places_px: NDArray[np.floating], items: list[Dataset]
    ) -> Dataset:
        category, kind = label_codes(self._card, label)
        found = [
            answer_item(CATEGORY, category),
            answer_item(FINDING, kind),
            *self._algorithm,
            places_item(IMAGE_REGION, form, _inside(places_px, said.size), said.images[0], CONTAINS),
            *items,
        ]
        return self._tracked(said, f"{label} {number}".strip(), found, "1410")

    def _number(self, said: Statement, one: Measurement) -> Dataset:
        line = said.lines.get(one.column)
        places = []
        if line is not None:  # of pixels' centres
            inside = _inside(np.asarray(line, float) + 0.5, said.size)
            places = [places_item(SOURCE, "POLYLINE", inside, said.images[0], INFERRED)]
        name = measurement_code(self._card, one.name)
        return number_item(name, one.column, one.value, ucum_code(one.unit, one.name), places)

    def _evaluations(self, said: Statement) -> Iterator[Dataset]:
        for one in said.details.outputs:
            if isinstance(one, Scores):
                asked, (_, answer) = measurement_code(self._card, one.name), label_codes(self._card, one.answer)
                yield answer_item(asked, answer, items=_operating_point(one))
                for label, value in one.probabilities.items():
                    column = f"{one.name}_{label}_probability"
                    yield number_item(measurement_code(self._card, column), column, float(value), RATIO)
            elif isinstance(one, Text):
                yield text_item(private_code(one.name), one.text)
            elif isinstance(one, Embedding):
                for near in one.nearest[:1]:
                    words = f"{near.name}: {near.shows} (similarity {similarity_text(near.similarity)})"
                    yield text_item(private_code(f"{one.name}_nearest"), words)

    def _tracked(self, said: Statement, name: str, items: list[Dataset], template: str) -> Dataset:
        """A finding that others can refer to: its groups have one Tracking Unique Identifier."""
        image = said.images[0]
        bundle = (self._card.name, self._card.version, self._card.weights_sha256)
        uid = uid_of("finding", image.instance, *map(str, image.frames), *bundle, name)
        tracking = [
            text_item(TRACKING, f"{name_text(name)}{said.where}", CONTEXT),
            uid_item(TRACKING_UID, uid, CONTEXT),
        ]
        return container(GROUP, [*tracking, *items], template=template)


def _certainty(confidence: float) -> Dataset:
    return number_item(CERTAINTY, "certainty_percent", 100 * float(confidence), PERCENT)


def _operating_point(scores: Scores) -> list[Dataset]:
    if scores.operating_point is None:
        return []
    column = f"{scores.name}_{scores.operating_point.label}_threshold"
    return parameter_items([f"{column}={cell(column, float(scores.operating_point.threshold))}"])


def _comments(said: Statement) -> Iterator[Dataset]:
    """What a reader must know: notes on the file, what speaks against the numbers, and what is unknown."""
    outputs, calibrated = said.details.outputs, said.row.get("spacing_row_mm") is not None
    unknown = [one for one in outputs if isinstance(one, Measurement) and not math.isfinite(one.value)]
    if not calibrated and (in_pixels(outputs) or said.segments):
        yield text_item(COMMENT, NOT_CALIBRATED)
    for words, found, _ in said.details.doubts:
        yield text_item(COMMENT, f"{words}: {found}" if found else words)
    for one in unknown:
        yield text_item(COMMENT, f"{name_text(one.name)} is unknown")
    if said.row.get("notes"):
        yield text_item(COMMENT, str(said.row["notes"]))


def _outline(corners: NDArray[np.floating]) -> NDArray[np.floating]:
    """(top, left, bottom, right) as an outline that ends where it begins, (row, column)."""
    top, left, bottom, right = corners
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left), (top, left)], float)


def _inside(places_px: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    """Places no farther out than the edge of the image, as references to it must be."""
    return np.clip(places_px, 0.0, np.array(size, float))
