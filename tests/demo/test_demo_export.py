"""The export that comes with the package: small, readable, calibrated as its sources say, and nobody's."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from echocare_core.demo import ATTRIBUTION, EXPORT
from echocare_core.demo.build import ENTRIES, build_export
from echocare_core.demo.pictures import simulate_sweep
from echocare_core.errors import TableError
from echocare_core.frames import read_export, read_frames
from echocare_core.transforms import CropToScanRegiond, LoadUltrasoundd

# Millimetres per pixel as they stand in the tables of the data sets; BUS-BRA has none.
PIXEL_MM = {
    "BREAST/ST000001/SE000001/IM000001": 0.118272561875,
    "BREAST/ST000002/SE000001/IM000001": 0.131103515625,
    "BREAST/ST000003/SE000001/IM000001": None,
    "BREAST/ST000004/SE000001/IM000001": None,
    "FETAL/ST000005/SE000001/IM000001": 0.18264235085625,
    "FETAL/ST000006/SE000001/IM000001": 0.2861602075,
    "FETAL/ST000007/SE000001/IM000001": 0.5054360075,
    "FETAL/ST000008/SE000001/IM000001": 0.33340911,
}
CINE = "FETAL/ST000008/SE000001/IM000001"
REPORT = "FETAL/ST000007/SE000002/IM000001"
CUT_SHORT = "BREAST/ST000001/SE000001/IM000002"
ON_SCREEN = ("BREAST/ST000002/SE000001/IM000001", "FETAL/ST000007/SE000001/IM000001")
OF_THE_PICTURE = ("Rows", "Columns", "SequenceOfUltrasoundRegions", "LossyImageCompressionRatio", "ContentSequence")
SOURCE_SIZE = (216, 320)  # of the made-up data set below


def header(name, export=EXPORT):
    return pydicom.dcmread(export / name, stop_before_pixels=True)


@pytest.fixture(scope="module")
def made_up_data(tmp_path_factory):
    """Data sets with the names that the demo takes, every picture white."""
    root = tmp_path_factory.mktemp("data")
    for data in {entry.data for entry in ENTRIES}:
        (root / data / "images").mkdir(parents=True)
        rows = [entry for entry in ENTRIES if entry.data == data]
        with (root / data / "table.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["image", "split", *(["pixel_mm", "head_circumference_mm"] if data != "bus_bra" else [])])
            table.writerows(
                [f"images/{row.image}.png", "test", *(["0.25", "99.9"] if data != "bus_bra" else [])] for row in rows
            )
        for row in rows:
            Image.new("L", SOURCE_SIZE[::-1], 255).save(root / data / "images" / f"{row.image}.png")
    return root


@pytest.fixture(scope="module")
def made_up_export(made_up_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    build_export(made_up_data, folder)
    return folder


def test_the_export_is_under_three_megabytes():
    assert sum(path.stat().st_size for path in EXPORT.rglob("*") if path.is_file()) < 3_000_000


def test_every_good_object_is_read_and_the_others_are_set_aside_with_reasons():
    export = read_export(EXPORT)
    reasons = {item.source: item.reason for item in export.set_aside}
    assert {export.source_of(frames) for frames in export.files} == set(PIXEL_MM)
    assert set(reasons) == {"BREAST/README.TXT", CUT_SHORT, REPORT}
    assert "is not DICOM, PNG, JPEG" in reasons["BREAST/README.TXT"]
    assert "breaks off" in reasons[CUT_SHORT]
    assert "SR, Basic Text SR Storage" in reasons[REPORT]


@pytest.mark.parametrize("name", PIXEL_MM)
def test_pixels_are_those_that_pydicom_decodes(name):
    dataset, frames = pydicom.dcmread(EXPORT / name), read_frames(EXPORT / name)
    theirs = dataset.pixel_array.reshape(len(frames), *frames.size, -1)
    if pydicom.__version__.startswith("2.") and dataset.PhotometricInterpretation == "YBR_FULL_422":
        from pydicom.pixel_data_handlers.util import convert_color_space

        theirs = convert_color_space(theirs, "YBR_FULL", "RGB")  # which pydicom 3 does by itself
    for ours, their in zip(frames.pixels, theirs, strict=True):
        assert np.abs(ours.astype(int) - their).mean() < 1


@pytest.mark.parametrize("name", PIXEL_MM)
def test_spacing_is_that_of_the_source(name):
    known = PIXEL_MM[name]
    assert read_frames(EXPORT / name).spacing_mm == (pytest.approx((known, known)) if known else None)


def test_stills_and_the_cine_are_stored_in_every_way_that_the_demo_promises():
    stored = {
        (item.file_meta.TransferSyntaxUID.name, item.PhotometricInterpretation, item.get("PlanarConfiguration"))
        for item in map(header, PIXEL_MM)
    }
    assert stored == {
        ("JPEG Baseline (Process 1)", "YBR_FULL_422", 0),
        ("JPEG Baseline (Process 1)", "MONOCHROME2", None),
        ("RLE Lossless", "MONOCHROME2", None),
        ("Explicit VR Little Endian", "MONOCHROME2", None),
        ("Explicit VR Little Endian", "RGB", 1),
    }


def test_the_cine_has_eleven_frames_in_half_a_second():
    times_ms = read_frames(EXPORT / CINE).frame_times_ms
    assert times_ms == tuple(50.0 * frame for frame in range(11))


def test_the_cine_says_that_it_is_a_simulated_sweep():
    dataset = header(CINE)
    assert "Simulated sweep" in dataset.SeriesDescription
    assert "Simulated sweep, not a recording" in dataset.ImageComments


@pytest.mark.parametrize("name", ON_SCREEN)
def test_a_mask_of_the_scan_comes_back_inside_its_region_of_the_screen(name):
    crop = CropToScanRegiond(keys="image")
    item = crop(LoadUltrasoundd(keys="image")({"image": EXPORT / name}))
    item["image"] = item["image"] * 0 + 1
    mask = np.asarray(crop.inverse(item)["image"])[0]
    top, left, bottom, right = read_frames(EXPORT / name).scan_box
    assert mask.shape == (480, 640)
    assert mask[top:bottom, left:right].all()
    assert mask.sum() == (bottom - top) * (right - left)


@pytest.mark.parametrize("name", ON_SCREEN)
def test_the_region_of_a_screen_is_where_the_picture_stands(name, made_up_export):
    frames = read_frames(made_up_export / name)
    top, left, bottom, right = frames.scan_box
    picture = frames.pixels[0]
    assert (bottom - top, right - left) == SOURCE_SIZE
    assert picture[top:bottom, left:right].min() > 240
    around = picture[top - 8 : bottom + 8, left - 8 : right + 8].astype(int)
    around[8:-8, 8:-8] = 0
    assert np.percentile(around, 99) < 60  # nothing but the screen and what JPEG smears over the edge


@pytest.mark.parametrize("name", [*PIXEL_MM, REPORT, CUT_SHORT])
def test_nobody_stands_in_a_header(name):
    part, study = name.split("/")[0], int(name.split("/")[1][2:])
    dataset = header(name)
    named = {item.keyword: str(item.value) for item in dataset.iterall() if item.VR == "PN" and item.value}
    assert named == {"PatientName": f"DEMO^{part}"}
    assert dataset.PatientID == f"DEMO-{study:03}"
    assert not dataset.PatientBirthDate
    assert {item.value for item in dataset.iterall() if item.VR in ("DA", "DT")} <= {"20240102", ""}
    assert not any(item.tag.is_private for item in dataset.iterall())
    assert not {"InstitutionName", "OperatorsName", "StationName", "OtherPatientIDs"} & set(dataset.dir())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.image)
def test_the_attribution_names_every_source_image_beside_its_file(entry):
    name = f"{entry.study.part}/ST{entry.study.number:06}/SE000001/IM000001"
    lines = [line for line in ATTRIBUTION.read_text(encoding="utf-8").splitlines() if f"`{name}`" in line]
    assert len(lines) == 1
    assert f"`{entry.image}`" in lines[0]
    assert f"image {entry.image}, CC BY 4.0" in header(name).ImageComments


@pytest.mark.parametrize("doi", ["10.1038/s41597-024-02984-z", "10.1002/mp.16812", "10.1371/journal.pone.0200412"])
def test_the_attribution_cites_each_data_set_under_its_licence(doi):
    sections = ATTRIBUTION.read_text(encoding="utf-8").split("\n## ")
    assert ["CC BY 4.0" in section for section in sections if doi in section] == [True]


def test_a_rebuild_gives_the_same_bytes_and_the_same_files_as_those_shipped(made_up_data, made_up_export, tmp_path):
    build_export(made_up_data, tmp_path)
    assert _contents(tmp_path) == _contents(made_up_export)
    assert set(_contents(tmp_path)) == set(_contents(EXPORT))


@pytest.mark.parametrize("name", [*PIXEL_MM, REPORT])
def test_the_shipped_headers_are_those_that_the_build_writes(name, made_up_export):
    built, shipped = header(name, made_up_export), header(name)
    for keyword in OF_THE_PICTURE:
        for dataset in (built, shipped):
            dataset.pop(keyword, None)
    assert built.file_meta == shipped.file_meta
    assert built == shipped


def test_an_image_outside_the_test_split_is_refused(made_up_data, tmp_path):
    table = made_up_data / "hc18" / "table.csv"
    kept = table.read_text()
    table.write_text(kept.replace("test", "train"))
    try:
        with pytest.raises(TableError, match=r"hc18/table\.csv has no test image 139_hc"):
            build_export(made_up_data, tmp_path)
    finally:
        table.write_text(kept)


def test_the_middle_frame_of_a_sweep_is_the_still_and_the_others_are_not():
    still = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    sweep = simulate_sweep(still, 5)
    assert [bool((frame == still).all()) for frame in sweep] == [False, False, True, False, False]


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
