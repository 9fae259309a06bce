"""Files of polygons: the JSON of LabelMe, the JSON of COCO, and the XML of "CVAT for images 1.1"."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echocare_core.errors import EchoCareError

CORNERS = 3  # that a polygon has at least
MALFORMED = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError, OSError),
    ElementTree.ParseError,
)


class PolygonsError(EchoCareError):
    """A file of polygons that cannot be used; raised where its path is not known."""


@dataclass(frozen=True)
class Polygon:
    """One outline.

    Attributes:
        name: of its label.
        label: the number that its name says; None where it says none.
        points: float64 (corners, 2), x and y in pixels from the picture's top left corner.
    """

    name: str
    label: int | None
    points: NDArray[np.float64]


@dataclass(frozen=True)
class Outlined:
    """What a file says of one picture.

    Attributes:
        name: of the picture's file, with folders where they are told; "" in a file of one picture.
        size: (height, width).
        polygons: reads its outlines, in the order in which they lie one above the other.
    """

    name: str
    size: tuple[int, int]
    polygons: Callable[[], Sequence[Polygon]]


def read_outlined(data: bytes) -> list[Outlined]:
    """All pictures of a file.

    Args:
        data: the whole of it, UTF-8.

    Raises:
        PolygonsError: JSON or XML that is none of these, or with a DOCTYPE; and when polygons are read, a shape that is
            none, as holes and regions of pixels are.
        *MALFORMED: it is damaged.
    """
    text = data.decode("utf-8-sig").lstrip()
    if text.startswith("<"):
        return _read_cvat(text)
    content = json.loads(text)
    if "shapes" in content:
        size = int(content["imageHeight"]), int(content["imageWidth"])
        return [Outlined("", size, partial(_labelme, content["shapes"]))]
    if "images" in content:
        return _read_coco(content)
    raise PolygonsError("is JSON without shapes (LabelMe) or images (COCO); needed polygons. Export it as one of them.")


def _labelme(shapes: Sequence[Mapping[str, Any]]) -> list[Polygon]:
    for shape in shapes:
        if (kind := shape.get("shape_type") or "polygon") != "polygon":
            raise _other(kind)
    return [_polygon(str(shape["label"]), _number(str(shape["label"])), shape["points"]) for shape in shapes]


def _read_coco(content: Mapping[str, Any]) -> list[Outlined]:
    drawn = defaultdict(list)
    for one in content["annotations"]:
        drawn[one["image_id"]].append(one)
    used = {one["category_id"] for one in content["annotations"]}  # some tools write a category above all others
    listed = sorted(content["categories"], key=lambda one: one["id"])
    names = {one["id"]: str(one["name"]) for one in listed if one["id"] in used or one["id"] != 0}
    numbers = {key: _number(name) for key, name in names.items()}
    if None in numbers.values():
        numbers = {key: number for number, key in enumerate(names, start=1)}
    return [
        Outlined(
            str(one["file_name"]),
            (int(one["height"]), int(one["width"])),
            partial(_coco, drawn[one["id"]], names, numbers),
        )
        for one in content["images"]
    ]


def _coco(
    annotations: Sequence[Mapping[str, Any]], names: Mapping[Any, str], numbers: Mapping[Any, int | None]
) -> list[Polygon]:
    polygons = []
    for one in annotations:
        regions, category = one["segmentation"], one["category_id"]
        if isinstance(regions, Mapping):
            raise _other("region of pixels (RLE), which may have holes")
        if not regions:
            raise _other("box without an outline")
        polygons += [_polygon(names[category], numbers[category], _pairs(region)) for region in regions]
    return polygons


def _read_cvat(text: str) -> list[Outlined]:
    if "<!DOCTYPE" in text:
        raise PolygonsError("is XML with a DOCTYPE, which is not read; needed one of CVAT. Export it again.")
    images = ElementTree.fromstring(text).findall("image")
    if not images:
        raise PolygonsError("is XML without images; needed that of 'CVAT for images 1.1'. Export it so.")
    return [
        Outlined(one.attrib["name"], (int(one.attrib["height"]), int(one.attrib["width"])), partial(_cvat, one))
        for one in images
    ]


def _cvat(image: ElementTree.Element) -> list[Polygon]:
    shapes = [shape for shape in image if shape.tag != "tag"]  # which says something of the whole picture
    for shape in shapes:
        if shape.tag != "polygon":
            raise _other(shape.tag)
    return [
        _polygon(
            shape.attrib["label"],
            _number(shape.attrib["label"]),
            [[float(number) for number in point.split(",")] for point in shape.attrib["points"].split(";")],
        )
        for shape in sorted(shapes, key=lambda shape: int(shape.get("z_order", 0)))
    ]


def _polygon(name: str, label: int | None, points: ArrayLike) -> Polygon:
    corners = np.asarray(points, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < CORNERS or not np.isfinite(corners).all():
        raise PolygonsError(f"has a polygon without {CORNERS} corners of x and y; needed these. Draw it again.")
    return Polygon(name, label, corners)


def _pairs(numbers: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(numbers, dtype=np.float64).reshape(-1, 2)


def _number(name: str) -> int | None:
    """The number that a name is, None where it is none."""
    return int(name) if name.isascii() and name.isdecimal() else None


def _other(kind: str) -> PolygonsError:
    return PolygonsError(f"holds a shape that is no polygon, {kind}; needed polygons alone. Draw it as one.")
