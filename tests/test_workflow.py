"""Values from outside reach MONAI's configuration as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser
from typer.testing import CliRunner
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.errors import EchoCareError, SettingsError, UnreadableFrames
from echocare_core.prediction import quantize as echocare_quantize
from echocare_core.workflow import as_literal

LESION = "breast_lesion_segmentation"
ODD = [
    "$open('ran', 'w')", "@weights", "%other.json::key", "a#b", "C:\\exports\\new", "quote ' and \" both", "$", "@",
    "#1", "one $HOME two@three.de", "line\nbreak", "Größe µ", "",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("wrapped", [lambda text: text, lambda text: [text, 1], lambda text: {"key": {"inner": text}}])
def test_a_text_comes_out_of_the_configuration_as_it_went_in(text: str, wrapped: Any) -> None:
    parser = ConfigParser({"weights": "another entry", "value": None})
    parser.update({"value": as_literal(wrapped(text))})

    assert parser.get_parsed_content("value") == wrapped(text)


@pytest.mark.parametrize("value", [None, 3, 0.5, True, Path("@here")])
def test_other_values_stay_what_they_are(value: object) -> None:
    assert as_literal(value) is value


def test_what_a_setting_builds_is_still_built() -> None:
    parser = ConfigParser({"value": as_literal({"_target_": "types.SimpleNamespace", "home": "$HOME"})})

    assert parser.get_parsed_content("value").home == "$HOME"


@pytest.mark.parametrize("name", ["$open('ran', 'w')", "@weights", "week #3", "%x.json::y"])
def test_an_export_may_be_called_anything(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_ultrasound(Path(name), marked(height=64, width=80))

    [row] = echocare.predict(LESION, name, f"out {name}", settings={"device": "cpu"})

    assert row["source"] == Path(name).name
    assert (tmp_path / f"out {name}" / "results.csv").is_file()
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_with_the_name_of_an_expression_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFrames):
        echocare.predict(LESION, f"$open('{tmp_path}/ran', 'w')", tmp_path / "out")

    assert not (tmp_path / "ran").exists()


def test_a_setting_is_no_expression(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    weights = f"$open('{tmp_path}/ran', 'w')"

    with pytest.raises(EchoCareError):
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings={"weights": weights})

    assert not (tmp_path / "ran").exists()


def test_a_bundle_may_stand_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "our #1 @ $clinic"
    shutil.copytree(echocare.find_bundle(LESION), folder / LESION)
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))

    results = echocare.predict(folder / LESION, tmp_path / "IM1", tmp_path / "out", settings={"device": "cpu"})

    assert len(results.rows) == 1


def test_folders_and_files_inside_an_export_may_be_called_anything(tmp_path: Path) -> None:
    names = {"$open('ran', 'w')/@weights", "%other.json::key/IM#1", "[red]/a\x1b[31mb", '{"_target_": "os.getcwd"}/x'}
    for name in names:
        (tmp_path / "export" / name).parent.mkdir(parents=True)
        write_ultrasound(tmp_path / "export" / name, marked(height=64, width=80))

    results = echocare.predict(LESION, tmp_path / "export", tmp_path / "out", settings={"device": "cpu"})

    assert {row["source"] for row in results} == names
    assert all((tmp_path / "out" / str(row["mask"])).is_file() for row in results)
    assert not list(tmp_path.rglob("ran"))


def test_a_table_may_name_images_that_are_called_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("$open('ran', 'w')", "@weights", "IM #1"):
        write_ultrasound(tmp_path / name, marked(height=64, width=80))
    Path("table.csv").write_text("image,group,split\n\"$open('ran', 'w')\",$a,test\n@weights,@b,test\nIM #1,#,test\n")

    results = echocare.predict(LESION, "table.csv", "out", settings={"device": "cpu"})

    assert len(results.rows) == 3
    assert not (tmp_path / "ran").exists()


def test_quantising_runs_no_path(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFrames):
        echocare_quantize(LESION, f"$open('{tmp_path}/ran', 'w')", tmp_path / "@weights #1.xml")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("entry", ["weights", "engine_file", "image_size", "label_names", "batch_size"])
def test_what_the_bundle_does_not_build_is_not_built_by_a_setting(entry: str, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    value = {"_target_": "os.mkdir", "path": str(tmp_path / "ran")}

    with pytest.raises(SettingsError, match=f"builds nothing for {entry}"):
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings={entry: [value]})

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("setting", ["dicom=maybe", "dicom=1", "dicom=$True", "batch_size=x", 'label_names=["mass"]'])
def test_the_command_refuses_a_setting_of_another_kind_or_meaning(setting: str, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    call = ["predict", LESION, str(tmp_path / "IM1"), str(tmp_path / "out"), "--set", setting]

    error = CliRunner().invoke(app, call).exception

    assert isinstance(error, SettingsError)
    assert str(error).startswith(f"{setting.partition('=')[0]} is ")
    assert not (tmp_path / "out").exists()


def test_what_a_setting_builds_is_no_expression(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    settings = {"inferer": {"_target_": f"$__import__('os').mkdir('{tmp_path}/ran')"}}

    with pytest.raises(SettingsError, match="It does not run with inferer"):
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings=settings)

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["device", "weights"])
def test_the_command_takes_values_as_they_stand(name: str, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", marked(height=64, width=80))
    words = ["predict", LESION, str(tmp_path / "IM1"), str(tmp_path / "out"), "--set"]

    ran = CliRunner().invoke(app, [*words, f"{name}=$__import__('os').mkdir('{tmp_path}/ran')"])

    assert isinstance(ran.exception, EchoCareError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["IM1"]


def test_a_command_to_copy_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echocare_core.prediction.quantize", lambda *_, **__: 1)

    said = CliRunner().invoke(app, ["quantize", "./my $(bundle)", "EXPORT", "$(touch ran).xml"]).output

    assert "echocare predict './my $(bundle)' EXPORT OUT" in said
    assert "--set 'engine_file=$(touch ran).xml'" in said
