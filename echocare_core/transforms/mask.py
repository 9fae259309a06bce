"""Drawn masks as label maps."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray
from PIL import Image, ImageOps

from echocare_core.errors import SettingsError, TableError, UnreadableFrames
from echocare_core.frames.dicom.header import looks_like_dicom
from echocare_core.frames.image import TURNED, orientation_of
from echocare_core.frames.mask_files import split_masks
from echocare_core.frames.read import first_bytes
from echocare_core.transforms.layers import join_masks
from echocare_core.transforms.mask_faults import LARGEST, describe_colours, describe_values
from echocare_core.transforms.of_image import OfImage, of_loaded
from echocare_core.transforms.polygons import looks_like_polygons, polygons_size, read_polygons
from echocare_core.transforms.said_once import say_once
from echocare_core.transforms.segmentation_object import read_segmentation, segmentation_size
from echocare_core.transforms.volume_mask import looks_like_volume, read_volume_mask, volume_mask_size

INTEGERS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I", "I;16", "I;16L", "I;16B")  # modes of Pillow
WHITE_IS_ZERO = {262: 0}  # TIFF 6.0, section 8: PhotometricInterpretation
UNKNOWN = OfImage()


class LoadMaskd(MapTransform):
    """Replace the path of a mask by its label map, float32 (1, height, width), upright, aligned with its image.

    Args:
        keys: which entries are paths of masks in a form of `read_mask`, of which one of every frame of a cine gives
            that of the item's `frame`.
        image_key: the loaded image whose size the mask must have and whose affine it takes.
        labels: number of labels with the background; a mask of 0 and 255 only is read as 0 and 1.
        threshold: see `read_mask`.

    Raises:
        TableError: not a picture, another size than the image, or a value that is no label.
        SettingsError: a threshold that cannot be used.
    """

    def __init__(self, keys: KeysCollection, image_key: str, labels: int, threshold: int | None = None) -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.labels, self.threshold = labels, threshold

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        image = item[self.image_key]
        for key in self.key_iterator(item):
            size, frame = tuple(image.shape[1:]), int(item.get("frame") or 0)
            values = read_mask(item[key], size, self.labels, self.threshold, frame, of_loaded(image))
            item[key] = MetaTensor(torch.from_numpy(values.astype(np.float32))[None], affine=image.affine.clone())
        return item


def read_mask(
    path: str,
    size: tuple[int, ...],
    labels: int,
    threshold: int | None = None,
    frame: int = 0,
    image: OfImage = UNKNOWN,
) -> NDArray[np.uint8]:
    """Read a drawn mask.

    Args:
        path: one file, or several between semicolons, which `join_masks` joins; or `nothing`, of which every pixel is
            background. PNG in one channel; or in colour, where
            its channels are equal, or one colour stands on black. Of one with a palette the numbers count, not the
            colours. The orientation that its file notes (EXIF) is applied, as to its image. Or NIfTI, NRRD or
            MetaImage, as 3D Slicer saves it, with columns before rows; a DICOM Segmentation (`read_segmentation`); or
            polygons (`read_polygons`).
        size: (height, width) of its image.
        labels: number of labels with the background; a mask of 0 and the largest value of its kind, such as 255, is
            read as 0 and 1.
        threshold: smallest value that is label 1, for masks with values between, as JPEG leaves them; None refuses
            these. Only pictures and arrays have such values.
        frame: 0-based number of the frame, for a file with a mask of each frame.
        image: the picture, for a file with masks of several.

    Returns:
        uint8 (height, width) of label numbers.

    Raises:
        TableError: not a picture of whole numbers, another size than the image, or a value that is no label; or as the
            readers of the other forms.
        SettingsError: a threshold that is no such value, or with more than one label.
    """
    files = split_masks(path, Path())
    if not files:
        return np.zeros(size, np.uint8)
    if len(files) > 1:
        return join_masks([read_mask(one, size, labels, threshold, frame, image) for one in files], labels, path)
    [path] = files
    check_mask_size(path, size, image)  # before it is decoded, for what is beyond its image may be beyond any memory
    head = _head(path)
    if looks_like_dicom(head):
        return read_segmentation(path, labels, frame, image)
    if looks_like_polygons(head):
        return read_polygons(path, labels, image)
    values = read_volume_mask(path, frame) if looks_like_volume(head) else _read_picture(path, labels)
    if values.min() < 0:
        raise TableError(f"Mask {path} holds the value {values.min()}; needed label numbers from 0. Save it so.")
    if values.ndim == 3:
        raise TableError(f"Mask {path} {describe_colours(values, labels)}")
    if values.shape != tuple(size):
        raise TableError(f"Mask {path} has shape {values.shape}; needed that of its image, {tuple(size)}.")
    if threshold is not None:
        return _above(values, threshold, labels)
    found = np.unique(values)
    if found.max() < labels:
        return values.astype(np.uint8)
    largest = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.unsignedinteger) else LARGEST
    if not np.isin(found, (0, largest)).all():
        raise TableError(f"Mask {path} {describe_values(values, found, labels)}")
    return (values == largest).astype(np.uint8)


def _read_picture(path: str, labels: int) -> NDArray[Any]:
    with _readable(path), Image.open(path) as picture:
        numbers = np.asarray(_upright(picture))
        _check_kind(picture, path)
        values = _one_channel(numbers, path, labels)
        _say_if_inverted(picture, values, path)
        return values


def _head(path: str) -> bytes:
    try:
        return first_bytes(Path(path))
    except UnreadableFrames:  # the reader of pictures says what it is
        return b""


def check_mask_size(path: str, size: tuple[int, ...], image: OfImage = UNKNOWN) -> None:
    """TableError where a mask of `read_mask` is not of (height, width) pixels; nothing is decoded."""
    for one in split_masks(path, Path()):
        found = _size_of(one, image)
        if found != tuple(size):
            raise TableError(f"Mask {one} has shape {found}; needed that of its image, {tuple(size)}.")


def _size_of(path: str, image: OfImage) -> tuple[int, int]:
    head = _head(path)
    if looks_like_dicom(head):
        return segmentation_size(path)
    if looks_like_polygons(head):
        return polygons_size(path, image)
    if looks_like_volume(head):
        return volume_mask_size(path)
    with _readable(path), Image.open(path) as picture:
        found = (picture.height, picture.width)
        if picture.format != "TIFF" and orientation_of(picture) in TURNED:  # Pillow turns TIFF itself
            found = found[::-1]
    return found


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise TableError(
            f"Mask {path} cannot be read; needed a PNG of label numbers. Copy or draw it again."
        ) from error


def _check_kind(picture: Image.Image, path: str) -> None:
    """TableError where the numbers of a file are not those that are seen, or are none of labels."""
    found = None
    if picture.mode not in INTEGERS:
        found = "fractions" if picture.mode == "F" else f"colours for print or video ({picture.mode})"
    elif getattr(picture, "n_frames", 1) > 1:
        found = "more than one picture"
    elif picture.mode.startswith("I") and WHITE_IS_ZERO.items() <= dict(getattr(picture, "tag_v2", {})).items():
        found = "white as 0"
    if found:
        raise TableError(f"Mask {path} holds {found}; needed a PNG of label numbers. Save it so.")


def _upright(picture: Image.Image) -> Image.Image:
    turned = picture.format != "TIFF" and orientation_of(picture) != 1
    return ImageOps.exif_transpose(picture) if turned else picture


def _say_if_inverted(picture: Image.Image, values: NDArray[Any], path: str) -> None:
    """Say it where what is seen as background, in a palette, is not what has the number 0."""
    palette = picture.getpalette("RGB") if picture.mode == "P" else None
    if palette and sorted(np.unique(values)) == [0, 1] and sum(palette[:3]) > sum(palette[3:6]):
        how = "with a palette is read by its numbers, though its background, 0, is the brighter colour"
        say_once(how, Path(path).name)


def _one_channel(values: NDArray[Any], path: str, labels: int) -> NDArray[Any]:
    """The numbers of a mask in colour, where they can be but one thing; else the mask as it is."""
    if values.ndim != 3:
        return values
    opaque = values.shape[2] in (2, 4) and (values[..., -1] == values[..., -1].flat[0]).all()
    colours = values[..., :-1] if opaque else values
    if (colours == colours[..., :1]).all():
        say_once("in colour is read as grey", Path(path).name)
        return colours[..., 0]
    lit: NDArray[np.bool_] = np.any(colours, axis=2)
    if labels == 2 and len(np.unique(colours[lit], axis=0)) == 1:
        say_once("of one colour on black is read as 0 and 1", Path(path).name)
        return lit.astype(np.uint8)
    return values


def _above(values: NDArray[Any], threshold: int, labels: int) -> NDArray[np.uint8]:
    if labels != 2 or isinstance(threshold, bool) or not isinstance(threshold, int) or not 0 < threshold <= LARGEST:
        raise SettingsError(
            f"mask_threshold is {threshold!r} for {labels} labels; needed 1 to {LARGEST} for 2 labels, the background "
            "and one more, or None. Set it so."
        )
    return (values >= threshold).astype(np.uint8)
