"""Native (uncompressed) pixel data: where each frame stands and how its bytes become samples (PS3.5 8.1, 8.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.colour import as_colour
from echocare_core.frames.dicom.header import PixelData
from echocare_core.frames.dicom.pixel_format import PixelFormat


def settle_native_colour(pixel_format: PixelFormat, pixel_bytes: int, frames: int | None) -> PixelFormat:
    """Correct a photometric interpretation that an uncompressed object still carries from its compressed days.

    Decompressing software leaves YBR_RCT, YBR_ICT and YBR_FULL_422 behind on samples that are RGB by then. The first
    two exist in JPEG 2000 streams only; the third is recognised by its bytes: three to a pixel, not two.

    Args:
        pixel_format: as the header has it.
        pixel_bytes: how many there are.
        frames: Number of Frames; None where the object does not say.

    Raises:
        PixelDataError: the bytes are whole frames of both kinds, neither as many as the object says.
    """
    left_behind = pixel_format.photometric == "YBR_FULL_422" and _has_three_to_a_pixel(
        pixel_format.rows * pixel_format.columns, pixel_bytes, frames
    )
    if left_behind or pixel_format.photometric in ("YBR_RCT", "YBR_ICT"):
        return replace(pixel_format, photometric="RGB")
    return pixel_format


def _has_three_to_a_pixel(pixels: int, pixel_bytes: int, frames: int | None) -> bool:
    as_rgb, as_422 = (_whole_frames(pixel_bytes, samples * pixels) for samples in (3, 2))
    if frames in (as_rgb, as_422) and frames is not None:
        return frames == as_rgb
    if as_rgb and as_422:
        raise PixelDataError(
            f"is YBR_FULL_422 with {pixel_bytes} bytes of pixel data, which are {as_422} frames so coded or {as_rgb} "
            f"of RGB, and its Number of Frames (0028,0008) is {frames or 'missing'}. Export it again."
        )
    return bool(as_rgb) or (as_422 is None and pixel_bytes >= 3 * pixels * (frames or 1))


def _whole_frames(pixel_bytes: int, frame_bytes: int) -> int | None:
    """How many frames that is, but for a byte that makes the length even; None where it is no whole number."""
    count, rest = divmod(pixel_bytes, frame_bytes)
    return count if count and rest <= 1 else None


def count_native_frames(pixel_data: PixelData, pixel_format: PixelFormat, frames: int | None) -> int:
    """Check that every frame is there.

    Args:
        pixel_data: where the frames stand.
        pixel_format: how long each is.
        frames: Number of Frames; None where the object does not say, then as many as there are.

    Raises:
        PixelDataError: bytes are missing.
    """
    found = min(pixel_data.length or 0, pixel_data.available)
    count = max(found // pixel_format.frame_bytes, 1) if frames is None else frames
    needed = count * pixel_format.frame_bytes
    if frames is None and found < (pixel_data.length or 0):
        raise PixelDataError(
            f"has {found} bytes of pixel data where {pixel_data.length} belong: it is cut short. Copy or export it "
            "again."
        )
    if found < needed:
        raise PixelDataError(
            f"has {found} bytes of pixel data; {count} {'frame' if count == 1 else 'frames'} of "
            f"{pixel_format.columns}x{pixel_format.rows} px need {needed}: it is cut short. Copy or export it again."
        )
    if pixel_format.photometric == "YBR_FULL_422" and pixel_format.columns % 2:
        raise PixelDataError(f"is YBR_FULL_422 with {pixel_format.columns} columns; they must be even. Export as RGB.")
    return count


def read_native(pixel_data: PixelData, pixel_format: PixelFormat, number: int) -> NDArray[Any]:
    """Read the samples of one frame: (rows, columns) or (rows, columns, 3), 8 or 16 bits.

    Raises:
        OSError: the file is gone, or shorter than when its header was read.
    """
    length = pixel_format.frame_bytes
    data = _read_bytes(pixel_data, number * length, length, swap=pixel_format.bits_allocated == 8)
    if len(data) != length:
        raise OSError("the file became shorter")
    kind = "u1" if pixel_format.bits_allocated == 8 else ">u2" if pixel_data.big_endian else "<u2"
    samples = data.view(kind).astype(kind.replace(">", "<"), copy=False)
    if pixel_format.photometric == "YBR_FULL_422":
        return _spread_colour(samples, pixel_format)
    return arrange(samples, pixel_format, planar=pixel_format.planar)


def arrange(samples: NDArray[Any], pixel_format: PixelFormat, *, planar: bool) -> NDArray[Any]:
    """Give flat samples their shape, (rows, columns) or (rows, columns, 3); `planar` = one colour after the other."""
    rows, columns = pixel_format.rows, pixel_format.columns
    if pixel_format.samples == 1:
        return samples.reshape(rows, columns)
    if planar:
        return as_colour(list(samples.reshape(3, rows, columns)))
    return samples.reshape(rows, columns, 3)


def _read_bytes(pixel_data: PixelData, offset: int, length: int, *, swap: bool) -> NDArray[np.uint8]:
    """Bytes of 8-bit samples that were written as big-endian words stand swapped in pairs (PS3.5 8.1.1, 8.2)."""
    if not (swap and pixel_data.big_endian and pixel_data.words):
        return pixel_data.read(offset, length)
    first = offset % 2
    data = pixel_data.read(offset - first, length + 2 * first + (length - first) % 2)
    return data[: len(data) // 2 * 2].view("<u2").byteswap().view(np.uint8)[first : first + length]


def _spread_colour(samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[Any]:
    """Native YBR_FULL_422 stands as Y1 Y2 CB CR for two neighbours (PS3.3 C.7.6.3.1.2); give each pixel its own."""
    pairs = samples.reshape(pixel_format.rows, pixel_format.columns // 2, 4)
    ybr = np.empty((pixel_format.rows, pixel_format.columns, 3), dtype=samples.dtype)
    ybr[:, 0::2, 0], ybr[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    ybr[..., 1:] = np.repeat(pairs[..., 2:], 2, axis=1)
    return ybr
