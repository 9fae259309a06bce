"""A bundle that is loaded once gives what `predict` gives, each time."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from output_bundle import write_output_bundle
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare
from echocare_core import engines
from echocare_core.errors import BundleError, UnreadableFrames
from echocare_core.prediction import LoadedBundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_output_bundle(tmp_path / "bright", ["mask", "number"])


@pytest.fixture
def cine(tmp_path: Path) -> Path:
    return write_ultrasound(tmp_path / "cine", marked(3))


def written(folder: Path) -> dict[str, bytes]:
    """Every file by its path, without the time at which its page was written."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: re.sub(rb"<time .*?</time>", b"", content) for name, content in found.items()}


def test_every_run_writes_what_predict_writes(bundle: Path, cine: Path, tmp_path: Path) -> None:
    loaded, path = LoadedBundle(bundle), list(sys.path)
    for out in ("first", "second"):
        loaded.predict(cine, tmp_path / out)
    assert sys.path == path
    echocare.predict(bundle, cine, tmp_path / "plain")

    assert written(tmp_path / "first") == written(tmp_path / "second") == written(tmp_path / "plain")


def test_a_service_may_be_told_to_smooth_the_masks_of_cines(bundle: Path, tmp_path: Path) -> None:
    pixels = marked(5)
    pixels[2] = 255  # a flash
    flash = write_ultrasound(tmp_path / "flash", pixels)
    found = [
        LoadedBundle(bundle, {"smoothed_frames": frames}).predict(flash, tmp_path / f"by {frames}").rows
        for frames in (1, 3, 5)
    ]

    bright = [[row["bright_area_px2"] for row in rows] for rows in found]
    assert bright == [[24, 24, 24 * 32, 24, 24], [24] * 5, [24] * 5]


def test_the_network_is_loaded_once(bundle: Path, cine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times, load = [], engines.load_engine
    monkeypatch.setattr(engines, "load_engine", lambda **given: (times.append(1), load(**given))[1])
    loaded = LoadedBundle(bundle)
    for out in ("first", "second"):
        loaded.predict(cine, tmp_path / out)

    assert len(times) == 1


def test_a_run_that_fails_leaves_it_as_it_was(bundle: Path, cine: Path, tmp_path: Path) -> None:
    loaded = LoadedBundle(bundle)
    (tmp_path / "text").write_text("text")
    with pytest.raises(UnreadableFrames):
        loaded.predict(tmp_path / "text", tmp_path / "out")

    assert len(list(loaded.predict(cine, tmp_path / "out"))) == 3


def test_a_data_set_may_be_refused_before_anything_is_written(bundle: Path, cine: Path, tmp_path: Path) -> None:
    def refuse(dataset: object) -> None:
        raise BundleError(f"{dataset.number_of_items} are too many.")  # type: ignore[attr-defined]

    with pytest.raises(BundleError, match="3 are too many"):
        LoadedBundle(bundle).predict(cine, tmp_path / "out", check=refuse)
    assert not (tmp_path / "out").exists()


def test_what_is_read_and_written_is_no_setting(bundle: Path) -> None:
    with pytest.raises(BundleError, match="dataset_dir cannot be a setting"):
        LoadedBundle(bundle, {"dataset_dir": "x"})
