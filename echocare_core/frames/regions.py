"""The regions of an ultrasound picture: what each shows, where it stands, millimetres per pixel (PS3.3 C.8.5.5)."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset

from echocare_core.frames.header import number, numbers, value
from echocare_core.types import Region

TWO_D, M_MODE, SPECTRAL = 1, 2, 3  # Region Spatial Format (0018,6012), C.8.5.5.1.1
TISSUE, COLOUR_FLOW = 1, 2  # Region Data Type (0018,6014), C.8.5.5.1.2
CENTIMETRES = 3  # Physical Units X and Y Direction (0018,6024) and (0018,6026), C.8.5.5.1.15


def read_regions(dataset: Dataset, rows: int, columns: int) -> tuple[Region, ...]:
    """Read the Sequence of Ultrasound Regions (0018,6011).

    The box is clipped to the picture; a region that is empty or wholly outside is dropped. Some software shrinks the
    picture and leaves the regions as they were: where their bounds reach to about the same whole multiple of the
    picture in both directions (at least half a picture beyond it, and never beyond that multiple), boxes are divided
    by it and spacings multiplied.

    Args:
        dataset: the header of the object.
        rows, columns: size of its frames in pixels.

    Returns:
        The regions in the order of the file, `spacing_mm` (row, column) where both directions are in centimetres.
    """
    items = value(dataset, "SequenceOfUltrasoundRegions")
    found = [(item, bounds) for item in _items(items) if (bounds := _bounds(item)) is not None]
    factor = _shrunk_by([bounds for _, bounds in found], rows, columns)
    regions = (_region(item, bounds, factor, rows, columns) for item, bounds in found)
    return tuple(region for region in regions if region is not None)


def spacing_of(dataset: Dataset, regions: tuple[Region, ...]) -> tuple[float, float] | None:
    """(row, column) millimetres per pixel of the scan.

    That of the largest tissue region, or of the largest colour region where no tissue region is named; else Pixel
    Spacing (0028,0030); else None. Imager Pixel Spacing (0018,1164) is measured at a detector and says nothing here.
    """
    for kind in ("tissue", "colour_flow"):
        of_kind = [region for region in regions if region.kind == kind]
        if of_kind:
            largest = max(of_kind, key=lambda region: region.area_px)
            return largest.spacing_mm or _pixel_spacing(dataset)
    return _pixel_spacing(dataset)


def _pixel_spacing(dataset: Dataset) -> tuple[float, float] | None:
    spacing = numbers(dataset, "PixelSpacing")
    return (spacing[0], spacing[1]) if len(spacing) == 2 and min(spacing) > 0 else None


def _items(sequence: object) -> Iterable[Dataset]:
    """The items of a sequence, none where the file has something else in its place."""
    return [item for item in sequence if isinstance(item, Dataset)] if isinstance(sequence, Iterable) else []


def _bounds(item: Dataset) -> tuple[float, float, float, float] | None:
    """(top, left, bottom, right), one past the last pixel; None where a bound is missing or the region is empty."""
    keywords = ("RegionLocationMinY0", "RegionLocationMinX0", "RegionLocationMaxY1", "RegionLocationMaxX1")
    top, left, last_row, last_column = (number(item, keyword) for keyword in keywords)
    if top is None or left is None or last_row is None or last_column is None or last_row < top or last_column < left:
        return None
    return top, left, last_row + 1, last_column + 1


def _shrunk_by(bounds: list[tuple[float, float, float, float]], rows: int, columns: int) -> int:
    """How many times larger than the picture the regions' coordinates are; 1 where they fit or merely stick out."""
    bottom, right = (max((one[side] for one in bounds), default=0) for side in (2, 3))
    factor = round(bottom / rows)
    fits = bottom <= factor * rows + 1 and right <= factor * columns + 1  # + 1: some write end = Rows or Columns
    return factor if factor > 1 and factor == round(right / columns) and fits else 1


def _region(
    item: Dataset, bounds: tuple[float, float, float, float], factor: int, rows: int, columns: int
) -> Region | None:
    top, left, bottom, right = (round(bound / factor) for bound in bounds)
    box = max(top, 0), max(left, 0), min(bottom, rows), min(right, columns)
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    return Region(_kind(item), box, _spacing_mm(item, factor))


def _kind(item: Dataset) -> str:
    shape, content = number(item, "RegionSpatialFormat"), number(item, "RegionDataType")
    if shape == TWO_D and content in (TISSUE, None):
        return "tissue"
    if shape == TWO_D and content == COLOUR_FLOW:
        return "colour_flow"
    return "m_mode" if shape == M_MODE else "spectral" if shape == SPECTRAL else "other"


def _spacing_mm(item: Dataset, factor: int) -> tuple[float, float] | None:
    """Physical Delta is in centimetres per pixel and may be negative, for an axis that runs the other way."""
    steps = [number(item, f"PhysicalDelta{axis}") for axis in "YX"]
    units = [number(item, f"PhysicalUnits{axis}Direction") for axis in "YX"]
    if units != [CENTIMETRES, CENTIMETRES] or not all(steps):
        return None
    row, column = (abs(step or 0.0) * 10 * factor for step in steps)
    return row, column
