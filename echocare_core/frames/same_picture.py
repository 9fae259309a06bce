"""One picture in two splits or groups, by what it shows, whatever its file is called and however it was saved."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from rich.progress import track

from echocare_core.checksum import sha256_of
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.alike import Thumbnail, find_alike, has_aspect_of, thumbnail_of
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


@dataclass(frozen=True)
class SharedPicture:
    """A picture that two rows of a table name in two splits.

    Attributes:
        first: the earlier row.
        again: the later one.
        exact: every pixel is the same.
        mirrored: one is the mirror image of the other.
        same: it is one picture that was saved again; else the two look as alike as neighbouring frames of a cine.
    """

    first: ListedPicture
    again: ListedPicture
    exact: bool = True
    mirrored: bool = False
    same: bool = True


@dataclass(frozen=True)
class Look:
    """What a picture shows: the checksum of its pixels, and a thumbnail."""

    digest: str
    thumbnail: Thumbnail


def find_regrouped_copies(pictures: Sequence[ListedPicture]) -> list[list[ListedPicture]]:
    """Find files of the same bytes that rows put into more than one group; only of one length they are read.

    Copies that show nothing, or cannot be read, are not meant.

    Returns:
        Of every such picture the first row of each group.
    """
    copies = [same for alike in _regrouped(pictures, lambda one: str(_stamp(one.path)[0])) for same in _copies(alike)]
    shown = [same for same in copies if _look(same[0].path, same[0].frame, _stamp(same[0].path))]
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


def find_shared_pictures(pictures: Sequence[ListedPicture], split: str) -> list[SharedPicture]:
    """Find pictures of one split that stand in another one, too: as they are, or compressed, scaled or mirrored anew.

    Only pictures of the shape that one in this split and one in another have are decoded, each once, with a progress
    bar where they are many. One without any difference in it, such as a black one, and one that cannot be read, is not
    compared.

    Args:
        pictures: of all splits that are used.
        split: the one that is asked for.

    Returns:
        Each picture in another split that looks like one in `split`, with the one that it looks like most.
    """
    mine, others = _by_split(pictures, split)
    mine, others = _of_a_shape_in(others, mine), _of_a_shape_in(mine, others)
    looks = dict(zip([*mine, *others], _looks([*mine, *others]), strict=True))
    shown = {picture: look for picture, look in looks.items() if look}
    mine, others = [one for one in mine if one in shown], [one for one in others if one in shown]
    found = _find_similar(mine, others, shown)
    first_of = {shown[one].digest: one for one in reversed(mine)}
    for picture in others:
        if shown[picture].digest in first_of:
            found[picture] = _shared(first_of[shown[picture].digest], picture)
    return sorted(found.values(), key=lambda shared: shared.again.row)


def _find_similar(
    mine: Sequence[ListedPicture], others: Sequence[ListedPicture], looks: Mapping[ListedPicture, Look]
) -> dict[ListedPicture, SharedPicture]:
    """By each of the others that looks like one of mine, the one that it looks like most."""
    found: dict[ListedPicture, SharedPicture] = {}
    if mine and others:
        thumbnails = [np.stack([looks[one].thumbnail for one in pictures]) for pictures in (mine, others)]
        for alike in sorted(find_alike(*thumbnails), key=lambda pair: (pair.same, pair.likeness)):
            one, other = mine[alike.numbers[0]], others[alike.numbers[1]]
            if _have_one_shape(one, other):
                found[other] = _shared(one, other, exact=False, mirrored=alike.mirrored, same=alike.same)
    return found


def _shared(
    one: ListedPicture, other: ListedPicture, *, exact: bool = True, mirrored: bool = False, same: bool = True
) -> SharedPicture:
    first, again = sorted((one, other), key=lambda picture: picture.row)
    return SharedPicture(first, again, exact, mirrored, same)


def _by_split(pictures: Sequence[ListedPicture], split: str) -> tuple[list[ListedPicture], list[ListedPicture]]:
    return [one for one in pictures if one.split == split], [one for one in pictures if one.split != split]


def _of_a_shape_in(those: Sequence[ListedPicture], pictures: Sequence[ListedPicture]) -> list[ListedPicture]:
    """Pictures that are readable and could be one of `those`, by their sizes."""
    sizes = {size for picture in those if (size := _size_of(picture))}
    found = {size for picture in pictures if (size := _size_of(picture))}
    wanted = {size for size in found if any(has_aspect_of(size, one) for one in sizes)}
    return [picture for picture in pictures if _size_of(picture) in wanted]


def _have_one_shape(one: ListedPicture, other: ListedPicture) -> bool:
    sizes = _size_of(one), _size_of(other)
    return sizes[0] is not None and sizes[1] is not None and has_aspect_of(sizes[0], sizes[1])


def _looks(pictures: Sequence[ListedPicture]) -> list[Look | None]:
    hidden = len(pictures) < MANY or os.environ.get("RANK", "0") != "0"  # of several processes the first one shows it
    with ThreadPoolExecutor(THREADS) as pool:
        looks = pool.map(lambda one: _look(one.path, one.frame, _stamp(one.path)), pictures)
        bar = track(looks, "comparing pictures of several splits", len(pictures), transient=True, disable=hidden)
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
    look = _decoded(path, frame, _stamp(path))
    return look.digest if look else None


def _look(path: Path, frame: int, stamp: tuple[int, int]) -> Look | None:
    try:
        return _decoded(path, frame, stamp)
    except UnreadableFrames:
        return None


@cache
def _decoded(path: Path, frame: int, stamp: tuple[int, int]) -> Look | None:
    frames = read_frames(path)
    if frame >= len(frames):
        raise UnreadableFrames(path, f"has {len(frames)} frames; number {frame}, counted from 0, is asked for.")
    pixels = frames.pixels[frame]
    if pixels.min() == pixels.max():
        return None
    return Look(hashlib.sha256(pixels.tobytes()).hexdigest(), thumbnail_of(pixels))
