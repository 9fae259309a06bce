"""What a bundle says is written as valid DICOM objects that refer to what is there and hold all of its numbers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from dicom_oracles import errors_of
from pydicom import dcmread
from small_tables import disc_picture
from ultrasound_files import region, write_ultrasound

import echocare_core as echocare
from echocare_core.types import Measurement

ABOUT = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}
WHOLE = region((0, 0, 96, 128), (0.5, 0.5))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A calibrated still and a cine of one study."""
    (tmp_path / "export").mkdir()
    still, cine = disc_picture(0)[0][None], disc_picture(1)[0][None].repeat(3, axis=0)
    about = {name: {**ABOUT, "SOPInstanceUID": f"1.2.3.4.{number}"} for number, name in enumerate(("IM1", "IM2"), 1)}
    write_ultrasound(tmp_path / "export" / "IM1", still, regions=[WHOLE], attributes=about["IM1"])
    write_ultrasound(tmp_path / "export" / "IM2", cine, frame_time_ms=40, attributes=about["IM2"])
    return tmp_path / "export"


def items_of(item):
    """Every item below another one of a report."""
    for one in item.get("ContentSequence", ()):
        yield one
        yield from items_of(one)


def test_results_stand_as_valid_objects_that_hold_every_number(bundle: Path, export: Path, tmp_path: Path) -> None:
    results = echocare.predict(bundle, export, tmp_path / "out", settings={"dicom": True, "device": "cpu"})

    objects = {path: dcmread(path) for path in sorted((tmp_path / "out" / "dicom").glob("**/*.dcm"))}
    assert {path.name: errors_of(path) for path in objects} == {path.name: [] for path in objects}
    [report] = {tmp_path / "out" / str(row["dicom_sr_file"]) for row in results}
    assert all(row["dicom_overlay_file"] for row in results if row.get("level") != "study")
    items = list(items_of(objects[report]))
    values = [item.MeasuredValueSequence[0].FloatingPointValue for item in items if item.ValueType == "NUM"]
    outputs = [output for one in results.details for output in one.outputs]
    measured = [one.value for one in outputs if isinstance(one, Measurement) and math.isfinite(one.value)]
    assert [value for value in measured if value not in values] == []
    there = {"1.2.3.4.1", "1.2.3.4.2", *(one.SOPInstanceUID for one in objects.values())}
    referred = {one.ReferencedSOPInstanceUID for item in items for one in item.get("ReferencedSOPSequence", ())}
    assert referred
    assert referred <= there
