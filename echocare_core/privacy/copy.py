"""Frames of a copy, written one by one behind its header, so that memory stays at a few frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.dicom.fragments import read_frame
from echocare_core.frames.dicom.jpeg_stream import read_jpeg_stream
from echocare_core.frames.dicom.native import read_native
from echocare_core.frames.dicom.pixel_format import PixelFormat
from echocare_core.frames.dicom.read import DicomPixels
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.privacy.jpeg import encode_like
from echocare_core.privacy.stream import EncapsulatedPixels, NativePixels, write_header

EXPLICIT, JPEG_BASELINE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
MaskOf = Callable[[int, NDArray[np.uint8]], NDArray[np.bool_]]
_DEEP = "WindowCenter WindowWidth RescaleSlope RescaleIntercept RescaleType"


@dataclass(frozen=True)
class Written:
    """What became of the frames of one file.

    Attributes:
        form: "native", "JPEG" (baseline, as it was) or "decoded" (native RGB or grey, where it was compressed
            otherwise, or had a palette).
        changed: how many frames have other pixels than before.
    """

    form: str
    changed: int


def write_copy(path: Path, pixels: DicomPixels, header: Dataset, mask_of: MaskOf) -> Written:
    """Write a copy of an object with some pixels black.

    Native pixels stay native, every sample outside the mask as it was; JPEG Baseline stays so, encoded again with its
    own tables. Everything else is decoded to 8 bits and written native: uncompressed little endian is what every
    receiver takes. So is what has a palette or another table, for text may stand in entries that no pixel uses.

    Args:
        path: new file.
        pixels: the frames of the object.
        header: of the copy, changed here to say what its pixels are.
        mask_of: number and picture (uint8 RGB) of a frame to what is made black in it, bool (height, width).

    Raises:
        UnreadableFrames: a frame is damaged, or the copy would be larger than an element may be.
        OSError: the file cannot be written.
    """
    try:
        return _write(path, pixels, header, mask_of)
    except PixelDataError as fault:
        raise UnreadableFrames(pixels.pixel_data.path, str(fault)) from fault


def _write(path: Path, pixels: DicomPixels, header: Dataset, mask_of: MaskOf) -> Written:
    pixel_format = pixels.pixel_format
    if _is_plain_native(pixels):
        write_frame, form = _native, "native"
        _describe(header, pixel_format, pixel_format.photometric, int(pixel_format.planar))
    elif _is_plain_jpeg(pixels):
        write_frame, form = _jpeg, "JPEG"
        _describe_jpeg(header, pixels)
    else:
        write_frame, form = _decoded, "decoded"
        _describe_decoded(header, pixel_format)
    if len(pixels) > 1 or "NumberOfFrames" in header:
        header.NumberOfFrames = len(pixels)
    changed = 0
    syntax = JPEG_BASELINE if form == "JPEG" else EXPLICIT
    length = None if form == "JPEG" else _bytes_of(header, len(pixels))
    with path.open("wb") as file, suppress_warnings():
        write_header(file, header, syntax)
        element = (
            EncapsulatedPixels(file, len(pixels))
            if length is None
            else NativePixels(file, length, header.BitsAllocated)
        )
        for number in range(len(pixels)):
            try:
                frame, other = write_frame(pixels, number, mask_of)
            except (PixelDataError, ValueError, OSError):
                raise PixelDataError(f"has a damaged frame {number + 1}. Copy or export it again.") from None
            element.write(frame)
            changed += other
        element.close()
    return Written(form, changed)


def _is_plain_native(pixels: DicomPixels) -> bool:
    """Native pixels that mean a colour by themselves, in an order of which a copy may keep the samples."""
    photometric = pixels.pixel_format.photometric
    swapped = photometric == "YBR_FULL_422" and pixels.pixel_data.big_endian  # too rare for code of its own
    other = swapped or photometric == "PALETTE COLOR" or pixels.pixel_format.has_table
    return pixels.transfer_syntax is None and not other


def _is_plain_jpeg(pixels: DicomPixels) -> bool:
    """Baseline JPEG, grey or YBR, every frame: the one compression that is written as well."""
    if pixels.transfer_syntax != JPEG_BASELINE or pixels.pixel_format.has_table:
        return False
    for extent in pixels.extents:
        try:
            stream = read_jpeg_stream(read_frame(pixels.pixel_data, extent))
        except (ValueError, OSError):
            raise PixelDataError("has a damaged frame. Copy or export it again.") from None
        colour = "YBR_FULL" if len(stream.components) == 1 else stream.colour(pixels.pixel_format.photometric)
        if stream.bits != 8 or colour != "YBR_FULL" or len(stream.components) not in (1, 3):
            return False
    return True


def _jpeg(pixels: DicomPixels, number: int, mask_of: MaskOf) -> tuple[bytes, bool]:
    picture, other = _blank(pixels, number, mask_of)
    return encode_like(read_frame(pixels.pixel_data, pixels.extents[number]), picture), other


def _decoded(pixels: DicomPixels, number: int, mask_of: MaskOf) -> tuple[bytes, bool]:
    picture, other = _blank(pixels, number, mask_of)
    grey = pixels.pixel_format.photometric.startswith("MONOCHROME")
    return (np.ascontiguousarray(picture[..., 0]) if grey else picture).tobytes(), other


def _blank(pixels: DicomPixels, number: int, mask_of: MaskOf) -> tuple[NDArray[np.uint8], bool]:
    """A frame with what is masked black, and whether that changed it."""
    picture = pixels[number]
    masked = mask_of(number, picture)
    other = bool(picture[masked].any())
    picture[masked] = 0
    return picture, other


def _native(pixels: DicomPixels, number: int, mask_of: MaskOf) -> tuple[bytes, bool]:
    """A frame in the order of the file, little endian."""
    form = pixels.pixel_format
    shared = form.photometric == "YBR_FULL_422"
    masked = mask_of(number, pixels[number])
    if shared:  # Y1 Y2 CB CR of two neighbours, which are masked together
        data = pixels.pixel_data.read(number * form.frame_bytes, form.frame_bytes)
        samples = np.frombuffer(data, "u1").reshape(form.rows, form.columns // 2, 4).copy()
        black: list[int] = [0, 0, 128, 128]
        masked = masked[:, 0::2] | masked[:, 1::2]
    else:
        samples, black = read_native(pixels.pixel_data, form, number).copy(), _black(form)
    before = samples.copy()
    samples[masked] = black[0] if samples.ndim == 2 else black
    samples = _own_bits(samples, form)
    ordered = samples.transpose(2, 0, 1) if form.planar and form.samples == 3 and not shared else samples
    return np.ascontiguousarray(ordered).tobytes(), bool((samples != before).any())


def _own_bits(samples: NDArray[Any], form: PixelFormat) -> NDArray[Any]:
    """Unsigned samples as they stand in the file, without what overlays and others may have put into bits that are not
    theirs (PS3.5 8.1.1)."""
    above = max(form.bits_allocated - max(form.high_bit + 1, form.bits_stored), 0)
    below = max(form.high_bit + 1 - form.bits_stored, 0)
    own = samples.view(f"i{samples.itemsize}") if form.signed else samples  # whose sign moves down again
    return (own << above >> above >> below << below).view(samples.dtype)


def _black(form: PixelFormat) -> list[int]:
    """Sample values of black, as they stand in the file."""
    bits, shift = form.bits_stored, max(form.high_bit + 1 - form.bits_stored, 0)
    lowest, highest = (1 << (bits - 1), (1 << (bits - 1)) - 1) if form.signed else (0, (1 << bits) - 1)
    if form.photometric.startswith("YBR"):
        levels = [0, 1 << (bits - 1), 1 << (bits - 1)]
    else:
        levels = [highest if form.photometric == "MONOCHROME1" else lowest] * form.samples
    return [level << shift for level in levels]


def _bytes_of(header: Dataset, frames: int) -> int:
    per_pixel = 2 if header.PhotometricInterpretation == "YBR_FULL_422" else header.SamplesPerPixel
    return int(frames * header.Rows * header.Columns * per_pixel * header.BitsAllocated // 8)


def _describe(header: Dataset, form: PixelFormat, photometric: str, planar: int) -> None:
    """The Image Pixel attributes (PS3.3 C.7.6.3)."""
    grey = photometric.startswith("MONOCHROME")
    header.Rows, header.Columns, header.PhotometricInterpretation = form.rows, form.columns, photometric
    header.SamplesPerPixel = 1 if grey else 3
    header.BitsAllocated, header.BitsStored, header.HighBit = form.bits_allocated, form.bits_stored, form.high_bit
    header.PixelRepresentation = int(form.signed)
    header.pop("PlanarConfiguration", None)
    if not grey:
        header.PlanarConfiguration = planar


def _describe_jpeg(header: Dataset, pixels: DicomPixels) -> None:
    grey = pixels.pixel_format.samples == 1
    photometric = pixels.pixel_format.photometric if grey else "YBR_FULL_422"
    _describe(header, pixels.pixel_format, photometric, 0)
    header.LossyImageCompression = "01"


def _describe_decoded(header: Dataset, form: PixelFormat) -> None:
    eight = replace(form, bits_allocated=8, bits_stored=8, high_bit=7, signed=False)
    grey = form.photometric.startswith("MONOCHROME")
    _describe(header, eight, "MONOCHROME2" if grey else "RGB", 0)
    for keyword in _DEEP.split():
        header.pop(keyword, None)
