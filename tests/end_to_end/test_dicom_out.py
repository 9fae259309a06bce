"""From a folder of files to DICOM objects, with a network that marks what is bright."""

from __future__ import annotations

import errno
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from bright_network import BrightNetwork
from dicom_oracles import errors_of, planes_of
from output_bundle import write_output_bundle
from PIL import Image
from typer.testing import CliRunner
from ultrasound_files import CINE, JPEG, encapsulated, region, write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.errors import OutputError
from echocare_core.results.dicom import objects
from echocare_core.types import Results

SIZE = (40, 56)
DICOM = {"dicom": True}
STUDY = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}


def drawn(number: int, *, found: bool = True) -> np.ndarray:
    """A dark frame with a bright box that moves from frame to frame."""
    pixels = np.full((*SIZE, 3), 20, dtype=np.uint8)
    pixels[4 : 14 + number, 10 + number : 30] = 235 if found else 20
    return pixels


def still(path: Path, instance: str, **options: Any) -> Path:
    about = {**STUDY, "SOPInstanceUID": instance}
    return write_ultrasound(path, drawn(0)[None], attributes=about, **options)


def cine(path: Path, instance: str, frames: int = 5, empty: tuple[int, ...] = (), **options: Any) -> Path:
    pixels = np.stack([drawn(number, found=number not in empty) for number in range(frames)])
    about = {**STUDY, "SOPInstanceUID": instance, "SOPClassUID": CINE}
    return write_ultrasound(path, pixels, attributes=about, frame_time_ms=40, **options)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_output_bundle(tmp_path / "bundle", ["mask", "number"], batch_size=2)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


def segmentation(results: Results, name: str) -> pydicom.Dataset:
    path = results.folder / "dicom" / f"{name}_seg.dcm"
    assert errors_of(path) == []
    return pydicom.dcmread(path)


def check_masks(results: Results, source: str, name: str, frames: set[int]) -> None:
    found = planes_of(segmentation(results, name))
    assert found.keys() == {(frame, 1) for frame in frames}
    for row in results:
        if row["source"] == source and row["frame"] in frames:
            assert np.array_equal(found[row["frame"], 1], np.asarray(Image.open(results.folder / row["mask"])) == 1)


def test_stills_and_cines_have_their_masks_as_segmentations(bundle: Path, export: Path, tmp_path: Path) -> None:
    still(export / "STILL", "1.2.1", spacing_mm=(0.2, 0.2))
    cine(export / "CINE", "1.2.2", empty=(1, 3))
    Image.fromarray(drawn(0)).save(export / "picture.png")

    results = echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)

    check_masks(results, "STILL", "STILL", {0})
    check_masks(results, "CINE", "CINE", {0, 2, 4})
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert table["dicom_seg_file"].isna().sum() == 1
    assert [one.source for one in results.objects.without] == ["picture.png"]
    assert "dicom/ holds" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_frames_that_are_set_aside_are_in_no_object(bundle: Path, export: Path, tmp_path: Path) -> None:
    streams = [encoded(drawn(number)) for number in range(4)]
    streams[1] = b"no picture"
    about = {**STUDY, "SOPInstanceUID": "1.2.1", "SOPClassUID": CINE}
    about |= {"Rows": SIZE[0], "Columns": SIZE[1], "NumberOfFrames": 4}
    options = {"photometric": "YBR_FULL_422", "transfer_syntax": JPEG, "attributes": about}
    write_ultrasound(export / "HOLLOW", encapsulated(streams), **options)

    results = echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)

    check_masks(results, "HOLLOW", "HOLLOW", {0, 2, 3})
    assert segmentation(results, "HOLLOW").LossyImageCompressionMethod == "ISO_10918_1"


