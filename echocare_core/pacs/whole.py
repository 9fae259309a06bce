"""Whether a file holds all of its object, so that half of one is never stored."""

from __future__ import annotations

from pathlib import Path

from pydicom.filereader import data_element_generator
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from echocare_core.frames.dicom.deflated import read_meta
from echocare_core.frames.dicom.header import MALFORMED, text
from echocare_core.frames.dicom.silence import suppress_warnings

PIXEL_DATA, CONTENT_SEQUENCE = 0x7FE00010, 0x0040A730  # what an image, and a report, ends with
_UNDEFINED = 0xFFFFFFFF
_LARGE = 1024  # bytes of a value that is passed over


def is_whole(path: Path, last: int) -> bool:
    """Whether the elements of a file end where it ends, and the one that matters most is among them.

    Args:
        path: of a DICOM file that is not deflated; one that is, is taken for whole.
        last: tag of that element.
    """
    try:
        with path.open("rb") as file, suppress_warnings():
            syntax = UID(text(read_meta(file), "TransferSyntaxUID"))
            if syntax == DeflatedExplicitVRLittleEndian:
                return True
            end, tags = file.tell(), set()
            order = syntax.is_implicit_VR, syntax.is_little_endian
            for element in data_element_generator(file, *order, defer_size=_LARGE):
                has_length = hasattr(element, "value_tell") and element.length not in (None, _UNDEFINED)
                end = element.value_tell + element.length if has_length else file.tell()
                tags.add(int(element.tag))
            return end == path.stat().st_size and last in tags
    except MALFORMED:
        return False
