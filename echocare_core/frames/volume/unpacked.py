"""Numbers that are compressed as a whole, unpacked into a temporary file, so that any frame can be had at once."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import BinaryIO, cast

COPIED_AT_ONCE = 1 << 20
MOST_BYTES = 1 << 30  # of a file, unpacked


def unpack(file: BinaryIO, length: int) -> BinaryIO:
    """The first bytes that a compressed file unpacks to, in a temporary file that is gone when it is closed.

    Args:
        file: as if it were not compressed.
        length: of what is needed, in bytes; what stands behind it is not unpacked.
    """
    whole = cast(BinaryIO, TemporaryFile())  # noqa: SIM115  (it is read from as long as the picture is kept)
    while part := file.read(min(COPIED_AT_ONCE, length - whole.tell())):
        whole.write(part)
    whole.seek(0)
    return whole
