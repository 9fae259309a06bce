"""The files that a DICOMDIR lists (PS3.3 F, PS3.10 8), one after the other; names of patients in it are passed over.

It is walked element by element: a list of 100,000 files takes no more memory than one of ten.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import DIRECTORY, looks_like_dicom, read_header
from echocare_core.frames.read import first_bytes

NAME = "DICOMDIR"
SYNTAX, RECORDS, FILE = (
    (0x0002, 0x0010),
    (0x0004, 0x1220),
    (0x0004, 0x1500),
)  # of the transfer syntax, the records, a file
META = b"\x02\x00"  # group 0002, little endian whatever follows (PS3.10 7.1)
BIG_ENDIAN = b"1.2.840.10008.1.2.2"
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")  # PS3.5 7.1.2
UNDEFINED = 0xFFFFFFFF
LONGEST_ID = 1024  # bytes; PS3.10 8.2 allows 8 components of 8 characters


def is_dicomdir(path: Path) -> bool:
    """Whether a file is a DICOMDIR, by its content."""
    try:
        return looks_like_dicom(first_bytes(path)) and read_header(path).sop_class == DIRECTORY
    except UnreadableFrames:
        return False


def listed_files(path: Path) -> Iterator[Path]:
    """The files a DICOMDIR lists, below its own folder; those that are not there are listed too.

    Names are found in capitals and small letters, and with the version (;1) that some discs add, for so they land on
    other systems.

    Raises:
        UnreadableFrames: it breaks off, or is no DICOMDIR.
    """
    try:
        with path.open("rb") as file:
            for components in _file_ids(file, path.stat().st_size):
                if components and not any(part in ("", ".", "..") or "/" in part for part in components):
                    yield _found(path.parent, components)
    except (struct.error, OSError) as fault:
        raise UnreadableFrames(
            path, f"breaks off or is no DICOMDIR ({type(fault).__name__}). Give the folder it stands in."
        ) from None


def _file_ids(file: BinaryIO, size: int) -> Iterator[list[str]]:
    """Components of every Referenced File ID; sequences and items are stepped into, all else is stepped over."""
    big_endian = False
    file.seek(132)
    while file.tell() + 8 <= size:
        tag, length, is_sequence = _element(file, big_endian)
        if tag[0] == 0xFFFE or is_sequence:
            continue
        if length > size - file.tell():
            raise struct.error
        if tag == SYNTAX:
            big_endian = file.read(length).strip(b" \0") == BIG_ENDIAN
        elif tag == FILE and length <= LONGEST_ID:
            # Characters beyond ASCII are against the standard, but get written: in the file system's own bytes.
            yield [os.fsdecode(part.strip(b" \0")) for part in file.read(length).split(b"\\")]
        else:
            file.seek(length, os.SEEK_CUR)


def _element(file: BinaryIO, big_endian: bool) -> tuple[tuple[int, int], int, bool]:
    """Tag, length and whether it is a sequence. Explicit VR Little Endian is the standard's; others get written too."""
    head = file.read(8)
    order = ">" if big_endian and head[:2] != META else "<"
    tag = struct.unpack(order + "HH", head[:4])
    form = head[4:6]
    if tag[0] == 0xFFFE:
        return tag, 0, False
    if not (form.isalpha() and form.isupper()):
        (length,) = struct.unpack(order + "I", head[4:])
        return tag, length, tag == RECORDS or length == UNDEFINED
    if form not in LONG:
        return tag, *struct.unpack(order + "H", head[6:]), False
    (length,) = struct.unpack(order + "I", file.read(4))
    return tag, length, form == b"SQ" or length == UNDEFINED


def _found(folder: Path, components: list[str]) -> Path:
    """The file as it is spelled on this disk; as it is listed where there is none."""
    path = folder
    for component in components:
        names = _names(path)
        listed = component.casefold()
        path /= next((names[name] for name in (listed, listed + ";1", listed.rstrip(".")) if name in names), component)
    return path


@lru_cache(maxsize=16)
def _names(folder: Path) -> dict[str, str]:
    """Names in a folder by what they are without regard to capitals."""
    try:
        return {name.casefold(): name for name in os.listdir(folder)}
    except OSError:
        return {}
