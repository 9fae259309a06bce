"""Compressed frame bytes to samples, by transfer syntax; a syntax that is not in `DECODERS` is refused by name."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.header import name_of
from echocare_core.frames.dicom.jpeg_2000_stream import read_jpeg_2000_stream
from echocare_core.frames.dicom.jpeg_stream import check_holds_its_picture, read_jpeg_stream
from echocare_core.frames.dicom.jpeg_xl_stream import read_jpeg_xl_size
from echocare_core.frames.dicom.native import arrange
from echocare_core.frames.dicom.pixel_format import PixelFormat
from echocare_core.optional import check_installed

Decoded = tuple[NDArray[Any], str]
NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}
# Video syntaxes, each also in its fragmentable form, to FFmpeg's name of the stream where it has no container.
VIDEO = {
    f"1.2.840.10008.1.2.4.{number}{form}": "mpegvideo" if number < 102 else "h264" if number < 107 else "hevc"
    for number in range(100, 109)
    for form in ("", ".1")
}
JPEG_XL = {f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112)}
# Photometric interpretations that only a decoder of these streams undoes; lossy JPEG says itself what it is.
STREAM_COLOURS = {
    "YBR_PARTIAL_420": {*VIDEO, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"},
    "XYB": JPEG_XL,
}
MOST_PIECES = 1 << 18  # of a JPEG 2000 picture: the largest in code blocks of 16x16, which take 350 MB to decode
SPARE = 4096  # bytes that a RLE frame may hold beyond its pixels
DAMAGE = (ValueError, TypeError, IndexError, RuntimeError, MemoryError, OverflowError, struct.error)


def decode(data: bytes, transfer_syntax: str, pixel_format: PixelFormat) -> Decoded:
    """Decode one compressed frame.

    Args:
        data: the frame's whole stream (PS3.5 A.4).
        transfer_syntax: UID, a key of `DECODERS`.
        pixel_format: what the header says about the frame.

    Returns:
        Samples (rows, columns) or (rows, columns, 3), 8 or 16 bits, and their photometric interpretation: "RGB" where
        the decoder converted the colour, so that it is converted once.

    Raises:
        PixelDataError: the stream is damaged, or not the size the header says.
    """
    try:
        samples, photometric = DECODERS[transfer_syntax](data, pixel_format)
    except DAMAGE as fault:
        raise PixelDataError(f"cannot be decoded ({str(fault).strip() or type(fault).__name__})") from fault
    check_decoded_size(samples.shape[:2], pixel_format.size)
    if samples.ndim > 3 or (samples.ndim == 3 and samples.shape[2] != 3):
        raise PixelDataError(f"decodes to {samples.shape[2]} samples per pixel, 1 or 3 are needed")
    if samples.dtype.itemsize > 2:
        raise PixelDataError(f"decodes to samples of {8 * samples.dtype.itemsize} bits, up to 16 are read")
    return samples, photometric


def check_transfer_syntax(transfer_syntax: str) -> None:
    """Refuse a transfer syntax nothing here decodes, and video where PyAV is not installed.

    Raises:
        PixelDataError: with its name.
    """
    if transfer_syntax in NATIVE or transfer_syntax in DECODERS:
        return
    name = name_of(transfer_syntax)
    if transfer_syntax not in VIDEO:
        raise PixelDataError(
            f"has the transfer syntax {name}, which is not read; uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000, "
            "JPEG XL and video are. Export it again as Explicit VR Little Endian or JPEG Baseline."
        )
    check_installed("av", subject=f"is a video ({name}), which", error=PixelDataError)


def check_photometric(photometric: str, transfer_syntax: str | None) -> None:
    """Refuse colours that exist inside certain streams only, outside of them; None stands for native pixels.

    Raises:
        PixelDataError: the header contradicts itself.
    """
    if transfer_syntax not in STREAM_COLOURS.get(photometric, {transfer_syntax}):
        where = "uncompressed pixels" if transfer_syntax is None else name_of(transfer_syntax)
        raise PixelDataError(
            f"has the photometric interpretation {photometric}, which {where} cannot have. Export it as RGB."
        )


def _decode_jpeg(data: bytes, pixel_format: PixelFormat) -> Decoded:
    """Lossy JPEG; libjpeg converts the colour the stream names, and only that."""
    stream = read_jpeg_stream(data)
    check_decoded_size(stream.size, pixel_format.size)
    check_holds_its_picture(data)
    if len(stream.components) != 3:
        return imagecodecs.jpeg8_decode(data), _grey(pixel_format)
    colour = "RGB" if stream.colour(pixel_format.photometric) == "RGB" else "YCBCR"
    return imagecodecs.jpeg8_decode(data, colorspace=colour, outcolorspace="RGB"), "RGB"


def _decode_jpeg_lossless(data: bytes, pixel_format: PixelFormat) -> Decoded:
    """Lossless JPEG, decoded without touching its colour.

    By libjpeg too: `ljpeg_decode` can crash the process on a damaged stream. Up to 12 bits its decoders agree; on
    16 bits they, and versions of one, do not.
    """
    stream = read_jpeg_stream(data)
    check_decoded_size(stream.size, pixel_format.size)
    if stream.bits > 12:
        raise ValueError(f"lossless JPEG of {stream.bits} bits; up to 12 are read")
    if len(stream.components) != 3:
        return imagecodecs.jpeg8_decode(data), _grey(pixel_format)
    samples = imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")
    return samples, stream.colour(pixel_format.photometric)


def _decode_jpeg_ls(data: bytes, pixel_format: PixelFormat) -> Decoded:
    """JPEG-LS has no colour conversion of its own in DICOM: the header's word counts (PS3.5 8.2.3)."""
    check_decoded_size(read_jpeg_stream(data).size, pixel_format.size)
    samples = imagecodecs.jpegls_decode(data)
    return samples, _grey(pixel_format) if samples.ndim == 2 else pixel_format.photometric


