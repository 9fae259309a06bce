"""The text header of an NRRD file: what its numbers are, and in which files they stand.

Source: Definition of NRRD File Format, https://teem.sourceforge.net/nrrd/format.html, versions 1 to 5.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from echocare_core.errors import PixelDataError
from echocare_core.frames.volume.pixels import MOST_FRAMES

LONGEST_HEADER = 1 << 24  # bytes: recordings of a tracked probe keep some lines for every frame
LONGEST_LINE = 1 << 12  # of those that are used
MOST_AXES = 16
ENCODINGS = {"raw": "raw", "gz": "gzip", "gzip": "gzip", "bz2": "bzip2", "bzip2": "bzip2"}
ENDIAN = {"little": "<", "big": ">", "": "|"}
TYPES = {  # numpy's letter to what the format calls it
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "f4": "float",
    "f8": "double",
}
FIELDS = (  # whose names may be written with a space
    *("dimension", "type", "sizes", "encoding", "endian", "kinds", "spacings", "spacedirections"),
    *("units", "spaceunits", "datafile", "lineskip", "byteskip"),
)
DIRECTION = re.compile(r"none|\([^()]*\)")
NUMBERED = re.compile(r"[^%]*%0?\d?d[^%]*")  # then the first number, the last, the step, and how many axes each has
NUMBERS = re.compile(r"\s(\d{1,9})\s(\d{1,9})\s(\d{1,9})(?:\s(\d))?$")
NOT_BESIDE = "does not name files beside it that hold its numbers. Save it as one .nrrd."


@dataclass(frozen=True)
class NrrdHeader:
    """What a header says; the first axis is the one whose steps stand next to each other.

    Attributes:
        sizes: length of each axis.
        number: type of the numbers, as numpy writes it: "<u2".
        encoding: "raw", "gzip" or "bzip2".
        kinds: of each axis, in small letters; "" where it is not said.
        steps: from one number to the next along each axis; 1 where it is not said.
        units: of these steps, in small letters; "" where it is not said.
        files: that hold the numbers: one with all of them, or one for each step along the last axis.
        start: where they begin in it, in bytes.
        lines: that are passed over there.
        skipped: bytes that are passed over behind them, unpacked; -1: the numbers are the last bytes of the file.
    """

    sizes: tuple[int, ...]
    number: str
    encoding: str
    kinds: tuple[str, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]
    files: tuple[Path, ...]
    start: int
    lines: int
    skipped: int


def read_nrrd_header(path: Path) -> NrrdHeader:
    """Read the header of a file; none of its numbers.

    Raises:
        PixelDataError: numbers are stored in a way that is not read, or stand nowhere beside the file.
        ValueError, LookupError: it is damaged.
    """
    fields, listed, end = _fields(path)
    sizes = tuple(int(size) for size in fields["sizes"].split())
    if not 0 < len(sizes) == int(fields["dimension"]) <= MOST_AXES or min(sizes) < 1:
        raise ValueError("sizes that are none")
    files = _files(path, fields.get("datafile", ""), listed, sizes)
    return NrrdHeader(
        sizes=sizes,
        number=_number(fields),
        encoding=_encoding(fields["encoding"]),
        kinds=_of_each_axis([kind.lower().strip("?") for kind in fields.get("kinds", "").split()], len(sizes)),
        steps=_steps(fields, len(sizes)),
        units=_units(fields, len(sizes)),
        files=files or (path,),
        start=0 if files else end,
        lines=int(fields.get("lineskip", 0)),
        skipped=int(fields.get("byteskip", 0)),
    )


def _fields(path: Path) -> tuple[dict[str, str], list[str], int]:
    """The fields by their names, the files that a list at the end names, and where the header ends."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        file.readline(LONGEST_HEADER)
        while line := file.readline(LONGEST_HEADER).decode("utf-8", "replace").strip():
            if file.tell() > LONGEST_HEADER:
                raise PixelDataError(f"has a header of more than {LONGEST_HEADER >> 20} MiB. Export it again.")
            name, colon, value = line.partition(":")
            name, value = name.strip().lower().replace(" ", ""), value.strip()
            if not colon or name not in FIELDS or value.startswith("="):  # := is a note
                continue
            if len(value) > LONGEST_LINE:
                raise ValueError("a long line")
            fields.setdefault(name, value)
            if name == "datafile" and value.startswith("LIST"):
                return fields, file.read(LONGEST_HEADER).decode("utf-8", "replace").split("\n"), 0
        return fields, [], file.tell()


