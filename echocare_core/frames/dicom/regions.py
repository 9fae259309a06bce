"""The regions of an ultrasound picture: what each shows, where it stands, what its pixels measure (PS3.3 C.8.5.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydicom.dataset import Dataset

from echocare_core.frames.dicom.header import number, numbers, value
from echocare_core.frames.plausible import NOT_A_LENGTH, PIXEL_MM, is_spacing, is_within
from echocare_core.types import Region, Scale

TWO_D = 1  # Region Spatial Format (0018,6012), C.8.5.5.1.1
OTHER_FORMATS: dict[float | None, str] = {2: "m_mode", 3: "spectral", 4: "waveform"}
# Region Data Type (0018,6014), C.8.5.5.1.2; the spatial format of bars is 0, 1 or 5 (graphics)
TWO_D_CONTENTS: dict[float | None, str] = {None: "tissue", 1: "tissue", 2: "colour_flow"}
BARS: dict[float | None, str] = {0xD: "grey_bar", 0xE: "colour_bar"}
# Physical Units X and Y Direction (0018,6024) and (0018,6026), C.8.5.5.1.15; 0 is none
UNITS: dict[float | None, str] = {
    **{1: "%", 2: "dB", 3: "cm", 4: "s", 5: "Hz", 6: "dB/s", 7: "cm/s", 8: "cm2", 9: "cm2/s", 10: "cm3", 11: "cm3/s"},
    12: "degree",
}
CENTIMETRES = 3
ASTRAY = 0.01  # of a side: so far beyond the picture a region may end
DO_NOT_FIT = (
    "The file's regions and their calibration are not used: they reach beyond the picture, which was scaled or cropped "
    "while they were left as they were."
)
Bounds = tuple[float, float, float, float]  # top, left, bottom, right


def read_regions(dataset: Dataset, rows: int, columns: int) -> tuple[Region, ...]:
    """Read the Sequence of Ultrasound Regions (0018,6011).

    The box is clipped to the picture; a region that is empty or wholly outside is dropped. Some software shrinks the
    picture and leaves the regions as they were: where their bounds end at the same whole multiple of the picture in
    both directions, boxes are divided by it and spacings multiplied. Regions that otherwise do not fit
    (`regions_fit`) say nothing of this picture: those of a 2-D picture are dropped, all of them, and others lose their
    scales.

    Args:
        dataset: the header of the object.
        rows, columns: size of its frames in pixels.

    Returns:
        The regions in the order of the file; `down` and `across` where a direction has a unit and a step,
        `spacing_mm` (row, column) where both are in centimetres, and lengths that ultrasound has.
    """
    found = _items_with_bounds(dataset)
    factor = _shrunk_by([bounds for _, bounds in found], rows, columns)
    regions = [_region(item, bounds, factor, rows, columns) for item, bounds in found]
    known = tuple(region for region in regions if region is not None)
    if regions_fit(dataset, rows, columns):
        return known
    is_two_d = any(region.kind in TWO_D_CONTENTS.values() for region in known)
    return () if is_two_d else tuple(replace(region, spacing_mm=None, down=None, across=None) for region in known)


def regions_fit(dataset: Dataset, rows: int, columns: int) -> bool:
    """Whether the regions can belong to this picture: none that begins inside of it ends more than 1 % beyond it.

    So a picture is found that was scaled while its regions were left as they were; one that was scaled by less has
    lengths that are wrong by 1 %. Two things are known besides. Regions that end with the picture in one direction and
    beyond it in the other are those of a picture that was cut, not scaled; and regions that end at the same whole
    multiple of it in both are those of the picture before it was shrunk. A region wholly outside is astray, and changes
    nothing unless all are.
    """
    bounds = [bounds for _, bounds in _items_with_bounds(dataset)]
    begun = [one for one in bounds if one[0] < rows and one[1] < columns]
    if not begun or _shrunk_by(bounds, rows, columns) > 1:
        return bool(begun or not bounds)
    below, beside = (max(one[2] for one in begun) / rows - 1, max(one[3] for one in begun) / columns - 1)
    slack = max(ASTRAY, 1 / rows), max(ASTRAY, 1 / columns)  # some end at Rows or Columns
    ends_with = abs(below) <= slack[0], abs(beside) <= slack[1]
    return any(ends_with) or (below <= slack[0] and beside <= slack[1])


def notes_on_regions(
    dataset: Dataset, rows: int, columns: int, spacing_mm: tuple[float, float] | None
) -> tuple[str, ...]:
    """Why a calibration that the file has is not used; nothing where it is, or where the file has none.

    Args:
        dataset: the header of the object.
        rows, columns: size of its frames in pixels.
        spacing_mm: what was made of it.
    """
    if not regions_fit(dataset, rows, columns):
        return (DO_NOT_FIT,)
    of_lengths = [
        item
        for item, _ in _items_with_bounds(dataset)
        if _kind(item) in TWO_D_CONTENTS.values()
        and all(number(item, f"PhysicalUnits{axis}Direction") == CENTIMETRES for axis in "XY")
    ]
    claims = any(value(item, f"PhysicalDelta{axis}") is not None for item in of_lengths for axis in "XY")
    spacing = numbers(dataset, "PixelSpacing")
    claims = claims or (value(dataset, "PixelSpacing") is not None and (not spacing or any(spacing)))
    return (NOT_A_LENGTH,) if claims and spacing_mm is None else ()


def scan_region_of(regions: tuple[Region, ...], kind: str = "tissue") -> int | None:
    """Number of the region that shows the scan: of one kind, a calibrated one if there is one, then the largest, then
    the first; None where there is none. An uncalibrated one may merely stand for the whole screen."""
    of_kind = [number for number, region in enumerate(regions) if region.kind == kind]
    return max(of_kind, key=lambda one: (regions[one].spacing_mm is not None, regions[one].area_px), default=None)


def spacing_of(dataset: Dataset, regions: tuple[Region, ...], rows: int, columns: int) -> tuple[float, float] | None:
    """(row, column) millimetres per pixel of the scan.

    That of the scan region, or of the largest colour region where no tissue region is named; else Pixel Spacing
    (0028,0030), if it is one that ultrasound has; else None, as where the regions do not fit the picture: whoever left
    them behind may have left Pixel Spacing too. Imager Pixel Spacing (0018,1164) is measured at a detector and says
    nothing here.
    """
    if not regions_fit(dataset, rows, columns):
        return None
    number = scan_region_of(regions)
    number = scan_region_of(regions, "colour_flow") if number is None else number
    return (None if number is None else regions[number].spacing_mm) or _pixel_spacing(dataset, rows, columns)


def _pixel_spacing(dataset: Dataset, rows: int, columns: int) -> tuple[float, float] | None:
    spacing = numbers(dataset, "PixelSpacing")
    return (spacing[0], spacing[1]) if len(spacing) == 2 and is_spacing(*spacing, rows, columns) else None


def _items_with_bounds(dataset: Dataset) -> list[tuple[Dataset, Bounds]]:
    items = _items(value(dataset, "SequenceOfUltrasoundRegions"))
    return [(item, bounds) for item in items if (bounds := _bounds(item)) is not None]


def _items(sequence: object) -> Iterable[Dataset]:
    """The items of a sequence, none where the file has something else in its place."""
    return [item for item in sequence if isinstance(item, Dataset)] if isinstance(sequence, Iterable) else []


def _bounds(item: Dataset) -> Bounds | None:
    """(top, left, bottom, right), one past the last pixel; None where a bound is missing or the region is empty."""
    keywords = ("RegionLocationMinY0", "RegionLocationMinX0", "RegionLocationMaxY1", "RegionLocationMaxX1")
    top, left, last_row, last_column = (number(item, keyword) for keyword in keywords)
    if top is None or left is None or last_row is None or last_column is None or last_row < top or last_column < left:
        return None
    return top, left, last_row + 1, last_column + 1


def _shrunk_by(bounds: list[Bounds], rows: int, columns: int) -> int:
    """How many times larger than the picture the regions' coordinates are; 1 where that is not sure."""
    bottom, right = (max((one[side] for one in bounds), default=0) for side in (2, 3))
    factor = round(bottom / rows)
    exact = all(abs(end - factor * side) <= 1 for end, side in ((bottom, rows), (right, columns)))
    crosses = any(  # where each lies wholly inside or outside, those outside are astray
        one[0] < rows and one[1] < columns and (one[2] > rows + 1 or one[3] > columns + 1) for one in bounds
    )
    return factor if factor > 1 and exact and crosses else 1