def _decode_jpeg_2000(data: bytes, pixel_format: PixelFormat) -> Decoded:
    """The codestream says whether its components were transformed (ISO 15444-1 A.5.1, A.6.1); the decoder undoes it."""
    stream = read_jpeg_2000_stream(data)
    check_decoded_size(stream.size, pixel_format.size)
    if stream.components > 4:
        raise ValueError(f"the stream has {stream.components} components")
    if stream.pieces > MOST_PIECES:
        raise ValueError(f"the stream is cut into {stream.pieces} pieces")
    samples = imagecodecs.jpeg2k_decode(stream.data)
    if samples.ndim == 2:
        return samples, _grey(pixel_format)
    return samples, "RGB" if stream.transformed else pixel_format.photometric


def _decode_jpeg_xl(data: bytes, pixel_format: PixelFormat) -> Decoded:
    """libjxl gives RGB or grey, whatever the stream keeps inside: XYB, RGB, or the YBR of a JPEG (PS3.5 8.2.15)."""
    check_decoded_size(read_jpeg_xl_size(data), pixel_format.size)
    samples = imagecodecs.jpegxl_decode(data, numthreads=1)
    return samples, _grey(pixel_format) if samples.ndim == 2 else "RGB"


def _decode_rle(data: bytes, pixel_format: PixelFormat) -> Decoded:
    """RLE keeps one colour after the other, whatever the planar configuration says (PS3.5 G.2)."""
    kind = np.dtype("u1" if pixel_format.bits_allocated == 8 else "<u2")
    needed = pixel_format.rows * pixel_format.columns * pixel_format.samples
    room = bytearray(needed * kind.itemsize + SPARE)
    samples = np.frombuffer(imagecodecs.dicomrle_decode(data, kind, out=room), dtype=kind)
    if len(samples) < needed:
        raise ValueError(f"{len(samples)} samples, {needed} are needed")
    return arrange(samples[:needed], pixel_format, planar=True), pixel_format.photometric


def _grey(pixel_format: PixelFormat) -> str:
    """What a stream of one component is; a header that calls it coloured is wrong."""
    return pixel_format.photometric if pixel_format.samples == 1 else "MONOCHROME2"


def check_decoded_size(found: tuple[int, ...], size: tuple[int, int]) -> None:
    """Compare (height, width); called on the stream's header too, before memory is spent on a lie.

    Raises:
        PixelDataError: they differ.
    """
    if tuple(found) != size:
        raise PixelDataError(f"decodes to {found[1]}x{found[0]} px, its header says {size[1]}x{size[0]}")


# Transfer syntax UID (PS3.5 10, PS3.6 A) to decoder. To read another syntax, add its line and its function.
DECODERS: dict[str, Callable[[bytes, PixelFormat], Decoded]] = {
    "1.2.840.10008.1.2.4.50": _decode_jpeg,  # JPEG Baseline
    "1.2.840.10008.1.2.4.51": _decode_jpeg,  # JPEG Extended
    "1.2.840.10008.1.2.4.57": _decode_jpeg_lossless,
    "1.2.840.10008.1.2.4.70": _decode_jpeg_lossless,  # first-order prediction
    "1.2.840.10008.1.2.4.80": _decode_jpeg_ls,  # lossless
    "1.2.840.10008.1.2.4.81": _decode_jpeg_ls,  # near-lossless
    "1.2.840.10008.1.2.4.90": _decode_jpeg_2000,  # lossless
    "1.2.840.10008.1.2.4.91": _decode_jpeg_2000,
    **dict.fromkeys(JPEG_XL, _decode_jpeg_xl),  # lossless; a JPEG stream packed again; any
    "1.2.840.10008.1.2.4.201": _decode_jpeg_2000,  # high-throughput JPEG 2000, lossless
    "1.2.840.10008.1.2.4.202": _decode_jpeg_2000,  # the same, ordered by resolution
    "1.2.840.10008.1.2.4.203": _decode_jpeg_2000,  # high-throughput JPEG 2000
    "1.2.840.10008.1.2.5": _decode_rle,
}