def _number(fields: dict[str, str]) -> str:
    letter = next((letter for letter, names in TYPES.items() if fields["type"].lower() in names.split(", ")), None)
    if letter is None:
        raise PixelDataError("holds numbers of a type that no picture has. Export it as 8-bit.")
    return letter if letter.endswith("1") else ENDIAN[fields["endian"].lower()] + letter


def _encoding(name: str) -> str:
    if name.lower() not in ENCODINGS:
        raise PixelDataError("stores its numbers as text or in an unknown way. Save it as raw or gzip.")
    return ENCODINGS[name.lower()]


def _steps(fields: dict[str, str], axes: int) -> tuple[float, ...]:
    if "spacedirections" in fields:
        found = DIRECTION.findall(fields["spacedirections"])
        steps = [math.hypot(*map(float, one.strip("()").split(","))) if one != "none" else 1.0 for one in found]
    else:
        steps = [float(one) for one in fields.get("spacings", "nan " * axes).split()]
    if len(steps) != axes:
        raise ValueError("steps of other axes")
    return tuple(1.0 if math.isnan(step) else step for step in steps)


def _units(fields: dict[str, str], axes: int) -> tuple[str, ...]:
    named = re.findall(r'"([^"]*)"', fields.get("units", ""))
    if not named and "spacedirections" in fields:
        in_space = iter(re.findall(r'"([^"]*)"', fields.get("spaceunits", "")))
        found = DIRECTION.findall(fields["spacedirections"])
        named = ["" if one == "none" else next(in_space, "") for one in found]
    return _of_each_axis([unit.strip().lower() for unit in named], axes)


def _of_each_axis(values: list[str], axes: int) -> tuple[str, ...]:
    if len(values) not in (0, axes):
        raise ValueError("values of other axes")
    return tuple("" if value == "none" else value for value in values) or ("",) * axes


def _files(path: Path, named: str, listed: list[str], sizes: tuple[int, ...]) -> tuple[Path, ...]:
    """The files that hold the numbers, where they are others: a header could name any file of the machine."""
    names, axes = _names(named, listed)
    if axes is None:
        return tuple(_beside(path, name) for name in names)
    if (axes or len(sizes) - 1) != len(sizes) - 1 or len(names) != sizes[-1]:
        count = f"names {len(names)} files for {sizes[-1]} frames"
        raise PixelDataError(f"{count}; one is needed for each. Save it as one .nrrd.")
    return tuple(_beside(path, name) for name in names)


def _names(named: str, listed: list[str]) -> tuple[list[str], int | None]:
    """Names of files, and how many axes each of them holds: 0 where it is not said, None where it is all of them."""
    numbers = NUMBERS.search(named)
    if numbers and NUMBERED.fullmatch(named):
        first, last, step, axes = (int(number or 0) for number in numbers.groups())
        every = range(first, last + 1, step)[: MOST_FRAMES + 1]
        return [named[: numbers.start()] % number for number in every], axes
    if named.split()[:1] == ["LIST"]:
        return [name.strip() for name in listed if name.strip()], int(named[4:] or 0)
    return [named] if named else [], None


def _beside(path: Path, name: str) -> Path:
    name = name.removeprefix("./")
    found = path.parent / name
    if not name or Path(name).name != name or "\\" in name or found.resolve().parent != path.parent.resolve():
        raise PixelDataError(NOT_BESIDE)
    if not found.is_file():
        raise PixelDataError("needs the file beside it that holds its numbers, which is not there. Copy both.")
    return found
