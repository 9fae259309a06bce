"""How the samples of a DICOM image are laid out and what they mean (PS3.3 C.7.6.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.grey_table import GreyTable, read_grey_table
from echocare_core.frames.dicom.header import number, text
from echocare_core.frames.dicom.palette import read_palette
from echocare_core.frames.plausible import is_within

SAMPLES = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_RCT": 3,
    "YBR_ICT": 3,
    "YBR_PARTIAL_420": 3,
    "XYB": 3,
}
SLOPE = (1e-9, 1e9)


@dataclass(frozen=True, eq=False)
class PixelFormat:
    """The Image Pixel attributes of one object.

    Attributes:
        rows, columns: size of a frame in pixels.
        photometric: Photometric Interpretation, one of `SAMPLES`.
        planar: a native frame holds all red, then all green, then all blue samples (Planar Configuration 1).
        bits_allocated, bits_stored, high_bit: where a sample's bits stand in its 8 or 16.
        signed: samples are two's complement.
        window: (centre, width) of the linear grey window, None where the object names none.
        rescale: (slope, intercept) applied before the window.
        modality_table: applied in place of `rescale`; None where the object has none.
        voi_table: applied in place of the window, black 0; None where the object has none.
        named: Smallest and Largest Image Pixel Value, None where the object does not name both.
        padding: the sample values that stand for no picture, from one to the other; None where there are none.
        palette: uint8 (entries, 3) RGB, None where the object has none.
        first_index: sample value of the palette's first entry.
    """

    rows: int
    columns: int
    photometric: str
    planar: bool = False
    bits_allocated: int = 8
    bits_stored: int = 8
    high_bit: int = 7
    signed: bool = False
    window: tuple[float, float] | None = None
    rescale: tuple[float, float] = (1.0, 0.0)
    modality_table: GreyTable | None = None
    voi_table: GreyTable | None = None
    named: tuple[float, float] | None = None
    padding: tuple[float, float] | None = None
    palette: NDArray[np.uint8] | None = None
    first_index: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rows, self.columns

    @property
    def samples(self) -> int:
        """Samples per pixel, 1 or 3."""
        return SAMPLES[self.photometric]

    @property
    def has_table(self) -> bool:
        """Whether its grey goes through a table before it is shown."""
        return self.modality_table is not None or self.voi_table is not None

    @property
    def lacks_range(self) -> bool:
        """Whether nothing says which of its values are black and white, as eight bits and windows do."""
        plain = self.bits_stored <= 8 and not self.signed and self.modality_table is None
        windowed = self.samples == 1 and (self.window is not None or self.voi_table is not None)
        return not (plain or windowed or self.photometric == "PALETTE COLOR")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame; YBR_FULL_422 shares its two colour samples between two pixels."""
        per_pixel = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * per_pixel * self.bits_allocated // 8


def read_pixel_format(dataset: Dataset, *, big_endian: bool = False) -> PixelFormat:
    """Read the Image Pixel attributes of an object.

    Args:
        dataset: its header.
        big_endian: byte order of the object, which is also that of its palette and tables.

    Raises:
        PixelDataError: a photometric interpretation, bit depth, palette or table that is not read.
    """
    photometric = _photometric(dataset)
    allocated, stored, high = _bits(dataset)
    if photometric == "YBR_FULL_422" and allocated != 8:
        raise PixelDataError("has 16-bit YBR_FULL_422 samples; 8-bit ones are read. Export it as RGB.")
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    palette, first = read_palette(dataset, big_endian=big_endian) if photometric == "PALETTE COLOR" else (None, 0)
    rescale, signed = _rescale(dataset), number(dataset, "PixelRepresentation") == 1
    modality, voi = None, None
    if SAMPLES[photometric] == 1 and palette is None:
        modality = read_grey_table(dataset, "ModalityLUTSequence", signed=signed, big_endian=big_endian)
        below = modality is None and (signed or rescale[1] < 0)
        voi = read_grey_table(dataset, "VOILUTSequence", signed=below, big_endian=big_endian)
    return PixelFormat(
        rows=int(number(dataset, "Rows") or 0),
        columns=int(number(dataset, "Columns") or 0),
        photometric=photometric,
        planar=number(dataset, "PlanarConfiguration") == 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=signed,
        window=None if centre is None or width is None or width < 1 else (centre, width),
        rescale=rescale,
        modality_table=modality,
        voi_table=voi,
        named=_pair(dataset, "SmallestImagePixelValue", "LargestImagePixelValue"),
        padding=_pair(dataset, "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelPaddingValue"),
        palette=palette,
        first_index=first,
    )


def _rescale(dataset: Dataset) -> tuple[float, float]:
    """(slope, intercept); (1, 0) where the object names none, or none that could be."""
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if not slope or not is_within(abs(slope), SLOPE):
        return 1.0, 0.0
    return slope, intercept if intercept is not None and abs(intercept) <= SLOPE[1] else 0.0


def _pair(dataset: Dataset, *keywords: str) -> tuple[float, float] | None:
    """The first two values that the object has of some attributes, in order; None where it has fewer."""
    found = [one for keyword in keywords if (one := number(dataset, keyword)) is not None][:2]
    return (found[0], found[1]) if len(found) == 2 else None


def _photometric(dataset: Dataset) -> str:
    samples = int(number(dataset, "SamplesPerPixel") or 0)
    named = text(dataset, "PhotometricInterpretation") or {1: "MONOCHROME2", 3: "RGB"}.get(samples, "")
    if named not in SAMPLES:
        raise PixelDataError(
            f"has the photometric interpretation {named or '(none)'}; {', '.join(SAMPLES)} are read. Export it as RGB."
        )
    if samples not in (0, SAMPLES[named]):
        raise PixelDataError(
            f"has {samples} samples per pixel, {named} needs {SAMPLES[named]}: its header contradicts itself. "
            "Export it again."
        )
    return named


def _bits(dataset: Dataset) -> tuple[int, int, int]:
    """(allocated, stored, high bit); a high bit that contradicts the other two is ignored."""
    allocated = int(number(dataset, "BitsAllocated") or 8)
    stored = int(number(dataset, "BitsStored") or allocated)
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise PixelDataError(
            f"has {stored} bits stored in {allocated} allocated; 8 and 16 bits allocated are read. Export it as 8-bit."
        )
    high = number(dataset, "HighBit")
    return allocated, stored, int(high) if high is not None and stored - 1 <= high < allocated else stored - 1
