"""PNG and JPEG pictures to Frames, by Pillow."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.lazy import LazyPixels
from echocare_core.frames.size import check_size
from echocare_core.types import Frames

FORMATS = ("PNG", "JPEG", "MPO")  # MPO is JPEG with further pictures behind the first; the first is read
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # EXIF 2.3, 4.6.4: values that swap rows and columns
DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


@dataclass(frozen=True)
class ImagePixels(LazyPixels):
    """The one picture of a PNG or JPEG file.

    Attributes:
        path: the file.
        size: (height, width) in pixels, upright.
    """

    path: Path
    size: tuple[int, int]

    def __len__(self) -> int:
        return 1

    def decode(self, number: int) -> NDArray[np.uint8]:
        """The one picture, upright RGB uint8 (height, width, 3); UnreadableFrames where it is damaged or changed."""
        try:
            with Image.open(self.path, formats=FORMATS) as image:
                upright = image if _orientation(image) == 1 else ImageOps.exif_transpose(image)
                picture = to_rgb(upright)
        except DAMAGE as fault:
            raise UnreadableFrames(
                self.path, "is damaged or cut short and cannot be decoded. Copy or export it again."
            ) from fault
        if picture.shape != (*self.size, 3):
            raise UnreadableFrames(self.path, "changed while it was read. Read it again.")
        return picture


def read_image(path: Path) -> Frames:
    """Read a PNG or JPEG picture; it is decoded when `pixels[0]` is asked for.

    Args:
        path: grey, coloured, palette or transparent picture, 8 or 16 bits; transparency is shown on black, and the
            orientation a camera noted (EXIF) is applied.

    Returns:
        Frames with one frame, uint8 RGB (height, width, 3), `frame_times_ms` (0.0,) and no spacing.

    Raises:
        UnreadableFrames: broken, or smaller than 16x16 px. Damage behind the header raises when the picture is asked
            for.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            turned = _orientation(image) in TURNED
            width, height = reversed(image.size) if turned else image.size
    except DAMAGE as fault:
        raise UnreadableFrames(path, "is a damaged PNG or JPEG picture. Copy or export it again.") from fault
    try:
        check_size(height, width)
    except PixelDataError as fault:
        raise UnreadableFrames(path, str(fault)) from fault
    return Frames(path, ImagePixels(path, (height, width)), (height, width), frame_times_ms=(0.0,))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 = upright; one that stands behind the pixels of a PNG would cost decoding them."""
    noted = image.format != "PNG" or "exif" in image.info
    return int(image.getexif().get(ORIENTATION, 1)) if noted else 1


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Any Pillow mode as uint8 RGB (height, width, 3)."""
    if image.mode.startswith("I"):  # 16-bit grey: the high byte of each sample
        grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    if "A" in image.mode or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over)
    return np.array(image.convert("RGB"), dtype=np.uint8)
