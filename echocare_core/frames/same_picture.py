"""One picture in two splits, found by what it shows, whatever its file is called and however it is compressed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames

THREADS = 2


@dataclass(frozen=True)
class ListedPicture:
    """A picture that a row of a table names.

    Attributes:
        row: from 0.
        path: of its file.
        frame: 0-based number in it.
        split: that the row stands in.
    """

    row: int
    path: Path
    frame: int
    split: str


def find_shared_pictures(pictures: Sequence[ListedPicture]) -> Iterator[tuple[ListedPicture, ListedPicture]]:
    """Find pictures that stand in more than one split.

    Only pictures of a size that two splits have are decoded. One without any difference in it, such as a black one,
    and one that cannot be read, is not compared.

    Args:
        pictures: of all splits that are used.

    Yields:
        The first row of such a picture, and one in another split.
    """
    by_size = defaultdict(list)
    for picture in pictures:
        by_size[_size(picture.path, _stamp(picture.path))].append(picture)
    by_size.pop(None, None)
    compared = [one for some in by_size.values() if len({picture.split for picture in some}) > 1 for one in some]
    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(lambda one: _digest(one.path, one.frame, _stamp(one.path)), compared))
    first: dict[str, ListedPicture] = {}
    for picture, digest in sorted(zip(compared, digests, strict=True), key=lambda pair: pair[0].row):
        if digest and first.setdefault(digest, picture).split != picture.split:
            yield first[digest], picture


def _stamp(path: Path) -> tuple[int, int]:
    """By which a file that was changed is read again."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@cache
def _size(path: Path, stamp: tuple[int, int]) -> tuple[int, int] | None:
    try:
        return read_frames(path).size
    except UnreadableFrames:
        return None


@cache
def _digest(path: Path, frame: int, stamp: tuple[int, int]) -> str | None:
    try:
        frames = read_frames(path)
        pixels = frames.pixels[frame] if frame < len(frames) else None
    except UnreadableFrames:
        return None
    if pixels is None or pixels.min() == pixels.max():
        return None
    return hashlib.sha256(pixels.tobytes()).hexdigest()
