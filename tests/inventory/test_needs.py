"""What is usable for a bundle is what its metadata ask for, as far as headers tell."""

import json

import pytest
from ultrasound_files import region

from echocare_core.errors import BundleError
from echocare_core.inventory.inspection import inspect_export


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """Makes a bundle with these needs, and tells how many files of an export are usable for it."""

    def usable(export, needs):
        configs = tmp_path / "bundles" / "mine" / "configs"
        configs.mkdir(parents=True)
        (configs / "metadata.json").write_text(json.dumps({"needs": needs}))
        monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path / "bundles"))
        return inspect_export(export)["bundles"]["mine"]["files"]

    return usable


@pytest.fixture
def five(add, export):
    """A plain still, a timed calibrated cine, a spectrum, a cine with a colour box, and a report."""
    tissue, spectrum, colour = (region((0, 0, 20, 20), (0.2, 0.2)) for _ in range(3))
    spectrum.RegionSpatialFormat, colour.RegionDataType = 3, 2
    add("still", grey=10)
    add("cine", grey=11, frames=5, FrameTime=40, SequenceOfUltrasoundRegions=[tissue])
    add("spectrum", grey=12, SequenceOfUltrasoundRegions=[spectrum])
    add("colour", grey=13, frames=2, SequenceOfUltrasoundRegions=[tissue, colour])
    add("report", grey=14, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    return export


@pytest.mark.parametrize(
    ("needs", "count"),
    [
        ({}, 4),
        ({"two_d": True}, 3),
        ({"calibrated": True}, 2),
        ({"colour_flow": True}, 1),
        ({"colour_flow": False}, 4),
        ({"frames": 2}, 2),
        ({"frames": 3}, 1),
        ({"frames": 2, "frame_times": True}, 1),
    ],
)
def test_files_that_meet_all_needs_are_counted(bundle, five, needs, count):
    assert bundle(five, needs) == count


@pytest.mark.parametrize("needs", [{"organ": "heart"}, {"frames": "many"}, {"calibrated": 1}])
def test_a_need_that_there_is_no_word_for_is_refused(bundle, five, needs):
    with pytest.raises(BundleError, match=f"mine needs {next(iter(needs))}"):
        bundle(five, needs)


@pytest.mark.parametrize("metadata", ["{", "[]", '{"needs": null}', '{"needs": [1]}'])
def test_a_broken_bundle_is_left_out_and_said(metadata, five, tmp_path, monkeypatch, caplog):
    (tmp_path / "bundles" / "mine" / "configs").mkdir(parents=True)
    (tmp_path / "bundles" / "mine" / "configs" / "metadata.json").write_text(metadata)
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path / "bundles"))

    found = inspect_export(five)["bundles"]

    assert "fetal_head_segmentation" in found
    assert "mine" not in found
    assert "Bundle mine is left out" in caplog.text
