"""A deflated object (PS3.5 A.5): unpacked as a whole, once per process, into a temporary file and never into memory."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from echocare_core.errors import UnreadableFrames

DEFLATED = "1.2.840.10008.1.2.1.99"
MOST_INFLATED = 1 << 28  # bytes
AT_ONCE = 1 << 16
META = 0x0002
_LOCK = Lock()


def read_meta(file: BinaryIO) -> Dataset:
    """The elements of group 2, of explicit VR in any transfer syntax (PS3.10 7.1), as pydicom reads them.

    Args:
        file: it stands behind them afterwards.
    """
    file.seek(0)
    if not file.read(132).endswith(b"DICM"):
        file.seek(0)
    return read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != META)


@contextmanager
def unpacked(path: Path, stamp: tuple[int, int]) -> Iterator[BinaryIO]:
    """What a deflated object unpacks to: its elements behind the meta header, as explicit VR, little endian.

    It is read by one thread at a time, from its beginning.

    Args:
        path: the object.
        stamp: of the file as it is now; another one is unpacked again.

    Raises:
        UnreadableFrames: that is more than any has.
        zlib.error, EOFError: it is damaged, or cut short.
        OSError: the file is gone, or there is no room for it.
    """
    whole = _unpack(path, stamp, os.getpid())
    with _LOCK:
        whole.seek(0)
        yield whole


def read_unpacked(path: Path, stamp: tuple[int, int], offset: int, length: int) -> NDArray[np.uint8]:
    """Bytes of what a deflated object unpacks to, as a new array; fewer at its end. Raises as `unpacked`."""
    with unpacked(path, stamp) as whole:
        whole.seek(offset)
        return np.frombuffer(bytearray(whole.read(length)), np.uint8)


@lru_cache(maxsize=2)
def _unpack(path: Path, _stamp: tuple[int, int], _process: int) -> BinaryIO:
    whole = cast(BinaryIO, TemporaryFile())  # noqa: SIM115  (it is read from as long as it is kept)
    with path.open("rb") as file:
        read_meta(file)
        for part in _inflate(file):
            whole.write(part)
            if whole.tell() > MOST_INFLATED:
                whole.close()
                raise UnreadableFrames(
                    path,
                    f"inflates to more than {MOST_INFLATED >> 20} MiB, and cannot be read frame by frame. Export it "
                    "without deflating.",
                )
    return whole


def _inflate(file: BinaryIO) -> Iterator[bytes]:
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflating.eof:
        part = inflating.unconsumed_tail or file.read(AT_ONCE)
        if not part:
            raise EOFError("the deflated data is cut short")
        yield inflating.decompress(part, 1 << 20)
