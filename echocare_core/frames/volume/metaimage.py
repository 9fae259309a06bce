"""MetaImage stills and cines (MHD and MHA, as in CAMUS) to Frames, through ITK."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.volume.pixels import (
    DAMAGE,
    VolumePixels,
    brightness_factor,
    check_frame_bytes,
    frame_axes,
    notes_on_spacing,
    notes_on_third_axis,
    spacing_of,
)
from echocare_core.optional import import_package
from echocare_core.types import Frames

BEGINNINGS = (b"ObjectType", b"NDims")  # of the first line; others are never written first
LONGEST_HEADER = 1 << 16
MOST_COMPRESSED = 1 << 27  # bytes that a compressed file unpacks to, of which ITK holds three times as much
TYPES = {  # ITK's name of a type of numbers: that of its Python class
    "unsigned_char": "UC",
    "unsigned_short": "US",
    "short": "SS",
    "float": "F",
    "double": "D",
}


@dataclass(frozen=True, eq=False)
class MetaImagePixels(VolumePixels):
    """The frames of a MetaImage file; ITK reads one frame at a time where the file is not compressed."""

    @property
    def files(self) -> tuple[Path, ...]:
        name = _entry(self.path, b"ElementDataFile")
        return (self.path,) if name.upper() == "LOCAL" else (self.path, self.path.parent / name)

    def plane(self, number: int) -> NDArray[Any]:
        """The stored numbers of one frame, as `VolumePixels.plane` asks."""
        itk = _import_itk(self.path)
        reader = _reader(itk, self.path)
        first, size = [0] * len(self.shape), list(self.shape)
        if len(self.axes) == 3:
            first[self.axes[2]], size[self.axes[2]] = number, 1
        extent = itk.ImageRegion[len(self.shape)]()
        extent.SetIndex(first)
        extent.SetSize(size)
        image = reader.GetOutput()
        image.SetRequestedRegion(extent)
        image.PropagateRequestedRegion()
        image.UpdateOutputData()
        image.DisconnectPipeline()  # else asking for its numbers reads the rest
        image.SetLargestPossibleRegion(image.GetBufferedRegion())
        stored = itk.array_from_image(image)  # ..., rows, columns, then colours
        colours = stored.shape[len(self.shape) :]
        height, width = self.size
        return stored.reshape(height, width, *colours).swapaxes(0, 1)


def looks_like_metaimage(head: bytes) -> bool:
    """Whether a file begins like the text header of a MetaImage."""
    return head.lstrip().startswith(BEGINNINGS)


def read_metaimage(path: Path) -> Frames:
    """Read a MetaImage still or cine, as ITK, SimpleITK and CAMUS write them.

    The first axis is columns and the second rows; axes of length one mean nothing; a third axis is time, whose step the
    format cannot name, unless its steps are like pixels (`notes_on_third_axis`). Needs ITK's readers:
    `pip install 'echocare[itk]'`.

    Args:
        path: `.mha`, or `.mhd` with its numbers in a file beside it; of 8-bit numbers, or others within 0 to 255, or
            real ones within 0 and 1; one, three or four to a pixel.

    Returns:
        Frames with `pixels` uint8 RGB (height, width, 3), upright; `spacing_mm` (row, column), None where both are 1.

    Raises:
        UnreadableFrames: ITK is not installed; the file is damaged, its numbers are not beside it, it is a 3-D volume,
            too small or large, or of numbers whose black and white are not known.
    """
    try:
        itk = _import_itk(path)
        _check_data_file(path)
        header = _header(itk, path)
        shape = tuple(int(header.GetDimensions(axis)) for axis in range(header.GetNumberOfDimensions()))
        if header.GetNumberOfComponents() not in (1, 3, 4):
            raise PixelDataError(
                f"has {header.GetNumberOfComponents()} numbers to a pixel; 1, 3 or 4 are needed. Export it as grey."
            )
        pixels = MetaImagePixels(path, shape, frame_axes(shape))
        steps = [float(header.GetSpacing(axis)) for axis in range(len(shape))]
        on_axis = notes_on_third_axis(pixels.axes, steps)
        pixel_bytes = int(header.GetComponentSize()) * int(header.GetNumberOfComponents())
        check_frame_bytes(pixels.size, pixel_bytes)
        if _is_compressed(path) and math.prod(shape) * pixel_bytes > MOST_COMPRESSED:
            raise PixelDataError(
                f"unpacks to more than {MOST_COMPRESSED >> 20} MiB, and cannot be read frame by frame. Export it "
                "without compression."
            )
        if _type_of(header) != "UC":
            pixels = replace(pixels, factor=brightness_factor(pixels))
        column_mm, row_mm = (steps[axis] for axis in pixels.axes[:2])
    except PixelDataError as fault:
        raise UnreadableFrames(path, str(fault)) from fault
    except DAMAGE as fault:
        raise UnreadableFrames(path, "is a damaged MetaImage file. Copy or export it again.") from fault
    times_ms = (0.0,) if len(pixels) == 1 else None
    spacing_mm = spacing_of(column_mm, row_mm, pixels.size)
    notes = (*on_axis, *notes_on_spacing(column_mm, row_mm, pixels.size))
    return Frames(path, pixels, pixels.size, times_ms, spacing_mm=spacing_mm, notes=notes)


def _import_itk(path: Path) -> Any:
    return import_package("itk", subject="is a MetaImage picture, which", error=partial(UnreadableFrames, path))


def _check_data_file(path: Path) -> None:
    """The numbers must stand in the file itself, or in one beside it: a header could name any file of the machine."""
    name = _entry(path, b"ElementDataFile")
    if name.upper() == "LOCAL":
        return
    leads_out = Path(name).name != name or (path.parent / name).resolve().parent != path.parent.resolve()
    if not name or leads_out or "\\" in name or "%" in name or name.split()[0].upper() == "LIST":
        raise PixelDataError("does not name one file beside it that holds its numbers. Save it as .mha.")
    if not (path.parent / name).is_file():
        raise PixelDataError("needs the file beside it that holds its numbers, which is not there. Copy both.")


def _entry(path: Path, key: bytes) -> str:
    """An entry of the text header; "" where it has none."""
    with path.open("rb") as file:
        lines = file.read(LONGEST_HEADER).splitlines()
    values = (value.strip() for name, _, value in (line.partition(b"=") for line in lines) if name.strip() == key)
    return next(values, b"").decode("utf-8", "replace")


def _is_compressed(path: Path) -> bool:
    return _entry(path, b"CompressedData").upper().startswith(("T", "1"))


def _header(itk: Any, path: Path) -> Any:
    header = itk.MetaImageIO.New()
    header.SetUseStreamedReading(True)
    header.SetFileName(str(path))
    header.ReadImageInformation()
    return header


def _type_of(header: Any) -> str:
    name = header.GetComponentTypeAsString(header.GetComponentType())
    if name not in TYPES:
        raise PixelDataError(f"holds numbers of the type {name}; {', '.join(TYPES)} are read. Export it as 8-bit.")
    return TYPES[name]


def _reader(itk: Any, path: Path) -> Any:
    header = _header(itk, path)
    kind = itk.Image if header.GetNumberOfComponents() == 1 else itk.VectorImage
    reader = itk.ImageFileReader[kind[getattr(itk, _type_of(header)), header.GetNumberOfDimensions()]].New()
    reader.SetImageIO(header)
    reader.SetFileName(str(path))
    reader.UpdateOutputInformation()
    return reader
