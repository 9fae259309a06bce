"""The items of a structured report's tree (DICOM PS3.3 C.17.3), and how they hang together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echocare_core.results.dicom.codes import code_item
from echocare_core.results.table.cells import cell
from echocare_core.types import Code

CONTAINS, CONTEXT, MODIFIER, ACQUIRED = "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT"
INFERRED, SELECTED = "INFERRED FROM", "SELECTED FROM"
_LONGEST_DS = 16  # characters of a decimal string (PS3.5 6.2)


class ImageReference(NamedTuple):
    """An image, or some frames of it (PS3.3 table 10-3).

    Attributes:
        sop_class: UID.
        instance: UID.
        frames: numbers of frames, from 1 on; empty for the whole image, and for a still, which has no frame numbers.
    """

    sop_class: str
    instance: str
    frames: tuple[int, ...] = ()


def container(name: Code, items: Sequence[Dataset], relation: str | None = CONTAINS, template: str = "") -> Dataset:
    """Items under a heading; `relation` None makes it the root, `template` is the number of its TID."""
    item = _item("CONTAINER", name, relation)
    item.ContinuityOfContent = "SEPARATE"
    if template:
        of = Dataset()
        of.MappingResource, of.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = [of]
    return _over(item, items)


def text_item(name: Code, text: str, relation: str = CONTAINS) -> Dataset:
    """Words; lines end as DICOM has them."""
    item = _item("TEXT", name, relation)
    item.TextValue = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return item


def answer_item(name: Code, code: Code, relation: str = CONTAINS, items: Sequence[Dataset] = ()) -> Dataset:
    """A coded answer, with what it rests on below it."""
    item = _item("CODE", name, relation)
    item.ConceptCodeSequence = _coded(code)
    return _over(item, items)


def uid_item(name: Code, uid: str, relation: str = CONTAINS) -> Dataset:
    """A UID."""
    item = _item("UIDREF", name, relation)
    item.UID = uid
    return item


def number_item(name: Code, column: str, value: float, unit: Code, items: Sequence[Dataset] = ()) -> Dataset:
    """A number with its unit, and what it rests on below it.

    Args:
        name: of what was measured.
        column: of `results.csv`: the number is written with the digits that it has there.
        value: finite; it stands there whole too (PS3.3 C.18.1.2, Floating Point Value).
        unit: of UCUM.
        items: relations are their own.
    """
    item, measured = _item("NUM", name, CONTAINS), Dataset()
    digits = cell(column, float(value))
    measured.NumericValue = digits if len(digits) <= _LONGEST_DS else f"{value:.9e}"
    measured.FloatingPointValue = float(value)
    measured.MeasurementUnitsCodeSequence = _coded(unit)
    item.MeasuredValueSequence = [measured]
    return _over(item, items)


def image_item(name: Code | None, image: ImageReference, relation: str = CONTAINS) -> Dataset:
    """A reference to an image."""
    item = _item("IMAGE", name, relation)
    item.ReferencedSOPSequence = [reference_of(image)]
    return item


def reference_of(image: ImageReference) -> Dataset:
    """The item of a sequence that refers to an image."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.sop_class, image.instance
    if image.frames:
        item.ReferencedFrameNumber = list(image.frames) if len(image.frames) > 1 else image.frames[0]
    return item


def places_item(
    name: Code, kind: str, places_px: NDArray[np.floating], image: ImageReference, relation: str
) -> Dataset:
    """Places in an image.

    Args:
        name: what they are.
        kind: "POINT", or "POLYLINE", which is an outline where it ends as it begins.
        places_px: (points, 2), (row, column) from the upper left corner of the upper left pixel (PS3.3 C.18.6.1.1).
        image: that they are in.
        relation: to the item above.
    """
    item = _item("SCOORD", name, relation)
    item.GraphicType = kind
    item.GraphicData = [float(number) for number in np.asarray(places_px, np.float32)[:, ::-1].ravel()]
    return _over(item, [image_item(None, image, SELECTED)])


@lru_cache(maxsize=512)
def _shared(code: Code) -> Dataset:
    return code_item(code)


def _coded(code: Code) -> list[Dataset]:
    """A code sequence; a report has few codes and each of them very often, so all of its items share one."""
    return [_shared(code)]


def _item(kind: str, name: Code | None, relation: str | None) -> Dataset:
    item = Dataset()
    if relation is not None:
        item.RelationshipType = relation
    item.ValueType = kind
    if name is not None:
        item.ConceptNameCodeSequence = _coded(name)
    return item


def _over(item: Dataset, items: Sequence[Dataset]) -> Dataset:
    if items:
        item.ContentSequence = list(items)
    return item
