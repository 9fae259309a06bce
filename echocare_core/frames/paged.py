"""GIF, animated PNG, TIFF, BMP and WebP to Frames, by Pillow: one picture or several, as stills and cines."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.animation import delays_ms, times_ms
from echocare_core.frames.grey import FROM_THE_DATA, black_and_white, to_grey
from echocare_core.frames.image import DAMAGE, LARGEST_FILE, to_rgb
from echocare_core.frames.lazy import LazyPixels
from echocare_core.frames.plausible import NOT_A_TIME, are_frame_times
from echocare_core.frames.size import check_size
from echocare_core.frames.tiff import check_numbers, notes_on_pages
from echocare_core.types import Frames

FORMATS = ("GIF", "PNG", "TIFF", "BMP", "WEBP")
BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes, of every version of BMP
WITHOUT_TIMES = (b"II*\0", b"MM\0*", b"BM")  # TIFF and BMP
MOST_FRAMES = 100_000
LEAST_WHITE = 16  # of real numbers that go on from 0 to 255: what ends below has another white, which nobody names


@dataclass(frozen=True)
class PagedPixels(LazyPixels):
    """The pictures of a file that may have several.

    Attributes:
        path: the file.
        frames: how many there are.
        size: (height, width) in pixels of each.
        hidden: pictures before the first frame, as an animated PNG has for programs that show none.
        grey: (black, white) of numbers of more than 8 bits, None for 8.
    """

    path: Path
    frames: int
    size: tuple[int, int]
    hidden: int = 0
    grey: tuple[float, float] | None = None

    def __len__(self) -> int:
        return self.frames

    def decode(self, number: int) -> NDArray[np.uint8]:
        """One frame, RGB uint8 (height, width, 3); UnreadableFrames where it is damaged or cannot be shown."""
        frame = f"frame {number + 1} of {self.frames}" if self.frames > 1 else ""
        try:
            stored = _picture(self.path, number + self.hidden)
            picture = stored if self.grey is None else to_grey(stored, *self.grey).repeat(3, axis=2)
        except DAMAGE as fault:
            reason = "is damaged or cut short and cannot be decoded. Copy or export it again."
            raise UnreadableFrames(self.path, reason, frame) from fault
        if picture.shape != (*self.size, 3):
            raise UnreadableFrames(self.path, "has another size than the first picture. Export it by itself.", frame)
        return picture


def looks_like_paged(head: bytes) -> bool:
    """Whether a file that begins with these bytes is GIF, TIFF, BMP, WebP or an animated PNG."""
    is_bitmap = head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS
    is_animated = head.startswith(b"\x89PNG") and b"acTL" in head.partition(b"IDAT")[0]
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith((b"GIF8", b"II*\0", b"MM\0*")) or is_bitmap or is_animated or is_webp


def read_paged(path: Path) -> Frames:
    """Read a GIF, animated PNG, TIFF, BMP or WebP; pictures are decoded when `pixels[i]` is asked for.

    Args:
        path: of any depth that Pillow reads; what black and white are in more than 8 bits is told from the numbers of
            all its pictures (`frames.grey`).

    Returns:
        Frames, uint8 RGB (height, width, 3), transparency on black. Of several pictures `frame_times_ms` are the delays
        of an animation, None where the file names none, as TIFF cannot.

    Raises:
        UnreadableFrames: damaged, an animation that is cut short, of a kind that Pillow does not read, smaller than
            16x16 px, or larger than any.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PixelDataError("is larger than any ultrasound picture. Export it again.")
        with path.open("rb") as file:
            delays = [] if file.read(4).startswith(WITHOUT_TIMES) else delays_ms(path.read_bytes())
        with _open(path) as image:
            size, mode = (image.height, image.width), image.mode
            check_size(*size)
            hidden = int(bool(delays) and getattr(image, "default_image", False))
            frames = len(delays) or getattr(image, "n_frames", 1)
            image.seek(0)
            of_pages = notes_on_pages(image, frames)
            check_numbers(image)
        if frames > MOST_FRAMES:
            raise PixelDataError(f"has {frames} pictures; {MOST_FRAMES} are read. Export it in parts.")
        deep = _is_deep(mode)
        grey = _grey_range(path, frames, real=mode == "F") if deep else None
    except PixelDataError as fault:
        text = str(fault)
        raise UnreadableFrames(path, text if text.endswith(".") else f"{text}. Copy or export it again.") from fault
    except DAMAGE as fault:
        reason = "is a damaged picture, or of a kind that is not read. Export it as PNG or DICOM."
        raise UnreadableFrames(path, reason) from fault
    pixels = PagedPixels(path, frames, size, hidden, grey)
    times = (0.0,) if frames == 1 else times_ms(delays)
    believed = times is None or are_frame_times(times)
    notes = (*of_pages, *((FROM_THE_DATA,) if deep else ()), *(() if believed else (NOT_A_TIME,)))
    return Frames(path, pixels, size, times if believed else None, notes=notes)


def _is_deep(mode: str) -> bool:
    return mode == "F" or mode.startswith("I")


def _grey_range(path: Path, frames: int, *, real: bool) -> tuple[float, float]:
    """Black and white of all pictures together, so that a cine has one scale; `real` where they are of floats."""
    ranges = [(float(picture.min()), float(picture.max())) for picture in (_picture(path, n) for n in range(frames))]
    lowest, highest = min(low for low, _ in ranges), max(high for _, high in ranges)
    if not np.isfinite([lowest, highest]).all():
        raise PixelDataError("holds numbers that are not finite, so its black and white are not known")
    of_training = real and lowest >= 0 and highest <= 1  # as training software writes them
    if real and (lowest < 0 or (not of_training and highest < LEAST_WHITE)):
        raise PixelDataError(
            f"holds real numbers from {lowest:.3g} to {highest:.3g}, so which of them are black and white is not "
            "known. Export it as 8-bit."
        )
    return (0.0, 1.0) if of_training else black_and_white(lowest, highest)


def _picture(path: Path, number: int) -> NDArray[Any]:
    """One picture: RGB, or (height, width, 1) numbers of more than 8 bits."""
    opened = _opened(path, path.stat().st_mtime_ns, os.getpid())
    with opened.lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = opened.at(number)
            check_size(image.height, image.width)
            check_numbers(image)
            return np.asarray(image)[..., np.newaxis] if _is_deep(image.mode) else to_rgb(image)
        except DAMAGE:
            opened.image = _open(path)  # else Pillow goes on from what it made of the damage
            raise


class _Opened:
    """A file as Pillow sees it. It moves from picture to picture, so whoever holds `lock` alone may use it."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock, self.image = path, Lock(), _open(path)

    def at(self, number: int) -> Image.Image:
        """The file at one picture."""
        if number < self.image.tell():  # Pillow goes back in most formats, not in all
            self.image = _open(self.path)
        self.image.seek(number)
        return self.image


@lru_cache(maxsize=4)
def _opened(path: Path, _modified_ns: int, _process: int) -> _Opened:
    """The last files stay open, for pictures of an animation follow from those before."""
    return _Opened(path)


def _open(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(path, formats=FORMATS)
            image.filename = ""  # by which Pillow would map the file, and forget that a TIFF is turned
            return image
        except Image.DecompressionBombError as fault:
            raise PixelDataError("has more pixels than any ultrasound picture. Export it again.") from fault
