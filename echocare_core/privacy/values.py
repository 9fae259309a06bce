"""Values of a header as a copy may hold them, each None or empty where the file has something else in their place."""

from __future__ import annotations

from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from echocare_core.frames.dicom.header import numbers, value
from echocare_core.privacy.vocabulary import CODE, EXAMINATIONS, LARGEST, REGION, TERMS, meaning_of

POINTERS = ("FrameTime", "FrameTimeVector")  # what Frame Increment Pointer may name
_WHOLE = {"US": (0, 0xFFFF), "UL": (0, 0xFFFFFFFF)} | dict.fromkeys(("SL", "IS"), (-(1 << 31), (1 << 31) - 1))


def read_quantity(dataset: Dataset, keyword: str, given: frozenset[float] = frozenset()) -> Any:
    """Numbers as their VR holds them; None where one is too large, or is among those `given`."""
    found = numbers(dataset, keyword)
    tag = tag_for_keyword(keyword) or 0
    representation = dictionary_VR(tag)
    low, high = _WHOLE.get(representation, (-LARGEST, LARGEST))
    if not found or any(not low <= one <= high or abs(one) >= LARGEST or one in given for one in found):
        return None
    if representation in _WHOLE and any(one != int(one) for one in found):
        return None
    plain = [int(one) if representation in _WHOLE else one for one in found]
    values = [format_number_as_ds(one) for one in plain] if representation == "DS" else plain
    return values[0] if len(values) == 1 or dictionary_VM(tag) == "1" else values


def read_region(item: Dataset) -> Dataset:
    """The numbers of one region (PS3.3 C.8.5.5)."""
    copy = Dataset()
    for keyword in REGION:
        if keyword in item and (found := read_quantity(item, keyword)) is not None:
            setattr(copy, keyword, found)
    return copy


def read_terms(dataset: Dataset, keyword: str) -> list[str] | str | None:
    """Terms that the list of an attribute has; None where a value is something else."""
    texts = read_texts(dataset, keyword)
    if not texts or not TERMS[keyword].issuperset(texts):
        return None
    return texts[0] if dictionary_VM(tag_for_keyword(keyword) or 0) == "1" else texts


def read_codes(dataset: Dataset, keyword: str, modifier: str = "") -> list[Dataset]:
    """The known codes of a sequence, and those by which an item modifies its own."""
    kept = []
    for item in read_items(dataset, keyword):
        code, scheme = read_plain(item, CODE[0]), read_plain(item, CODE[1])
        if meaning := meaning_of(code, scheme):
            kept.append(make_code(code, meaning, scheme))
            if modifier and (modifiers := read_codes(item, modifier)):
                setattr(kept[-1], modifier, modifiers)
    return kept


def read_image_type(original: Dataset) -> list[str]:
    """Image Type (PS3.3 C.7.6.1.1.2): original or derived, primary or secondary, and of what examination."""
    first, second, third, *_ = [*read_texts(original, "ImageType"), "", "", ""]
    kept = ["DERIVED" if first == "DERIVED" else "ORIGINAL", "SECONDARY" if second == "SECONDARY" else "PRIMARY"]
    return [*kept, third] if third in EXAMINATIONS else kept


def read_sop_class(original: Dataset) -> str | None:
    """The SOP Class UID where it is one of the standard."""
    found = read_plain(original, "SOPClassUID")
    return found if UID(found).type == "SOP Class" else None


def read_pointer(original: Dataset) -> int | None:
    """The tag of Frame Time or its vector, where Frame Increment Pointer names one."""
    found = value(original, "FrameIncrementPointer")
    pointers = [found] if isinstance(found, int) else list(found) if isinstance(found, (list, MultiValue)) else []
    return next((tag for tag in map(tag_for_keyword, POINTERS) if tag in pointers), None)


def read_items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence."""
    found = value(dataset, keyword)
    return [item for item in found if isinstance(item, Dataset)] if isinstance(found, Sequence) else []


def read_texts(dataset: Dataset, keyword: str) -> list[str]:
    """The values of a text attribute without padding; none where it holds something else."""
    found = value(dataset, keyword)
    many = [found] if isinstance(found, str) else list(found) if isinstance(found, (list, MultiValue)) else []
    return [one.strip(" \0") for one in many] if all(isinstance(one, str) for one in many) else []


def read_plain(dataset: Dataset, keyword: str) -> str:
    """Whatever a file has there as text without padding, to be hashed or sought in a list."""
    found = value(dataset, keyword)
    return "" if found is None else str(found).strip(" \0")


def make_code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    """The item of a code sequence (PS3.3 8.8)."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
