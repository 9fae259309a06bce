"""Codes of labels and measurements: those of the bundle's metadata, else private ones that only carry the name."""

from __future__ import annotations

import hashlib

from pydicom.dataset import Dataset

from echocare_core.results.wording import name_text
from echocare_core.types import BundleCard, Code

PRIVATE = "99ECHOCARE"  # a coding scheme of our own (PS3.16 8.2)
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")  # PS3.16 CID 7202
LABEL = Code("LABEL", PRIVATE, "Label of a bundle")
_LONGEST_VALUE, _LONGEST_MEANING = 16, 64  # of VR SH and LO


def code_item(code: Code) -> Dataset:
    """A code as an item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def label_codes(card: BundleCard, label: str) -> tuple[Code, Code]:
    """Category and type of what a label of a mask outlines."""
    return card.codes.labels.get(label) or (LABEL, private_code(label))


def measurement_code(card: BundleCard, name: str) -> Code:
    """What a measurement of that name (without its unit) is."""
    return card.codes.measurements.get(name) or private_code(name)


def private_code(name: str) -> Code:
    """A code that says no more than a name does."""
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    value = name if len(name) <= _LONGEST_VALUE and name.isascii() else mark
    return Code(value, PRIVATE, name_text(name)[:_LONGEST_MEANING])
