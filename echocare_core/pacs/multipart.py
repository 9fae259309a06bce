"""The one part of a multipart answer, as it streams in (RFC 2046 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LARGEST_HEAD = 65536  # bytes before the content; more means that it is no such message


class BrokenMessage(Exception):  # noqa: N818  (it reads as what was found)
    """The message is no multipart message, or ends before its closing delimiter, or has several parts."""


def single_part(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """The content of the only part of a multipart message, piece by piece.

    Args:
        chunks: the message, cut anywhere.
        boundary: as its Content-Type says, without the leading hyphens.

    Raises:
        BrokenMessage: while the pieces are read, at the latest after the last one.
    """
    delimiter = b"\r\n--" + boundary
    held, inside, ended = bytearray(b"\r\n"), False, False  # the first delimiter may stand at the very start
    for chunk in chunks:
        held += chunk
        if not inside and not ended:
            inside = _drop_head(held, delimiter)
        if inside:
            end = held.find(delimiter)
            ready = end if end >= 0 else max(len(held) - len(delimiter) + 1, 0)
            yield bytes(held[:ready])
            del held[:ready]
            inside, ended = end < 0, end >= 0
        if len(held) > LARGEST_HEAD:
            raise BrokenMessage
    if not ended or not held.startswith(delimiter + b"--"):
        raise BrokenMessage


def _drop_head(held: bytearray, delimiter: bytes) -> bool:
    """Drop all that stands before the content of the first part; False where it has not all come yet."""
    start = held.find(delimiter)
    end = held.find(b"\r\n\r\n", start + len(delimiter)) if start >= 0 else -1
    if end < 0:
        return False
    del held[: end + 4]
    return True
