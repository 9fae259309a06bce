"""Drawn masks stored as polygons: of LabelMe, COCO or CVAT, in a file of one picture or of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import draw

from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.frames.dicom.header import stamp_of
from echocare_core.transforms.layers import Layer, lay
from echocare_core.transforms.of_image import OfImage
from echocare_core.transforms.polygon_files import MALFORMED, Outlined, Polygon, PolygonsError, read_outlined
from echocare_core.transforms.said_once import say_once

CENTRE = 0.5  # of the first pixel, from the picture's corner


def looks_like_polygons(head: bytes) -> bool:
    """Whether a file that begins with these bytes is JSON or XML."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"<"))


def polygons_size(path: str, image: OfImage) -> tuple[int, int]:
    """(height, width) that a file says of a picture; TableError where it cannot be read or does not have it."""
    return _find(path, image).size


def read_polygons(path: str, labels: int, image: OfImage) -> NDArray[np.uint8]:
    """Draw the polygons of a picture; a pixel is inside where its centre is.

    Args:
        path: JSON of LabelMe or COCO, or XML of "CVAT for images 1.1".
        labels: number of labels with the background. With two every polygon is label 1; with more its name must be the
            number of its label, or in COCO its category has that number in the order of their ids.
        image: the picture, found by the name of its file, with folders where several are called so.

    Returns:
        uint8 (height, width); where labels overlap the later polygon is kept. A picture that the file has without a
        polygon is one with nothing to find, since none of the forms says so in another way; a line says it once.

    Raises:
        TableError: it cannot be read, has no such picture, holds shapes that are no polygons, or a name that is no
            label.
    """
    outlined = _find(path, image)
    with _told(path):
        polygons = outlined.polygons()
        if not polygons:
            say_once("without an outline in its picture is read as nothing to find there", Path(path).name)
        return lay(_layers(polygons, outlined.size, labels, path), outlined.size, Path(path).name)


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except PolygonsError as fault:
        raise TableError(f"Mask {path} {fault}") from fault
    except MALFORMED as fault:
        raise TableError(
            f"Mask {path} cannot be read ({type(fault).__name__}); needed polygons of LabelMe, COCO or CVAT for images "
            "1.1. Export it again."
        ) from fault


def _find(path: str, image: OfImage) -> Outlined:
    """What a file says of a picture: all of a file of one picture, else the one with most of its path in common."""
    with _told(path):
        pictures = _read(Path(path), stamp_of(Path(path)))
    if list(pictures) == [""]:
        return pictures[""][0]
    wanted = _parts(image.name)
    found = pictures.get(wanted[-1], []) if wanted else [one for many in pictures.values() for one in many]
    shared = [_shared(_parts(one.name), wanted) for one in found]
    best = [one for one, count in zip(found, shared, strict=True) if count == max(shared)]
    if len(best) != 1:
        total = counted(sum(map(len, pictures.values())), "picture")
        what = f"called {wanted[-1]}" if wanted else "to choose from without the name of the image"
        raise TableError(f"Mask {path} is of {total}, {len(best)} {what}; needed one. Name pictures as their files.")
    return best[0]


@lru_cache(maxsize=2)
def _read(path: Path, _stamp: tuple[int, int]) -> Mapping[str, Sequence[Outlined]]:
    """What a file holds, by the last parts of the pictures' names; a file of all pictures is read once for many."""
    pictures = defaultdict(list)
    for one in read_outlined(path.read_bytes()):
        pictures["".join(_parts(one.name)[-1:])].append(one)
    return dict(pictures)


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many last parts two paths have in common."""
    pairs = list(zip(reversed(one), reversed(other), strict=False))
    return next((count for count, (first, second) in enumerate(pairs) if first != second), len(pairs))


def _layers(polygons: Sequence[Polygon], size: tuple[int, int], labels: int, path: str) -> Iterator[Layer]:
    names = list(dict.fromkeys(one.name for one in polygons))
    if labels == 2 and len(names) > 1:
        say_once(f"with polygons of several names ({', '.join(names[:5])}) is read as one label", Path(path).name)
    for one in polygons:
        label = 1 if labels == 2 else one.label
        if label is None or not 0 < label < labels:
            number = "" if label is None or one.name == str(label) else f", which is number {label}"
            raise TableError(
                f"Mask {path} has a polygon called '{one.name}'{number}; needed a number from 1 to {labels - 1}. Call "
                "it by that of its label."
            )
        drawn = np.zeros(size, dtype=bool)
        drawn[draw.polygon(one.points[:, 1] - CENTRE, one.points[:, 0] - CENTRE, size)] = True
        yield label, drawn
