"""Regions: kind, box and millimetres per pixel, whatever scanners write."""

import pytest
from pydicom.dataset import Dataset
from ultrasound_files import region

from echocare_core.frames.regions import read_regions, spacing_of
from echocare_core.types import Region

ROWS, COLUMNS = 480, 640


def read(*items):
    dataset = Dataset()
    dataset.SequenceOfUltrasoundRegions = list(items)
    return read_regions(dataset, ROWS, COLUMNS)


def spacing(*items, **attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return spacing_of(dataset, read(*items))


def test_a_region_has_a_half_open_box_and_spacing_in_row_column_order():
    assert read(region((10, 20, 110, 220), (0.5, 0.25))) == (Region("tissue", (10, 20, 110, 220), (0.5, 0.25)),)


@pytest.mark.parametrize(
    ("spatial_format", "data_type", "kind"),
    [
        (1, 1, "tissue"),
        (1, 2, "colour_flow"),
        (2, 5, "m_mode"),
        (3, 3, "spectral"),
        (3, 4, "spectral"),
        (4, 10, "other"),
    ],
)
def test_the_kind_follows_spatial_format_and_data_type(spatial_format, data_type, kind):
    item = region((0, 0, 9, 9), RegionSpatialFormat=spatial_format, RegionDataType=data_type)
    assert read(item)[0].kind == kind


def test_a_colour_bar_is_no_tissue():
    assert read(region((0, 0, 9, 9), RegionDataType=0xE))[0].kind == "other"


def test_a_box_is_clipped_to_the_picture():
    assert read(region((10, 20, 500, 700)))[0].box == (10, 20, ROWS, COLUMNS)


def test_an_end_written_as_columns_is_tolerated():
    assert read(region((0, 0, ROWS + 1, COLUMNS + 1)))[0].box == (0, 0, ROWS, COLUMNS)


@pytest.mark.parametrize("box", [(50, 50, 50, 60), (50, 50, 40, 60), (500, 10, 520, 60), (10, 640, 20, 660)])
def test_an_empty_or_outside_region_is_dropped(box):
    assert read(region(box), region((0, 0, 9, 9))) == (Region("tissue", (0, 0, 9, 9)),)


def test_a_region_without_its_bounds_is_dropped():
    item = region((0, 0, 9, 9))
    del item.RegionLocationMaxX1
    assert read(item) == ()


@pytest.mark.parametrize("items", [[], None])
def test_no_regions_are_none(items):
    dataset = Dataset()
    dataset.SequenceOfUltrasoundRegions = items
    assert read_regions(dataset, ROWS, COLUMNS) == ()
    assert read_regions(Dataset(), ROWS, COLUMNS) == ()


def test_a_negative_delta_is_a_length():
    assert read(region((0, 0, 9, 9), (0.5, 0.25), PhysicalDeltaY=-0.05))[0].spacing_mm == (0.5, 0.25)


@pytest.mark.parametrize(
    "fault", [{"PhysicalDeltaX": 0.0}, {"PhysicalUnitsXDirection": 4}, {"PhysicalUnitsYDirection": 0}]
)
def test_a_region_without_two_lengths_has_no_spacing(fault):
    assert read(region((0, 0, 9, 9), (0.5, 0.25), **fault))[0].spacing_mm is None


def test_regions_of_a_picture_that_was_shrunk_are_shrunk_with_it():
    (found,) = read(region((60, 160, 830, 1190), (0.5, 0.25)))
    assert found == Region("tissue", (30, 80, 415, 595), (1.0, 0.5))


def test_regions_shrink_by_three_as_well():
    assert read(region((0, 0, 1440, 1920), (0.5, 0.5)))[0] == Region("tissue", (0, 0, ROWS, COLUMNS), (1.5, 1.5))


@pytest.mark.parametrize("end", [(480, 1280), (960, 640), (500, 700), (1000, 1300)])
def test_a_region_that_merely_sticks_out_is_clipped_not_shrunk(end):
    assert read(region((0, 0, *end), (0.5, 0.5)))[0] == Region("tissue", (0, 0, ROWS, COLUMNS), (0.5, 0.5))


def test_the_largest_tissue_region_gives_the_spacing():
    spectral = region((0, 0, 400, 600), (9.0, 9.0), RegionSpatialFormat=3)
    assert spacing(spectral, region((0, 0, 50, 50), (0.1, 0.1)), region((0, 0, 90, 90), (0.3, 0.2))) == (0.3, 0.2)


def test_a_colour_box_gives_the_spacing_only_without_tissue():
    colour = region((0, 0, 90, 90), (0.4, 0.4), RegionDataType=2)
    assert spacing(colour) == (0.4, 0.4)
    assert spacing(colour, region((0, 0, 50, 50), (0.1, 0.1))) == (0.1, 0.1)


def test_pixel_spacing_is_used_where_no_region_is_calibrated():
    assert spacing(region((0, 0, 90, 90)), PixelSpacing=["0.3", "0.2"]) == (0.3, 0.2)


def test_a_region_comes_before_a_pixel_spacing_that_contradicts_it():
    assert spacing(region((0, 0, 90, 90), (0.1, 0.1)), PixelSpacing=["0.3", "0.2"]) == (0.1, 0.1)


@pytest.mark.parametrize("attributes", [{}, {"PixelSpacing": ["0", "0"]}, {"ImagerPixelSpacing": ["0.3", "0.2"]}])
def test_nothing_calibrated_is_no_spacing(attributes):
    assert spacing(**attributes) is None
