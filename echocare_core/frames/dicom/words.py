"""Entries of a look-up table (PS3.3 C.7.6.3.1.6, C.11.1.1.1), whatever they were read as."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def words_of(table: object, entries: int, big_endian: bool) -> NDArray[np.uint16]:
    """Entries stand in words of 16 bits each, or two to a word, the first in its low byte."""
    words = as_words(table, big_endian)
    return words if len(words) >= entries else words.view(np.uint8).astype(np.uint16)


def as_words(table: object, big_endian: bool) -> NDArray[np.uint16]:
    """Words of 16 bits, from the bytes of a table in the byte order of its object or from numbers."""
    if not isinstance(table, bytes):
        return np.atleast_1d(np.asarray(table, dtype=np.int64)).astype(np.uint16)
    return np.frombuffer(table[: len(table) // 2 * 2], dtype=">u2" if big_endian else "<u2").astype("<u2")
