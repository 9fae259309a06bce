"""One ultrasound DICOM object to Frames: its header now, each frame when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.dicom.codecs import NATIVE, VIDEO, check_photometric, check_transfer_syntax, decode
from echocare_core.frames.dicom.colour import to_rgb
from echocare_core.frames.dicom.fragments import Extents, read_frame, read_frame_index, read_stream_extent
from echocare_core.frames.dicom.frame_times import (
    notes_on_times,
    read_frame_times_ms,
    read_heart_rate_bpm,
    read_r_wave_times_ms,
)
from echocare_core.frames.dicom.header import (
    DIRECTORY,
    Header,
    PixelData,
    name_of,
    number,
    read_header,
    stamp_of,
    text,
    uid,
    value,
)
from echocare_core.frames.dicom.native import count_native_frames, read_native, settle_native_colour
from echocare_core.frames.dicom.pixel_format import PixelFormat, read_pixel_format
from echocare_core.frames.dicom.regions import notes_on_regions, read_regions, scan_region_of, spacing_of
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.frames.dicom.stored_values import find_range
from echocare_core.frames.dicom.video import DicomVideo
from echocare_core.frames.grey import FROM_THE_DATA
from echocare_core.frames.lazy import LazyPixels
from echocare_core.frames.size import check_size
from echocare_core.types import Frames

MODALITIES = ("US", "IVUS")
ULTRASOUND = "1.2.840.10008.5.1.4.1.1"
SOP_CLASSES = {f"{ULTRASOUND}.{end}" for end in ("3", "3.1", "6", "6.1")}  # US and US Multi-frame, today's and retired
VOLUMES = {
    f"{ULTRASOUND}.6.2": "Enhanced US Volume",
    "1.2.840.113543.6.6.1.3.10001": "Philips private 3-D",
    "1.2.840.113543.6.6.1.3.10002": "Philips private 3-D",
    "1.2.840.113619.4.26": "GE private 3-D",
}


@dataclass(frozen=True, eq=False)
class DicomPixels(LazyPixels):
    """The frames of one DICOM object.

    Attributes:
        pixel_data: where they stand in the file.
        pixel_format: what their samples mean.
        frames: how many there are.
        transfer_syntax: of compressed frames; None for native ones.
        extents: fragments of each compressed frame; empty for native ones and for video.
        video: the stream of all frames, where they are a video.
    """

    pixel_data: PixelData
    pixel_format: PixelFormat
    frames: int
    transfer_syntax: str | None = None
    extents: Extents = ()
    video: DicomVideo | None = None

    def __len__(self) -> int:
        return self.frames

    def decode(self, number: int) -> NDArray[np.uint8]:
        try:
            picture = self._picture(number)
        except (PixelDataError, OSError) as fault:
            why = str(fault) if isinstance(fault, PixelDataError) else "cannot be read from the disk any more"
            reason, frame = f"{why}. Copy or export the file again.", f"frame {number + 1} of {self.frames}"
            raise UnreadableFrames(self.pixel_data.path, reason, frame) from fault
        return np.require(picture, requirements=["C", "W"])

    def _picture(self, number: int) -> NDArray[np.uint8]:
        if self.video is not None:
            return self.video.read(number)
        samples, photometric = self.samples(number)
        path = self.pixel_data.path
        ends = _ends_of(path, stamp_of(path)) if self.pixel_format.lacks_range else None
        return to_rgb(samples, photometric, self.pixel_format, ends)

    def samples(self, number: int) -> tuple[NDArray[Any], str]:
        """The samples of a frame that is no video, and their photometric interpretation.

        Raises:
            PixelDataError: it is damaged or not the size the header says.
            OSError: the file is gone.
        """
        if self.transfer_syntax is None:
            return read_native(self.pixel_data, self.pixel_format, number), self.pixel_format.photometric
        stream = read_frame(self.pixel_data, self.extents[number])
        return decode(stream, self.transfer_syntax, self.pixel_format)


@lru_cache(maxsize=64)
def _ends_of(path: Path, _stamp: tuple[int, int]) -> tuple[float, float]:
    """The values that are black and white in an object that names none, told once from all of its frames."""

    def frames() -> Iterator[NDArray[Any]]:
        for frame in range(len(pixels)):
            with suppress(PixelDataError):  # a damaged one says so when it is asked for
                yield pixels.samples(frame)[0]

    with suppress_warnings():
        pixels = open_pixels(read_header(path))
        return find_range(frames(), pixels.pixel_format)


def read_dicom(path: Path) -> Frames:
    """Read an ultrasound still or cine (PS3.3 A.6, A.7); frames are decoded when `pixels[i]` is asked for.

    Args:
        path: DICOM object, with or without preamble and meta header, native or in a transfer syntax of `codecs`.

    Returns:
        Frames with `pixels` uint8 RGB (height, width, 3), `frame_times_ms` (C.7.6.5), `regions` (C.8.5.5),
        `spacing_mm` (row, column), `scan_region`, the ECG's `r_wave_times_ms` and its UIDs, as far as the object says.

    Raises:
        UnreadableFrames: not ultrasound, a DICOMDIR, a 3-D volume, without pixels or frames, cut short, smaller than
            16x16 px, or in a form that is not read. Damage inside a compressed frame raises when it is asked for.
    """
    with suppress_warnings():
        return open_frames(read_header(path))


def open_frames(header: Header) -> Frames:
    """The frames of an object whose header has been read, as `read_dicom` gives and refuses them."""
    with suppress_warnings():
        try:
            _check_object(header)
            pixels = open_pixels(header)
        except PixelDataError as fault:
            raise UnreadableFrames(header.path, str(fault)) from fault
        dataset, size = header.dataset, pixels.pixel_format.size
        regions = read_regions(dataset, *size)
        spacing_mm = spacing_of(dataset, regions, *size)
        times_ms, heart_rate_bpm = read_frame_times_ms(dataset, len(pixels)), read_heart_rate_bpm(dataset)
        return Frames(
            *(header.path, pixels, size, times_ms, regions, spacing_mm),
            scan_region=scan_region_of(regions),
            r_wave_times_ms=read_r_wave_times_ms(dataset, times_ms),
            heart_rate_bpm=heart_rate_bpm,
            study_uid=uid(dataset, "StudyInstanceUID"),
            series_uid=uid(dataset, "SeriesInstanceUID"),
            instance_uid=uid(dataset, "SOPInstanceUID"),
            notes=(
                *((FROM_THE_DATA,) if pixels.pixel_format.lacks_range and pixels.video is None else ()),
                *notes_on_regions(dataset, *size, spacing_mm),
                *notes_on_times(dataset, times_ms, heart_rate_bpm),
            ),
        )


def _check_object(header: Header) -> None:
    """Refuse, by what it is, an object that holds no ultrasound picture."""
    modality = text(header.dataset, "Modality")
    if header.sop_class == DIRECTORY or value(header.dataset, "DirectoryRecordSequence") is not None:
        raise PixelDataError("is a DICOMDIR, the list of an export, not a picture. Give the folder that holds it.")
    if header.sop_class in VOLUMES:
        raise PixelDataError(
            f"is a 3-D volume ({VOLUMES[header.sop_class]}); 2-D stills and cines are read. Export its planes."
        )
    if modality not in MODALITIES and header.sop_class not in SOP_CLASSES:
        what = ", ".join(part for part in (modality, name_of(header.sop_class)) if part) or "no modality, no SOP class"
        raise PixelDataError(f"is not ultrasound ({what}); modality US or IVUS is needed. Leave it out of the export.")
    if header.pixel_data is None:
        what = name_of(header.sop_class) or modality
        raise PixelDataError(
            f"has no pixel data ({what}), or damage in its header hides it; a picture is needed. "
            "Export the images of the study."
        )
    if header.pixel_data.length == 0 or header.pixel_data.available == 0:
        raise PixelDataError("has empty pixel data. Export it again.")


def open_pixels(header: Header) -> DicomPixels:
    """Where the frames of an object stand and what they are, all checked, whatever it shows.

    Raises:
        PixelDataError: bytes are missing, or in a form that is not read.
        UnreadableFrames: the frames are too small or too large.
    """
    pixel_data = header.pixel_data
    if pixel_data is None:
        raise ValueError("an object with pixel data is needed")
    syntax = _transfer_syntax(header, pixel_data)
    pixel_format = read_pixel_format(header.dataset, big_endian=pixel_data.big_endian)
    check_size(*pixel_format.size)
    frames = _number_of_frames(header)
    check_photometric(pixel_format.photometric, syntax)
    if syntax is None:
        found = min(pixel_data.length or 0, pixel_data.available)
        pixel_format = settle_native_colour(pixel_format, found, frames)
        return DicomPixels(pixel_data, pixel_format, count_native_frames(pixel_data, pixel_format, frames))
    if syntax in VIDEO:
        video = DicomVideo(pixel_data, read_stream_extent(pixel_data), VIDEO[syntax], pixel_format.size, frames)
        return DicomPixels(pixel_data, pixel_format, video.count(), syntax, video=video)
    extents = read_frame_index(pixel_data, header.dataset, frames)
    return DicomPixels(pixel_data, pixel_format, len(extents), syntax, extents)


def _transfer_syntax(header: Header, pixel_data: PixelData) -> str | None:
    """UID of the compression, None for native pixels; the form of the pixel data must agree with it (PS3.5 A.4)."""
    encapsulated = pixel_data.length is None
    syntax = header.transfer_syntax
    if syntax is not None:
        check_transfer_syntax(syntax)
    if encapsulated and (syntax is None or syntax in NATIVE):
        raise PixelDataError(f"has compressed pixel data but {_said(syntax)}. Export it again.")
    if not encapsulated and syntax is not None and syntax not in NATIVE:
        raise PixelDataError(f"has uncompressed pixel data but {_said(syntax)}. Export it again.")
    return syntax if encapsulated else None


def _said(syntax: str | None) -> str:
    return (
        "names no transfer syntax (0002,0010)" if syntax is None else f"says its transfer syntax is {name_of(syntax)}"
    )


def _number_of_frames(header: Header) -> int | None:
    """Number of Frames (0028,0008), None where it is absent or no number."""
    frames = number(header.dataset, "NumberOfFrames")
    if frames is not None and frames < 1:
        raise PixelDataError("has zero frames (0028,0008). Export it again.")
    return None if frames is None else int(frames)
