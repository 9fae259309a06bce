"""One picture in two splits or groups, by what it shows, whatever its file is called and however it is compressed."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.progress import track

from echocare_core.checksum import sha256_of
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames

THREADS = 4
MANY = 200  # pictures, which take seconds


@dataclass(frozen=True)
class ListedPicture:
    """A picture that a row of a table names.

    Attributes:
        row: from 0.
        path: of its file.
        frame: 0-based number in it.
        split: that the row stands in.
        group: of the row.
    """

    row: int
    path: Path
    frame: int
    split: str
    group: str


def find_regrouped_copies(pictures: Sequence[ListedPicture]) -> list[list[ListedPicture]]:
    """Find files of the same bytes that rows put into more than one group; only of one length they are read.

    Copies that show nothing, or cannot be read, are not meant.

    Returns:
        Of every such picture the first row of each group.
    """
    copies = [same for alike in _regrouped(pictures, lambda one: str(_stamp(one.path)[0])) for same in _copies(alike)]
    shown = [same for same in copies if _digest(same[0].path, same[0].frame, _stamp(same[0].path))]
    return [list({one.group: one for one in reversed(same)}.values())[::-1] for same in shown]


def _copies(pictures: Sequence[ListedPicture]) -> Iterator[list[ListedPicture]]:
    return _regrouped(pictures, lambda one: _checksum(one.path, _stamp(one.path)))


def _regrouped(pictures: Sequence[ListedPicture], key: Callable[[ListedPicture], str]) -> Iterator[list[ListedPicture]]:
    """Those of one key that are several files in several groups."""
    by_key = defaultdict(list)
    for picture in pictures:
        by_key[key(picture)].append(picture)
    for alike in by_key.values():
        if len({one.group for one in alike}) > 1 and len({one.path for one in alike}) > 1:
            yield alike


@cache
def _checksum(path: Path, stamp: tuple[int, int]) -> str:
    return sha256_of(path)


def find_shared_pictures(pictures: Sequence[ListedPicture], split: str) -> list[tuple[ListedPicture, ListedPicture]]:
    """Find pictures of one split that stand in another one, too.

    Only pictures of a size that this split and another one have are decoded, with a progress bar where they are many.
    One without any difference in it, such as a black one, and one that cannot be read, is not compared.

    Args:
        pictures: of all splits that are used.
        split: the one that is asked for.

    Returns:
        Of every picture in another split that `split` has: both rows, the earlier one first.
    """
    mine, others = _by_split(pictures, split)
    sizes = {_size_of(picture) for picture in mine} & {_size_of(picture) for picture in others} - {None}
    compared = [picture for picture in (*mine, *others) if _size_of(picture) in sizes]
    by_digest = defaultdict(list)
    for picture, digest in zip(compared, _digests(compared), strict=True):
        by_digest[digest].append(picture)
    by_digest.pop(None, None)
    pairs = [pair for alike in by_digest.values() for pair in _pairs(alike, split)]
    return sorted(pairs, key=lambda pair: pair[1].row)


def _pairs(alike: Sequence[ListedPicture], split: str) -> Iterator[tuple[ListedPicture, ListedPicture]]:
    mine, others = _by_split(alike, split)
    for picture in others if mine else ():
        first, again = sorted((mine[0], picture), key=lambda one: one.row)
        yield first, again


def _by_split(pictures: Sequence[ListedPicture], split: str) -> tuple[list[ListedPicture], list[ListedPicture]]:
    return [one for one in pictures if one.split == split], [one for one in pictures if one.split != split]


def _digests(pictures: Sequence[ListedPicture]) -> list[str | None]:
    hidden = len(pictures) < MANY or os.environ.get("RANK", "0") != "0"  # of several processes the first one shows it
    with ThreadPoolExecutor(THREADS) as pool:
        digests = pool.map(lambda one: _digest(one.path, one.frame, _stamp(one.path)), pictures)
        bar = track(digests, "comparing pictures of several splits", len(pictures), transient=True, disable=hidden)
        return list(bar)


def _size_of(picture: ListedPicture) -> tuple[int, int] | None:
    return _size(picture.path, _stamp(picture.path))


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


def digest_of(path: Path, frame: int) -> str | None:
    """What tells a picture from others, whatever its file is called; None where it shows nothing.

    Raises:
        UnreadableFrames: it cannot be decoded, or the file has fewer frames.
    """
    return _decoded(path, frame, _stamp(path))


def _digest(path: Path, frame: int, stamp: tuple[int, int]) -> str | None:
    try:
        return _decoded(path, frame, stamp)
    except UnreadableFrames:
        return None


@cache
def _decoded(path: Path, frame: int, stamp: tuple[int, int]) -> str | None:
    frames = read_frames(path)
    if frame >= len(frames):
        raise UnreadableFrames(path, f"has {len(frames)} frames; number {frame}, counted from 0, is asked for.")
    pixels = frames.pixels[frame]
    if pixels.min() == pixels.max():
        return None
    return hashlib.sha256(pixels.tobytes()).hexdigest()