def encoded(pixels: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def test_frames_that_a_table_chooses_are_those_of_the_object(bundle: Path, export: Path, tmp_path: Path) -> None:
    cine(export / "CINE", "1.2.2")
    (export / "table.csv").write_text("image,frame\nCINE,3\nCINE,1\n")

    results = echocare.predict(bundle, export / "table.csv", tmp_path / "out", settings=DICOM)

    check_masks(results, "CINE", "CINE", {1, 3})


def test_a_frame_that_was_looked_at_smaller_has_the_pixels_of_the_stored_one(export: Path, tmp_path: Path) -> None:
    still(export / "STILL", "1.2.1", spacing_mm=(0.2, 0.3))
    torch.save(BrightNetwork().state_dict(), tmp_path / "bright.pt")
    settings = {**DICOM, "most_pixels": 600, "network_def": {"_target_": "bright_network.BrightNetwork"}}
    settings |= {"weights": str(tmp_path / "bright.pt"), "device": "cpu"}

    results = echocare.predict("breast_lesion_segmentation", export, tmp_path / "out", settings=settings)

    check_masks(results, "STILL", "STILL", {0})
    shared = segmentation(results, "STILL").SharedFunctionalGroupsSequence[0]
    assert [float(one) for one in shared.PixelMeasuresSequence[0].PixelSpacing] == pytest.approx([0.2, 0.3])


def test_a_dual_picture_has_the_pixels_of_the_region_that_was_measured(
    bundle: Path, export: Path, tmp_path: Path
) -> None:
    regions = [region((0, 0, 40, 30), (0.2, 0.2)), region((0, 30, 40, 56), (0.1, 0.1))]
    still(export / "DUAL", "1.2.1", regions=regions)

    [row] = results = echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)

    shared = segmentation(results, "DUAL").SharedFunctionalGroupsSequence[0]
    assert float(shared.PixelMeasuresSequence[0].PixelSpacing[0]) == pytest.approx(row["spacing_row_mm"])


def test_the_command_and_the_setting_leave_the_same(bundle: Path, export: Path, tmp_path: Path) -> None:
    still(export / "STILL", "1.2.1")
    ran = CliRunner().invoke(app, ["predict", str(bundle), str(export), str(tmp_path / "typed"), "--dicom"])
    assert ran.exit_code == 0, ran.output
    assert "DICOM objects written." in ran.output

    echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)

    found = {(tmp_path / name / "dicom" / "STILL_seg.dcm").read_bytes() for name in ("typed", "out")}
    assert len(found) == 1


def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(
    bundle: Path, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still(export / "A", "1.2.1")
    cine(export / "B", "1.2.2")
    seen: list[int] = []
    forward = BrightNetwork.forward
    monkeypatch.setattr(
        BrightNetwork, "forward", lambda self, image: (seen.append(len(image)), forward(self, image))[1]
    )

    def full(dataset: pydicom.Dataset, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(objects, "write_object", full)
        with pytest.raises(OutputError, match="No space left on device"):
            echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".echocare-unfinished"]
    before = sum(seen)

    results = echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)

    assert sum(seen) == before
    check_masks(results, "B", "B", {0, 1, 2, 3, 4})
    assert results.objects.without == ()


def test_without_its_objects_a_run_replaces_those_of_the_one_before(bundle: Path, export: Path, tmp_path: Path) -> None:
    still(export / "STILL", "1.2.1")
    echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)
    with pytest.raises(OutputError, match=r"holds masks, .*dicom.* of an earlier run"):
        echocare.predict(bundle, export, tmp_path / "out")
    echocare.predict(bundle, export, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "dicom").exists()


def test_nothing_of_the_patient_is_said(
    bundle: Path, export: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    still(export / "STILL", "1.2.840.4711")
    caplog.set_level(10)
    results = echocare.predict(bundle, export, tmp_path / "out", settings=DICOM)
    said = f"{caplog.text} {''.join(capsys.readouterr())} {results}"
    assert not [word for word in ("Doe", "ID-4711", "19700131", "1.2.840.4711") if word in said]
    assert str(pydicom.dcmread(results.folder / "dicom" / "STILL_seg.dcm").PatientName) == "Doe^Jane"
