"""Drawn masks stored as DICOM Segmentation (PS3.3 A.51, C.8.20), of bits or as label map, of a still or of a cine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echocare_core.errors import PixelDataError, TableError, UnreadableFrames
from echocare_core.frames.dicom.header import MALFORMED, Header, name_of, number, numbers, read_header, text, uid, value
from echocare_core.frames.dicom.read import open_pixels
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.transforms.layers import Layer, lay
from echocare_core.transforms.of_image import OfImage
from echocare_core.transforms.said_once import say_once

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # of bits, label map
BITS, LABEL_MAP = "BINARY", "LABELMAP"
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
ATTRIBUTES = ("SegmentationType", "SegmentSequence", *GROUPS)


@dataclass(frozen=True)
class _Plane:
    """One frame of the object.

    Attributes:
        place: 0-based number of it.
        segment: Segment Number of its pixels; 0 of a label map, whose pixels say it themselves.
        about: objects that it refers to, by their UID: the frames of each, counted from 1; none for all of them.
    """

    place: int
    segment: int
    about: Mapping[str, Sequence[int]]


def segmentation_size(path: str) -> tuple[int, int]:
    """(height, width) of an object; TableError where it is no segmentation or its header cannot be read."""
    return _size(_open(path, ()))


def read_segmentation(path: str, labels: int, frame: int, image: OfImage) -> NDArray[np.uint8]:
    """Read the labels of one frame of a picture.

    The segments are the labels 1, 2, ... in the order of their Segment Numbers.

    Args:
        path: the object.
        labels: number of labels with the background.
        frame: 0-based number of the picture's frame; not used where the object names no frames.
        image: the picture; an object that refers to several needs its UID.

    Returns:
        uint8 (height, width); where segments overlap the later one is kept.

    Raises:
        TableError: it cannot be read, is no segmentation of bits or label map, has more segments than there are labels,
            or says nothing of that frame.
    """
    header = _open(path, ATTRIBUTES)
    with _told(path), suppress_warnings():
        known = sorted({int(one.SegmentNumber) for one in header.dataset.SegmentSequence} - {0})
        if len(known) >= labels:
            raise TableError(
                f"Mask {path} has {len(known)} segments; needed {labels - 1} at most, as the bundle has labels. Leave "
                "out the others."
            )
        ranks = {segment: rank for rank, segment in enumerate(known, start=1)}
        planes = _planes_of(path, list(_planes(header)), frame, image)
        layers = sorted(_layers(path, header, planes, ranks), key=lambda layer: layer[0])
        return lay(layers, _size(header), Path(path).name)


def _open(path: str, also: Sequence[str]) -> Header:
    try:
        header = read_header(Path(path), also)
    except UnreadableFrames as fault:
        raise TableError(f"Mask {path} {fault.reason}") from fault
    if header.sop_class not in SEGMENTATIONS:
        what = name_of(header.sop_class) or "an object that does not say what it is"
        raise TableError(
            f"Mask {path} is {what}; of DICOM a Segmentation is needed. Export the mask as one, or as PNG."
        )
    return header


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except (PixelDataError, UnreadableFrames) as fault:
        reason = fault.reason if isinstance(fault, UnreadableFrames) else fault
        raise TableError(f"Mask {path} {reason}") from fault
    except MALFORMED as fault:
        raise TableError(f"Mask {path} is damaged ({type(fault).__name__}). Export it again.") from fault


def _size(header: Header) -> tuple[int, int]:
    return int(number(header.dataset, "Rows") or 0), int(number(header.dataset, "Columns") or 0)


def _planes(header: Header) -> Iterator[_Plane]:
    shared, own = (value(header.dataset, keyword) or [] for keyword in GROUPS)
    for place, groups in enumerate(own):
        many = [groups, *shared[:1]]
        segment = number(_first(many, "SegmentIdentificationSequence"), "ReferencedSegmentNumber")
        sources = value(_first(many, "DerivationImageSequence"), "SourceImageSequence") or []
        about = {
            uid(one, "ReferencedSOPInstanceUID"): [int(it) for it in numbers(one, "ReferencedFrameNumber")]
            for one in sources
            if uid(one, "ReferencedSOPInstanceUID")
        }
        yield _Plane(place, int(segment or 0), about)


def _first(groups: Sequence[Dataset], keyword: str) -> Dataset:
    """The item of a functional group, of the frame or of all frames; an empty one where there is none."""
    found = [value(group, keyword) for group in groups]
    return next((one[0] for one in found if one), Dataset())


def _planes_of(path: str, planes: Sequence[_Plane], frame: int, image: OfImage) -> list[_Plane]:
    """Those that speak of a frame of the picture; TableError where none does, or where that cannot be told."""
    about = {one for plane in planes for one in plane.about}
    if len(about) > 1:
        planes = [plane for plane in planes if image.instance_uid in plane.about]
        if not planes:
            raise TableError(
                f"Mask {path} refers to {len(about)} objects, and the image is none of them by its UID; needed one "
                "that refers to it. Export one for each image."
            )
    elif about and image.instance_uid and image.instance_uid not in about:
        say_once("refers to another object than its image by its UID, and is used all the same", Path(path).name)
    frames = {plane.place: _frames(plane, image) for plane in planes}
    spoken = [plane for plane in planes if not frames[plane.place] or frame + 1 in frames[plane.place]]
    if not spoken:
        named = ", ".join(map(str, sorted({one - 1 for numbered in frames.values() for one in numbered})[:10]))
        raise TableError(
            f"Mask {path} says nothing of frame {frame}, counted from 0 (it does of {named or 'none'}); needed that. "
            "Name another frame, or draw it."
        )
    segments = [plane.segment for plane in spoken if not frames[plane.place]]
    if len(segments) > len(set(segments)):
        raise TableError(
            f"Mask {path} has {len(planes)} frames and does not say of which frame of its image each is. Export it "
            "with references to the image, or as one file for each frame."
        )
    return spoken


def _frames(plane: _Plane, image: OfImage) -> Sequence[int]:
    """Frames of the picture, counted from 1, that a plane speaks of; none for all of them."""
    if image.instance_uid in plane.about:
        return plane.about[image.instance_uid]
    return next(iter(plane.about.values()), ())


def _layers(path: str, header: Header, planes: Sequence[_Plane], ranks: Mapping[int, int]) -> Iterator[Layer]:
    kind = text(header.dataset, "SegmentationType")
    if kind not in (BITS, LABEL_MAP):
        raise TableError(
            f"Mask {path} is a segmentation of the type {kind or 'that is not named'}; needed {BITS} or {LABEL_MAP}. "
            "Export it so."
        )
    for plane in planes:
        values = _bits(header, plane.place) * plane.segment if kind == BITS else _stored(header, plane.place)
        for segment in sorted(set(np.unique(values).tolist()) - {0}):
            if segment not in ranks:
                raise TableError(f"Mask {path} draws a segment {segment} that it does not describe. Export it again.")
            yield ranks[segment], values == segment


def _stored(header: Header, place: int) -> NDArray[Any]:
    """The Segment Numbers of a frame of a label map, native or compressed."""
    return open_pixels(header).samples(place)[0]


def _bits(header: Header, place: int) -> NDArray[Any]:
    """A frame of one bit per pixel, the first in the lowest bit; it may begin within a byte (PS3.5 8.1.1)."""
    pixels, (height, width) = header.pixel_data, _size(header)
    if pixels is None or pixels.length is None or pixels.big_endian:
        raise PixelDataError("has no uncompressed pixels, low byte first. Export it as Explicit VR Little Endian.")
    first, skipped = divmod(place * height * width, 8)
    data = pixels.read(first, (skipped + height * width + 7) // 8)
    bits = np.unpackbits(data, bitorder="little")[skipped : skipped + height * width]
    return bits.reshape(height, width).astype(np.int32)
