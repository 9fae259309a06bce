"""The colours of a PALETTE COLOR image, from plain or segmented tables (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.header import numbers, value
from echocare_core.frames.dicom.words import as_words, words_of

COLOURS = ("Red", "Green", "Blue")
DISCRETE, LINEAR, INDIRECT = 0, 1, 2  # kinds of segments, C.7.9.2


def read_palette(dataset: Dataset, *, big_endian: bool = False) -> tuple[NDArray[np.uint8], int]:
    """Read the palette of an object.

    Args:
        dataset: its header.
        big_endian: byte order of the object, which is also that of the tables.

    Returns:
        Colours as uint8 (entries, 3) RGB, and the sample value of the first entry.

    Raises:
        PixelDataError: no palette, an incomplete one, or segments that make no table.
    """
    descriptor = numbers(dataset, "RedPaletteColorLookupTableDescriptor")
    plain, segmented = _tables(dataset, ""), _tables(dataset, "Segmented")
    if len(descriptor) != 3 or not (plain or segmented):
        raise PixelDataError("is PALETTE COLOR without a complete palette (0028,1101-1223). Export it as RGB.")
    entries, first, bits = (int(one) for one in descriptor)
    if bits not in (8, 16):
        raise PixelDataError(f"has a palette of {bits} bits; 8 and 16 are read. Export it as RGB.")
    entries = entries or 65536  # PS3.3 C.7.6.3.1.5: 0 stands for 2^16
    if segmented:
        columns = [_expand_table(_segments(table, bits, big_endian), bits, entries) for table in segmented]
    else:
        columns = [words_of(table, entries, big_endian) for table in plain]
    if any(len(column) < entries for column in columns):
        raise PixelDataError(f"has a palette cut short; its descriptor says {entries} entries. Export it again.")
    wide = bits == 16 and max(int(column.max()) for column in columns) > 255
    palette = np.stack([column[:entries] for column in columns], axis=1)
    return (palette >> 8 if wide else palette & 255).astype(np.uint8), first


def _tables(dataset: Dataset, form: str) -> list[object]:
    """The three tables of one form; none where one is missing."""
    tables = [value(dataset, f"{form}{colour}PaletteColorLookupTableData") for colour in COLOURS]
    return [] if any(table is None for table in tables) else tables


def _segments(table: object, bits: int, big_endian: bool) -> list[int]:
    """The segments of one colour, which are as wide as its entries."""
    words = as_words(table, big_endian)
    return [int(one) for one in (words if bits == 16 else words.view(np.uint8))]


def _expand_table(segments: list[int], bits: int, entries: int) -> NDArray[np.uint16]:
    """The table that segments stand for."""
    table: list[int] = []
    _expand(table, segments, bits, entries)
    return np.array(table[:entries], dtype=np.uint16)


def _expand(
    table: list[int], segments: list[int], bits: int, entries: int, start: int = 0, many: int | None = None
) -> None:
    """Add what `many` segments from `start` on stand for, all when None; an unknown or empty one ends them."""
    position = start
    while position + 2 < len(segments) and len(table) < entries and many != 0:
        kind, count = segments[position : position + 2]
        position += 2
        if count == 0:
            return
        if kind == DISCRETE:
            table += segments[position : position + count]
            position += count
        elif kind == LINEAR and table:
            first, step = table[-1], (segments[position] - table[-1]) / count
            table += [round(first + step * number) for number in range(1, count + 1)]
            position += 1
        elif kind == INDIRECT and many is None:  # `count` segments that stand earlier, at an offset of 32 bits
            parts = segments[position : position + 32 // bits]
            offset = sum(part << (bits * number) for number, part in enumerate(parts))
            _expand(table, segments, bits, entries, offset // (bits // 8), count)
            position += len(parts)
        else:
            return
        many = None if many is None else many - 1