def _region(item: Dataset, bounds: Bounds, factor: int, rows: int, columns: int) -> Region | None:
    top, left, bottom, right = (round(bound / factor) for bound in bounds)
    box = max(top, 0), max(left, 0), min(bottom, rows), min(right, columns)
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    down, across = _scale(item, "Y", bounds[0], factor), _scale(item, "X", bounds[1], factor)
    return Region(_kind(item), box, _spacing_mm(down, across, box), down, across)


def _kind(item: Dataset) -> str:
    shape, content = number(item, "RegionSpatialFormat"), number(item, "RegionDataType")
    if content in BARS:
        return BARS[content]
    return TWO_D_CONTENTS.get(content, "other") if shape == TWO_D else OTHER_FORMATS.get(shape, "other")


def _scale(item: Dataset, axis: str, start: float, factor: int) -> Scale | None:
    """What a pixel measures along one direction; Reference Pixel counts from the region's first row or column, which
    is `start` (PS3.3 C.8.5.5.1)."""
    unit = UNITS.get(number(item, f"PhysicalUnits{axis}Direction"))
    step = number(item, f"PhysicalDelta{axis}")
    if unit is None or not step or (unit == "cm" and not is_within(abs(step * factor) * 10, PIXEL_MM)):
        return None
    reference, value_there = number(item, f"ReferencePixel{axis}0"), number(item, f"ReferencePixelPhysicalValue{axis}")
    if reference is None or value_there is None:
        return Scale(unit, step * factor)
    return Scale(unit, step * factor, (start + reference) / factor, value_there)


def _spacing_mm(down: Scale | None, across: Scale | None, box: tuple[int, int, int, int]) -> tuple[float, float] | None:
    """Steps may be negative, for an axis that runs the other way; a length has no sign."""
    if down is None or across is None or (down.unit, across.unit) != ("cm", "cm"):
        return None
    row_mm, column_mm = abs(down.per_pixel) * 10, abs(across.per_pixel) * 10
    return (row_mm, column_mm) if is_spacing(row_mm, column_mm, box[2] - box[0], box[3] - box[1]) else None
