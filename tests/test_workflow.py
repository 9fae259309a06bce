"""Values from outside reach MONAI's configuration as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare
from echocare_core.errors import EchoCareError, UnreadableFrames
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
