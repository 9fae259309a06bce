"""Grey that a table turns into other grey: the Modality and VOI LUT Sequences (PS3.3 C.11.1.1, C.11.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.header import numbers, value
from echocare_core.frames.dicom.words import words_of

BITS = (8, 16)  # that an entry may have, from and to


@dataclass(frozen=True, eq=False)
class GreyTable:
    """One table.

    Attributes:
        entries: uint16, what stands for each number from `first` on.
        first: the number of the first entry; those below take its entry, those beyond the last take the last.
        white: the highest number that an entry can be.
    """

    entries: NDArray[np.uint16]
    first: int
    white: int

    def look_up(self, values: NDArray[np.floating] | NDArray[np.int32]) -> NDArray[np.float64]:
        """The entry of each number."""
        places = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[places].astype(np.float64)


def read_grey_table(dataset: Dataset, keyword: str, *, signed: bool, big_endian: bool = False) -> GreyTable | None:
    """Read the table of a Modality or VOI LUT Sequence, the first where there are several.

    Args:
        dataset: header of an object.
        keyword: of the sequence.
        signed: the numbers that it is about can be negative, so that its first one can.
        big_endian: byte order of the object, which is also that of the table.

    Returns:
        The table, None where the object has no such sequence or an empty one.

    Raises:
        PixelDataError: the sequence holds no whole table.
    """
    items = value(dataset, keyword)
    if not isinstance(items, Sequence) or not items:
        return None
    descriptor, data = numbers(items[0], "LUTDescriptor"), value(items[0], "LUTData")
    if len(descriptor) != 3 or data is None or not BITS[0] <= descriptor[2] <= BITS[1]:
        raise PixelDataError(f"has a {keyword} without a table that can be read. Export it as 8-bit.")
    many, first, bits = int(descriptor[0]) or 1 << 16, int(descriptor[1]), int(descriptor[2])
    entries = words_of(data, many, big_endian)[:many]
    if len(entries) < many:
        raise PixelDataError(f"has a {keyword} cut short; its descriptor says {many} entries. Export it again.")
    fits = 8 if bits == 16 and int(entries.max()) < 256 else bits  # writers of 8-bit tables say 16
    return GreyTable(entries, first - (1 << 16) if signed and first >= 1 << 15 else first, (1 << fits) - 1)
