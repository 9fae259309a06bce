"""PNG and JPEG pictures to Frames, by Pillow; by imagecodecs where they have 16 bits, of which Pillow drops some."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.dicom.jpeg_stream import check_holds_its_picture
from echocare_core.frames.grey import FROM_THE_DATA, black_and_white, to_grey
from echocare_core.frames.lazy import LazyPixels
from echocare_core.frames.size import LARGEST_PX, check_size
from echocare_core.types import Frames

FORMATS = ("PNG", "JPEG", "MPO")  # MPO is JPEG with further pictures behind the first; the first is read
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # EXIF 2.3, 4.6.4: values that swap rows and columns
LARGEST_FILE = 16 * LARGEST_PX  # bytes: twice what the largest picture has without compression
PNG_DEPTH = 24  # where the header of a PNG says how many bits a sample has (ISO 15948, 11.2.2)
DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError),
    *(RuntimeError, struct.error, zlib.error, PixelDataError),
)


@dataclass(frozen=True)
class ImagePixels(LazyPixels):
    """The one picture of a PNG or JPEG file.

    Attributes:
        path: the file.
        size: (height, width) in pixels, upright.
        deep: its samples have 16 bits.
    """

    path: Path
    size: tuple[int, int]
    deep: bool = False

    def __len__(self) -> int:
        return 1

    def decode(self, number: int) -> NDArray[np.uint8]:
        """The one picture, upright RGB uint8 (height, width, 3); UnreadableFrames where it is damaged or changed."""
        try:
            with _open(self.path) as image:
                data = self.path.read_bytes() if self.deep or image.format != "PNG" else None
                picture = _upright(image, data)
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
            orientation a camera noted (EXIF) is applied. What black and white are in 16 bits is told from the numbers
            (`frames.grey`): programs write 8, 10 or 12 bits into them as they are.

    Returns:
        Frames with one frame, uint8 RGB (height, width, 3), `frame_times_ms` (0.0,) and no spacing.

    Raises:
        UnreadableFrames: broken, smaller than 16x16 px, or larger than any. Damage behind the header raises when the
            picture is asked for.
    """
    try:
        with _open(path) as image:
            turned = orientation_of(image) in TURNED
            width, height = reversed(image.size) if turned else image.size
        with path.open("rb") as file:
            deep = _is_deep(file.read(PNG_DEPTH + 1))
    except PixelDataError as fault:
        raise UnreadableFrames(path, str(fault)) from fault
    except DAMAGE as fault:
        raise UnreadableFrames(path, "is a damaged PNG or JPEG picture. Copy or export it again.") from fault
    return Frames(
        path,
        ImagePixels(path, (height, width), deep),
        (height, width),
        frame_times_ms=(0.0,),
        notes=(FROM_THE_DATA,) if deep else (),
    )


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """The bytes of a PNG or JPEG file as upright RGB uint8 (height, width, 3), shown as `read_image` shows it.

    Raises:
        PixelDataError: smaller than 16x16 px, or larger than any.
        Exception: one of `DAMAGE`.
    """
    with _open(io.BytesIO(data)) as image:
        return _upright(image, data if _is_deep(data) or image.format != "PNG" else None)


@contextmanager
def _open(file: Path | io.BytesIO) -> Iterator[Image.Image]:
    """The picture, its header read and found to be no trap; Pillow itself bounds what its text chunks inflate to.

    Raises:
        PixelDataError: it is too small or too large.
    """
    size = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
    if size > LARGEST_FILE:
        raise PixelDataError(f"has {size >> 20} MiB, more than any ultrasound picture. Export it again.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `check_size` refuses more
        try:
            image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError as fault:
            raise PixelDataError("has more pixels than any ultrasound picture. Export it again.") from fault
    with image:
        check_size(*reversed(image.size))
        yield image


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 = upright; one that stands behind the pixels of a PNG would cost decoding them."""
    noted = image.format != "PNG" or "exif" in image.info
    return int(image.getexif().get(ORIENTATION, 1)) if noted else 1


def _upright(image: Image.Image, data: bytes | None) -> NDArray[np.uint8]:
    """A picture as RGB; of a JPEG and of one with 16 bits to a sample its bytes are needed too."""
    if data is not None and image.format != "PNG":
        check_holds_its_picture(data)
    shown = image if data is None or image.format != "PNG" else _read_deep(data)
    orientation = orientation_of(image)
    if orientation != 1:
        shown.getexif()[ORIENTATION] = orientation
        shown = ImageOps.exif_transpose(shown)
    return to_rgb(shown)


def _is_deep(head: bytes) -> bool:
    """Whether it is a PNG with 16 bits to a sample."""
    return head[1:4] == b"PNG" and head[PNG_DEPTH : PNG_DEPTH + 1] == b"\x10"


def _read_deep(data: bytes) -> Image.Image:
    """A PNG of 16 bits as a picture of 8, grey or coloured, with its transparency."""
    samples = imagecodecs.png_decode(_without_text(data))
    samples = samples if samples.ndim == 3 else samples[..., np.newaxis]
    colours = samples[..., : samples.shape[2] - 1 + samples.shape[2] % 2]
    lowest = float(colours.min()) if colours.shape[2] == 1 else 0.0  # a colour is lost where its zero moves
    shown = to_grey(colours, *black_and_white(lowest, float(colours.max())))
    alpha = (samples[..., colours.shape[2] :] >> 8).astype(np.uint8)
    return Image.fromarray(np.concatenate([shown, alpha], axis=2).squeeze())


def _without_text(data: bytes) -> bytes:
    """A PNG without its ancillary chunks (ISO 15948, 5.4), which libpng would inflate, but for transparency."""
    kept, position = [data[:8]], 8
    while position + 12 <= len(data):
        (length,), kind = struct.unpack(">I", data[position : position + 4]), data[position + 4 : position + 8]
        end = position + 12 + length
        if kind[:1].isupper() or kind == b"tRNS":
            kept.append(data[position:end])
        position = end
    return b"".join(kept)


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """A picture of 8 bits, of any Pillow mode, as uint8 RGB (height, width, 3)."""
    if "A" in image.mode or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over)
    return np.array(image.convert("RGB"), dtype=np.uint8)
