"""Regions: kind, box and what their pixels measure, whatever scanners write."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from ultrasound_files import SHIPPED, marked, region, write_ultrasound

from echocare_core.errors import SettingsError
from echocare_core.frames import read_frames
from echocare_core.frames.dicom.regions import DO_NOT_FIT, notes_on_regions, read_regions, scan_region_of, spacing_of
from echocare_core.frames.plausible import NOT_A_LENGTH
from echocare_core.types import Region, Scale

ROWS, COLUMNS = 480, 640


def read(*items):
    dataset = Dataset()
    dataset.SequenceOfUltrasoundRegions = list(items)
    return read_regions(dataset, ROWS, COLUMNS)


def spacing(*items, **attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.SequenceOfUltrasoundRegions = list(items)
    return spacing_of(dataset, read(*items), ROWS, COLUMNS)


def notes(*items, **attributes):
    dataset = Dataset()
    for keyword, value in {"SequenceOfUltrasoundRegions": list(items), **attributes}.items():
        setattr(dataset, keyword, value)
    return notes_on_regions(dataset, ROWS, COLUMNS, spacing(*items, **attributes))


def box_and_spacing(*items):
    return [(found.box, found.spacing_mm) for found in read(*items)]


def test_a_region_has_a_half_open_box_and_spacing_in_row_column_order():
    assert box_and_spacing(region((10, 20, 110, 220), (0.5, 0.25))) == [((10, 20, 110, 220), (0.5, 0.25))]


@pytest.mark.parametrize(
    ("spatial_format", "data_type", "kind"),
    [
        (1, 1, "tissue"),
        (1, 2, "colour_flow"),
        (2, 5, "m_mode"),
        (3, 3, "spectral"),
        (3, 4, "spectral"),
        (4, 10, "waveform"),
        (1, 0xE, "colour_bar"),
        (5, 0xE, "colour_bar"),
        (0, 0xD, "grey_bar"),
        (0, 1, "other"),
        (0, 0, "other"),
        (1, 6, "other"),
    ],
)
def test_the_kind_follows_spatial_format_and_data_type(spatial_format, data_type, kind):
    item = region((0, 0, 9, 9), RegionSpatialFormat=spatial_format, RegionDataType=data_type)
    assert read(item)[0].kind == kind


def test_a_2d_region_without_a_data_type_shows_tissue():
    item = region((0, 0, 9, 9))
    del item.RegionDataType
    assert read(item)[0].kind == "tissue"


def test_a_box_that_ends_a_little_beyond_the_picture_is_clipped_to_it():
    assert box_and_spacing(region((10, 20, 484, 646), (0.2, 0.2))) == [((10, 20, ROWS, COLUMNS), (0.2, 0.2))]


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


@pytest.mark.parametrize("fault", [{"PhysicalDeltaY": 0.0}, {"PhysicalUnitsYDirection": 0}, {"PhysicalDeltaY": None}])
def test_a_direction_without_unit_or_step_says_nothing(fault):
    (found,) = read(region((0, 0, 9, 9), (0.5, 0.25), **fault))
    assert (found.down, found.across) == (None, Scale("cm", 0.025))


def test_an_m_mode_region_has_seconds_across_and_centimetres_down():
    item = region((100, 0, 300, 600), RegionSpatialFormat=2, RegionDataType=1, PhysicalUnitsXDirection=4)
    item.PhysicalUnitsYDirection, item.PhysicalDeltaX, item.PhysicalDeltaY = 3, 0.005, 0.04
    (found,) = read(item)
    assert (found.kind, found.spacing_mm) == ("m_mode", None)
    assert (found.down, found.across) == (Scale("cm", 0.04), Scale("s", 0.005))


def spectrum(**attributes):
    """200 rows from row 100 on, 2 cm/s each, with its baseline 120 rows below the first."""
    item = region((100, 0, 300, 600), RegionSpatialFormat=3, RegionDataType=3, ReferencePixelY0=120)
    item.ReferencePixelX0 = 0
    item.ReferencePixelPhysicalValueX = item.ReferencePixelPhysicalValueY = 0.0
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = 4, 7
    item.PhysicalDeltaX, item.PhysicalDeltaY = 0.004, -2.0
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def test_a_spectrum_has_seconds_across_and_velocities_from_its_baseline():
    (found,) = read(spectrum())
    assert (found.kind, found.down.unit, found.across.unit) == ("spectral", "cm/s", "s")
    assert [found.down.value_at(row) for row in (100, 220, 300)] == [240.0, 0.0, -160.0]
    assert found.across.value_at(250) == pytest.approx(1.0)


def test_a_spectrum_may_be_in_hertz():
    assert read(spectrum(PhysicalUnitsYDirection=5))[0].down.unit == "Hz"


@pytest.mark.parametrize("missing", ["ReferencePixelY0", "ReferencePixelPhysicalValueY"])
def test_no_value_is_made_up_without_a_reference(missing):
    item = spectrum()
    delattr(item, missing)
    assert read(item)[0].down.value_at(220) is None


def test_the_reference_pixel_of_a_philips_sector_is_its_apex_counted_from_the_region():
    path = SHIPPED / "examples_palette.dcm"
    if not path.exists():
        pytest.skip("pydicom 2.4 does not carry this picture in its wheel; other regions are made here")
    frames = read_frames(path)
    (sector,) = (found for found in frames.regions if found.kind == "tissue")
    middle = (sector.box[1] + sector.box[3] - 1) / 2
    assert sector.across.reference_px == pytest.approx(middle, abs=1)


def test_regions_of_a_picture_that_was_shrunk_are_shrunk_with_it():
    whole, scan = region((0, 0, 2 * ROWS, 2 * COLUMNS)), region((60, 160, 830, 1190), (0.5, 0.25))
    assert box_and_spacing(whole, scan)[1] == ((30, 80, 415, 595), (1.0, 0.5))


def test_the_scales_of_a_picture_that_was_shrunk_keep_their_values():
    whole = region((0, 0, 2 * ROWS, 2 * COLUMNS), (0.5, 0.5))
    (_, found) = read(whole, spectrum(RegionLocationMinY0=200, RegionLocationMaxY1=599))
    assert found.down == Scale("cm/s", -4.0, 160.0, 0.0)


def test_regions_shrink_by_three_as_well():
    ((box, spacing_mm),) = box_and_spacing(region((0, 0, 1440, 1920), (0.5, 0.5)))
    assert (box, spacing_mm) == ((0, 0, ROWS, COLUMNS), pytest.approx((1.5, 1.5)))


@pytest.mark.parametrize(
    "box",
    [
        *[(0, 0, 470, 1280), (0, 0, 500, 700), (0, 0, 1000, 1300), (500, 700, 600, 800)],
        (80, 96, 748, 924),  # of a screen of 768 rows and 1024 columns
        (60, 160, 830, 1190),  # nearly twice the picture: also the region of one that was shrunk by 1.8
    ],
)
def test_regions_that_do_not_fit_the_picture_give_no_millimetres(box):
    scan = region(box, (0.2, 0.2))
    assert (read(scan), spacing(scan, PixelSpacing=["0.2", "0.2"]), notes(scan)) == ((), None, (DO_NOT_FIT,))


@pytest.mark.parametrize("end", [(480, 1280), (482, 1280), (960, 640)])
def test_a_region_of_a_picture_that_was_cut_on_one_side_keeps_its_millimetres(end):
    assert box_and_spacing(region((0, 0, *end), (0.2, 0.2))) == [((0, 0, ROWS, COLUMNS), (0.2, 0.2))]


def test_strips_that_do_not_fit_the_picture_keep_their_kind_without_scales():
    (found,) = read(spectrum(RegionLocationMaxX1=900))
    assert (found.kind, found.box, found.down, found.across) == ("spectral", (100, 0, 300, COLUMNS), None, None)


@pytest.mark.parametrize("step", [1e12, -1e12, 1e-9, 0.2])  # the last is 96 cm down, 128 cm across
def test_a_step_that_ultrasound_does_not_have_calibrates_nothing(step):
    scan = region((0, 0, ROWS, COLUMNS), (0.2, 0.2), PhysicalDeltaX=step, PhysicalDeltaY=step)
    assert (read(scan)[0].spacing_mm, spacing(scan), notes(scan)) == (None, None, (NOT_A_LENGTH,))


@pytest.mark.parametrize("step", [float("inf"), float("nan"), 0.0])
def test_a_step_that_is_no_number_or_zero_calibrates_nothing(step):
    scan = region((0, 0, ROWS, COLUMNS), (0.2, 0.2), PhysicalDeltaX=step)
    assert (spacing(scan), notes(scan)) == (None, (NOT_A_LENGTH,))


@pytest.mark.parametrize("values", [["1e12", "0.2"], ["inf", "inf"], ["0.2", "nan"], ["-0.2", "-0.2"], ["0.2"]])
def test_a_pixel_spacing_that_ultrasound_does_not_have_calibrates_nothing(values):
    assert (spacing(PixelSpacing=values), notes(PixelSpacing=values)) == (None, (NOT_A_LENGTH,))


def test_a_calibration_that_is_used_or_absent_needs_no_word():
    assert notes(region((0, 0, 400, 600), (0.2, 0.2))) == notes(region((0, 0, 400, 600))) == notes() == ()
    assert notes(PixelSpacing=["0.2", "0.2"]) == notes(PixelSpacing=["0", "0"]) == ()


def test_the_notes_are_those_of_the_file(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), regions=[region((0, 0, 40, 50), (0.2, 0.2))])
    frames = read_frames(path)
    assert (frames.spacing_mm, frames.scan_box, frames.notes) == (None, (0, 0, 24, 32), (DO_NOT_FIT,))


def test_a_region_outside_the_picture_shrinks_no_other():
    stray = region((500, 700, 960, 1280), (0.2, 0.2))
    assert box_and_spacing(region((0, 0, ROWS, COLUMNS), (0.2, 0.2)), stray) == [((0, 0, ROWS, COLUMNS), (0.2, 0.2))]


def test_the_halves_of_a_dual_picture_that_was_shrunk_are_shrunk_with_it():
    halves = [region((0, left, 2 * ROWS, left + COLUMNS), (0.5, 0.5)) for left in (0, COLUMNS)]
    middle = COLUMNS // 2
    assert [box for box, _ in box_and_spacing(*halves)] == [(0, 0, ROWS, middle), (0, middle, ROWS, COLUMNS)]


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


def test_a_calibrated_region_comes_before_a_larger_one_that_stands_for_the_whole_screen():
    screen, scan = region((0, 0, ROWS, COLUMNS)), region((40, 50, 300, 400), (0.2, 0.2))
    assert scan_region_of(read(screen, scan)) == 1
    assert spacing(screen, scan) == (0.2, 0.2)


def test_a_colour_box_nested_in_the_scan_is_not_the_scan():
    scan, box = region((0, 0, 400, 600), (0.2, 0.2)), region((50, 60, 350, 500), (0.2, 0.2), RegionDataType=2)
    assert scan_region_of(read(box, scan)) == 1


@pytest.fixture
def dual(tmp_path):
    """A spectrum, then two 2-D pictures side by side, the right one larger."""
    items = [region((0, 0, 4, 32), RegionSpatialFormat=3), region((4, 0, 24, 14), (0.2, 0.2))]
    items.append(region((4, 15, 24, 32), (0.4, 0.3)))
    return read_frames(write_ultrasound(tmp_path / "dual", marked(2), regions=items))


def test_a_dual_picture_says_which_region_is_used(dual):
    assert (dual.scan_regions, dual.scan_region) == ((1, 2), 2)
    assert (dual.scan_box, dual.spacing_mm) == ((4, 15, 24, 32), pytest.approx((0.4, 0.3)))


def test_the_other_region_of_a_dual_picture_can_be_chosen(dual):
    left = dual.on_region(1)
    assert (left.scan_region, left.scan_box, left.spacing_mm) == (1, (4, 0, 24, 14), pytest.approx((0.2, 0.2)))
    np.testing.assert_array_equal(left.pixels[1], dual.pixels[1])


@pytest.mark.parametrize("number", [0, 3, -1])
def test_what_is_no_2d_region_cannot_be_chosen(dual, number):
    with pytest.raises(SettingsError, match=r"dual has no 2-D region .* \(it has 1, 2\)"):
        dual.on_region(number)


def test_a_picture_without_regions_is_the_scan_as_a_whole(tmp_path):
    frames = read_frames(write_ultrasound(tmp_path / "a", marked()))
    assert (frames.scan_regions, frames.scan_region, frames.scan_box) == ((), None, (0, 0, 24, 32))


def test_the_two_pictures_of_a_dual_scan_by_aloka_are_both_found():
    data_store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    header = dcmread(Path(data_store.__file__).parent / "data" / "gdcm-US-ALOKA-16.dcm", stop_before_pixels=True)
    regions = read_regions(header, header.Rows, header.Columns)
    assert [found.kind for found in regions] == ["tissue", "tissue", "grey_bar"]
    assert [found.box for found in regions[:2]] == [(24, 32, 416, 336), (24, 336, 416, 640)]
    assert scan_region_of(regions) == 0
