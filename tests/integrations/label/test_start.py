"""A server's folder holds copies of bundles; what cannot work there is refused before anything starts."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echocare_core.cli import app as command
from echocare_core.errors import BundleError, SettingsError
from echocare_core.integrations.label import start
from echocare_core.integrations.label.folder import labels_to_draw, make_app
from echocare_core.integrations.label.start import prepare_server

BUNDLES = Path(__file__).parents[3] / "bundles"
HEAD = BUNDLES / "fetal_head_segmentation"


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(start, "is_installed", lambda module: module == "monailabel")


def prepared(tmp_path, studies=None, bundles=("fetal_head_segmentation",)):
    return prepare_server(str(studies or tmp_path), bundles, app=tmp_path / "app", host="127.0.0.1", port=8000)


def test_a_bundle_is_copied_and_a_trained_copy_stays(tmp_path):
    [copy] = make_app(tmp_path, ["fetal_head_segmentation"])
    assert (copy / "models" / "model.pt").read_bytes() == (HEAD / "models" / "model.pt").read_bytes()
    assert not (copy / "models" / "model.pt").samefile(HEAD / "models" / "model.pt")
    (copy / "models" / "model.pt").write_bytes(b"trained")
    assert make_app(tmp_path, ["fetal_head_segmentation"]) == [copy]
    assert (copy / "models" / "model.pt").read_bytes() == b"trained"


def test_the_folder_is_the_owners_alone(tmp_path):
    make_app(tmp_path / "app", [HEAD])
    assert (tmp_path / "app").stat().st_mode & 0o077 == 0


def test_a_bundle_without_masks_and_boxes_is_refused_by_name(tmp_path):
    with pytest.raises(BundleError, match="ultrasound_pretraining gives no masks and no boxes"):
        make_app(tmp_path / "app", ["fetal_head_segmentation", "ultrasound_pretraining"])
    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize(
    ("bundle", "labels"),
    [
        ("liver_mass_segmentation", {1: "liver", 2: "mass"}),
        ("organ_detection", {1: "liver", 2: "liver_mass", 3: "fetal_head", 4: "carotid_lumen", 5: "breast_lesion"}),
        ("fetal_head_landmarks", {}),
    ],
)
def test_labels_to_draw_are_those_of_masks_and_classes_of_boxes(bundle, labels):
    assert labels_to_draw(HEAD.parent / bundle) == labels


def test_a_bundle_that_does_not_finish_its_masks_is_refused(tmp_path):
    [copy] = make_app(tmp_path / "app", [HEAD])
    settings = json.loads((copy / "configs" / "inference.json").read_text())
    settings["postprocessing"]["transforms"].pop()
    (copy / "configs" / "inference.json").write_text(json.dumps(settings))
    with pytest.raises(BundleError, match=r"does not end its postprocessing with .*SaveImageForLabeld"):
        make_app(tmp_path / "other", [copy])


def test_two_bundles_of_one_name_are_refused(tmp_path):
    with pytest.raises(BundleError, match="Two of the bundles are called fetal_head_segmentation"):
        make_app(tmp_path, [HEAD, HEAD])


def test_the_server_reaches_for_no_network_and_listens_on_loopback(tmp_path, installed):
    words = " ".join(prepared(tmp_path).command)
    assert words.startswith(sys.executable)
    assert "--host 127.0.0.1" in words
    assert "zoo_source local" in words
    assert "sam2 false" in words


def test_studies_are_ultrasound_as_it_is_stored(tmp_path, installed, monkeypatch):
    monkeypatch.delenv("MONAI_LABEL_DICOMWEB_SEARCH_FILTER", raising=False)
    server = prepared(tmp_path, "http://127.0.0.1:8042/dicom-web")
    assert "http://127.0.0.1:8042/dicom-web" in server.command
    assert json.loads(server.environment["MONAI_LABEL_DICOMWEB_SEARCH_FILTER"]) == {"Modality": "US"}
    assert server.environment["MONAI_LABEL_DICOMWEB_CONVERT_TO_NIFTI"] == "false"
    assert {"*.dcm", "*.png", "*.jpg"} <= set(json.loads(server.environment["MONAI_LABEL_DATASTORE_FILE_EXT"]))


def test_a_setting_of_monai_label_that_somebody_made_stays(tmp_path, installed, monkeypatch):
    monkeypatch.setenv("MONAI_LABEL_DICOMWEB_SEARCH_FILTER", '{"Modality": "IVUS"}')
    assert "MONAI_LABEL_DICOMWEB_SEARCH_FILTER" not in prepared(tmp_path).environment


def test_a_folder_that_is_not_there_is_refused(tmp_path, installed):
    with pytest.raises(SettingsError, match="nowhere is no folder; needed one with pictures"):
        prepared(tmp_path, "nowhere")


def test_no_bundle_is_refused(tmp_path, installed):
    with pytest.raises(BundleError, match="No bundle is named"):
        prepared(tmp_path, bundles=())


def test_without_monai_label_the_command_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "is_installed", lambda module: False)
    with pytest.raises(SettingsError, match=r"MONAI Label is not installed here.*-c constraints-label\.txt"):
        prepared(tmp_path)


def test_an_address_is_said_only_of_a_server_that_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "is_installed", lambda module: False)
    ran = CliRunner().invoke(command, ["label", str(tmp_path), "--bundles", "fetal_head_segmentation"])
    assert isinstance(ran.exception, SettingsError)
    assert ran.output == ""


def test_the_help_tells_where_masks_go():
    shown = " ".join(CliRunner().invoke(command, ["label", "--help"]).output.split())
    assert "STUDIES/labels" in shown
    assert "constraints-label.txt" in shown
