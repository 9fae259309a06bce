"""From a folder of files to results, with a network that marks what is bright."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from bright_network import BrightNetwork
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner
from ultrasound_files import JPEG, SHIPPED, region, write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app, main
from echocare_core.errors import (
    BundleError,
    EchoCareError,
    EveryFrameFails,
    OutputError,
    SettingsError,
    UnreadableFrames,
    WeightsError,
)
from echocare_core.frames.dicom.regions import DO_NOT_FIT
from echocare_core.frames.grey import FROM_THE_DATA
from echocare_core.prediction import installed_engine
from echocare_core.types import Results

HEAD, LESION = "fetal_head_segmentation", "breast_lesion_segmentation"
CLIP = SHIPPED / "examples_ybr_color.dcm"
Predict = Callable[..., Results]


@pytest.fixture
def predict(tmp_path: Path) -> Predict:
    """`echocare.predict` with the stand-in for the network of the bundle."""
    weights = tmp_path / "bright.pt"
    torch.save(BrightNetwork().state_dict(), weights)
    settings = {"network_def": {"_target_": "bright_network.BrightNetwork"}, "weights": str(weights), "device": "cpu"}
    return lambda bundle, source, out, **options: echocare.predict(bundle, source, out, settings=settings, **options)


def bright(height: int, width: int, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """One grey frame (1, height, width, 3), dark but for a bright box (top, left, bottom, right)."""
    pixels = np.full((1, height, width, 3), 20, dtype=np.uint8)
    top, left, bottom, right = box
    pixels[:, top:bottom, left:right] = 235
    return pixels


def mask_of(out: Path, row: Any) -> NDArray[np.uint8]:
    return np.asarray(Image.open(out / row["mask"]))


def test_an_inventory_is_predicted_from_like_its_export(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    for number, box in enumerate([(20, 20, 80, 100), (50, 60, 90, 150)]):
        write_ultrasound(tmp_path / "export" / f"IM{number}", bright(120, 160, box), spacing_mm=(0.2, 0.2))
    (tmp_path / "export" / "notes").write_text("nothing to see")
    echocare.inspect_export(tmp_path / "export", tmp_path / "inventory")

    plain = predict(LESION, tmp_path / "export", tmp_path / "plain")
    listed = predict(LESION, tmp_path / "inventory", tmp_path / "listed")

    of_the_table = {"image", "group"}
    assert [{name: row[name] for name in row.keys() - of_the_table} for row in listed] == list(plain.rows)
    assert [row["image"] for row in listed] == ["../export/IM0", "../export/IM1"]
    assert (len(plain.set_aside), len(listed.set_aside)) == (1, 0)


def test_what_was_not_believed_of_a_file_stands_in_table_and_page(predict: Predict, tmp_path: Path) -> None:
    """Regions of a screen of 768x1024 on its picture at 480x640, and grey of 16 bits that holds 8."""
    (tmp_path / "export").mkdir()
    scaled, deep = bright(480, 640, (100, 100, 300, 250)), bright(120, 160, (20, 20, 80, 100))[..., :1].astype("<u2")
    write_ultrasound(tmp_path / "export" / "1", scaled, regions=[region((80, 96, 748, 924), (0.2, 0.2))])
    write_ultrasound(tmp_path / "export" / "2", deep, photometric="MONOCHROME2", spacing_mm=(0.2, 0.2))

    predict(LESION, tmp_path / "export", tmp_path / "out")

    table = pd.read_csv(tmp_path / "out" / "results.csv")
    page = " ".join((tmp_path / "out" / "report.html").read_text(encoding="utf-8").split())
    assert table["lesion_long_axis_px"].notna().tolist() == [True, False]
    assert table["lesion_long_axis_mm"].notna().tolist() == [False, True]  # what is bright was found, not black
    assert table["notes"].tolist() == [DO_NOT_FIT, FROM_THE_DATA]
    assert all(html.escape(note) in page for note in (DO_NOT_FIT, FROM_THE_DATA))


def test_results_never_lie_among_the_images(predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ultrasound(tmp_path / "IM1", bright(120, 160, (20, 20, 80, 100)))
    there = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)

    with pytest.raises(OutputError, match=rf"is the export itself; .* such as {tmp_path}-results\."):
        predict(LESION, tmp_path, ".")

    with pytest.raises(OutputError, match=r"IM1 lies inside \.; needed a folder for the results alone"):
        predict(LESION, "IM1", ".")

    assert sorted(tmp_path.iterdir()) == there
    assert len(predict(LESION, ".", "results").rows) == 1
    assert len(predict(LESION, ".", "results", overwrite=True).rows) == 1


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (90, 620)])
def test_a_mark_in_one_corner_comes_back_in_that_corner(
    size: tuple[int, int], predict: Predict, tmp_path: Path
) -> None:
    height, width = size
    pixels = bright(height, width, (0, width - 60, 40, width))
    write_ultrasound(tmp_path / "IM1", pixels)

    [row] = predict(LESION, tmp_path / "IM1", tmp_path / "out")

    found = mask_of(tmp_path / "out", row)
    marked = pixels[0, :, :, 0] > 128
    assert found.shape == size
    assert (found == marked).mean() > 0.99
    assert found[:30, width - 40 :].all()


def test_a_mask_lands_inside_the_region_that_the_scanner_screen_shows(predict: Predict, tmp_path: Path) -> None:
    pixels = bright(480, 640, (110, 230, 150, 280))
    pixels[:, :60] = 255  # a bright banner outside the region
    write_ultrasound(tmp_path / "IM1", pixels, regions=[region((100, 200, 400, 600), (0.2, 0.2))])

    [row] = predict(LESION, tmp_path / "IM1", tmp_path / "out")

    found = mask_of(tmp_path / "out", row)
    assert not found[:100].any()
    assert found[112:148, 232:278].all()
    assert row["lesion_area_mm2"] == pytest.approx(40 * 50 * 0.04, rel=0.05)


def test_lengths_follow_the_calibration_of_rows_and_columns(predict: Predict, tmp_path: Path) -> None:
    pixels = bright(300, 400, (100, 100, 200, 150))
    write_ultrasound(tmp_path / "IM1", pixels, regions=[region((0, 0, 300, 400), (0.1, 0.3))])

    [row] = predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert row["lesion_long_axis_mm"] == pytest.approx(np.hypot(100 * 0.1, 50 * 0.3), rel=0.03)


def test_a_head_is_measured_in_millimetres(predict: Predict, tmp_path: Path) -> None:
    rows, columns = np.mgrid[:300, :400]
    disc = np.hypot(rows - 150, columns - 200) < 100
    pixels = np.where(disc, 235, 20).astype(np.uint8)[None, :, :, None].repeat(3, axis=3)
    write_ultrasound(tmp_path / "IM1", pixels, regions=[region((0, 0, 300, 400), (0.5, 0.5))])

    [row] = predict(HEAD, tmp_path / "IM1", tmp_path / "out")

    assert row["head_circumference_mm"] == pytest.approx(2 * np.pi * 50, rel=0.01)


def test_without_calibration_lengths_are_pixels(predict: Predict, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))

    [row] = predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert row["lesion_area_px2"] == pytest.approx(5000, rel=0.03)
    assert "lesion_area_mm2" not in row or pd.isna(row["lesion_area_mm2"]) or row["lesion_area_mm2"] is None


def test_nothing_bright_gives_an_empty_mask(predict: Predict, tmp_path: Path) -> None:
    pixels = bright(300, 400, (0, 0, 0, 0))
    pixels[:, 0] = 60  # of one value alone it would show nothing
    write_ultrasound(tmp_path / "IM1", pixels)

    [row] = predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert row["lesions_count"] == 0
    assert not mask_of(tmp_path / "out", row).any()


def test_an_export_with_broken_files_among_good_ones(predict: Predict, tmp_path: Path) -> None:
    export = tmp_path / "export"
    (export / "ST1" / "SE 1").mkdir(parents=True)
    cine = np.concatenate([bright(60, 80, (0, 0, 20, 20 + frame)) for frame in range(3)])
    write_ultrasound(export / "ST1" / "SE 1" / "IM1", cine, frame_time_ms=40)
    Image.fromarray(bright(60, 80, (0, 0, 20, 20))[0]).save(export / "ST1" / "picture.png")
    (export / "notes.txt").write_text("not an image")
    (export / "broken").write_bytes((export / "ST1" / "SE 1" / "IM1").read_bytes()[:9000])
    write_ultrasound(export / "one_pixel", np.zeros((1, 1, 1, 3), np.uint8))
    write_ultrasound(export / "no_pixels", None)

    results = predict(LESION, export, tmp_path / "out")

    assert [(row["source"], row["frame"]) for row in results] == [
        ("ST1/picture.png", 0),
        ("ST1/SE 1/IM1", 0),
        ("ST1/SE 1/IM1", 1),
        ("ST1/SE 1/IM1", 2),
        ("ST1/SE 1/IM1", None),  # the whole cine
    ]
    assert {aside.source for aside in results.set_aside} == {"notes.txt", "broken", "one_pixel", "no_pixels"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html", "results.csv", "set_aside.csv", "origin.json", "masks", "overlays"
    }  # fmt: skip
    assert len(pd.read_csv(tmp_path / "out" / "set_aside.csv")) == 4


def test_a_frame_that_cannot_be_decoded_does_not_stop_the_others(predict: Predict, tmp_path: Path) -> None:
    import imagecodecs

    good = [imagecodecs.jpeg8_encode(frame) for frame in np.concatenate([bright(64, 80, (0, 0, 20, 20))] * 3)]
    write_ultrasound(
        tmp_path / "cine",
        [good[0], good[1][:60], good[2]],
        photometric="YBR_FULL_422",
        transfer_syntax=JPEG,
        attributes={"Rows": 64, "Columns": 80},
    )

    results = predict(LESION, tmp_path / "cine", tmp_path / "out")

    assert [row["frame"] for row in results if row["level"] == "frame"] == [0, 2]
    assert [aside.frame for aside in results.set_aside] == [1]


def test_the_same_run_gives_the_same_table(predict: Predict, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))

    predict(LESION, tmp_path / "IM1", tmp_path / "a")
    predict(LESION, tmp_path / "IM1", tmp_path / "b")

    assert (tmp_path / "a" / "results.csv").read_bytes() == (tmp_path / "b" / "results.csv").read_bytes()


def test_results_are_not_overwritten_unasked(predict: Predict, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))
    predict(LESION, tmp_path / "IM1", tmp_path / "out")
    before = (tmp_path / "out" / "results.csv").read_bytes()

    with pytest.raises(OutputError, match="--overwrite"):
        predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert (tmp_path / "out" / "results.csv").read_bytes() == before
    predict(LESION, tmp_path / "IM1", tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("kind", ["empty folder", "missing", "text", "only text in the folder"])
def test_nothing_to_read_is_one_sentence_and_leaves_nothing(kind: str, predict: Predict, tmp_path: Path) -> None:
    source = tmp_path / "in"
    if kind in ("empty folder", "only text in the folder"):
        source.mkdir()
    if kind == "only text in the folder":
        (source / "a.txt").write_text("text")
    if kind == "text":
        source.write_text("text")

    with pytest.raises(UnreadableFrames) as caught:
        predict(LESION, source, tmp_path / "out")

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(predict: Predict, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))
    (tmp_path / "out").write_text("mine")

    with pytest.raises(OutputError):
        predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert (tmp_path / "out").read_text() == "mine"


def test_an_unknown_bundle_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=LESION):
        echocare.predict("brest_lesion", tmp_path, tmp_path / "out")


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="treshold"):
        echocare.predict(LESION, tmp_path, tmp_path / "out", settings={"treshold": 0.4})


def test_an_empty_path_is_not_the_working_directory(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFrames, match="dataset_dir is empty"):
        echocare.predict(LESION, "", tmp_path / "out")


def test_an_argument_is_not_a_setting(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="output_dir"):
        echocare.predict(LESION, tmp_path, tmp_path / "out", settings={"output_dir": "elsewhere"})


@pytest.mark.parametrize("settings", [{"network_def#encoder": "huge"}, {"image_size": [250, 250]}])
def test_a_setting_that_cannot_be_used_is_one_sentence(settings: dict[str, Any], tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))

    with pytest.raises(SettingsError):
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings=settings)

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network_def#width": "wide"}, "network_def#width"),
        ({"batch_size": "abc"}, "batch_size"),
        ({"image_size": "abc"}, "image_size"),
        ({"device": "foo"}, "no device 'foo'"),
        ({"": 5}, "has no setting ''"),
        ({"run": []}, "needed WriteResults"),
        ({"handlers": []}, "needed WriteResults"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_one_sentence(settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))

    with pytest.raises((SettingsError, BundleError), match=said) as caught:
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings=settings)

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_is_not_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    with pytest.raises(SettingsError, match="PyTorch sees no GPU here for device cuda:1"):
        echocare.predict(LESION, tmp_path, tmp_path / "out", settings={"device": "cuda:1"})


def test_an_error_on_every_frame_that_no_setting_can_explain_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))
    monkeypatch.setattr("echocare_core.tasks.segmentation.SegmentationNetwork.forward", lambda *_: 1 / 0)

    with pytest.raises(EveryFrameFails, match="1 of them, raises ZeroDivisionError in the network") as caught:
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert isinstance(caught.value.__cause__, Exception)
    assert not (tmp_path / "out").exists()


def test_a_prediction_leaves_the_loggers_of_others_as_they_were(predict: Predict, tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(64, 80, (0, 0, 20, 20)))
    names = ("ignite", "monai.bundle.workflows")
    before = [logging.getLogger(name).level for name in names]

    predict(LESION, tmp_path / "IM1", tmp_path / "out")

    assert [logging.getLogger(name).level for name in names] == before


def test_text_in_place_of_weights_is_refused(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))
    (tmp_path / "weights.pt").write_text("not weights")

    with pytest.raises(WeightsError, match=r"weights\.pt"):
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings={"weights": str(tmp_path / "weights.pt")})

    assert not (tmp_path / "out").exists()


def test_weights_of_another_network_are_refused_by_key(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(300, 400, (100, 100, 200, 150)))
    torch.save(BrightNetwork().state_dict(), tmp_path / "other.pt")

    with pytest.raises(WeightsError, match="unexpected \\(threshold\\)"):
        echocare.predict(LESION, tmp_path / "IM1", tmp_path / "out", settings={"weights": str(tmp_path / "other.pt")})


@pytest.mark.skipif(not CLIP.is_file(), reason="this pydicom does not ship the clip")
def test_shipped_weights_run_on_the_clip_that_pydicom_ships(tmp_path: Path) -> None:
    results = echocare.predict(LESION, CLIP, tmp_path / "out")

    assert [row["level"] for row in results] == ["frame"] * 30 + ["cine"]


def test_no_patient_attribute_leaves_the_file(predict: Predict, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    planted = {"PatientName": "Canary^Tweety", "PatientID": "CANARY-4711", "PatientBirthDate": "19010203"}
    write_ultrasound(tmp_path / "IM1", bright(64, 80, (0, 0, 20, 20)), attributes=planted)

    predict(LESION, tmp_path / "IM1", tmp_path / "out")

    said = "".join(capfd.readouterr())
    written = "".join(
        path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir() if path.suffix in (".csv", ".html")
    )
    assert not [canary for canary in ("Canary", "Tweety", "CANARY", "4711", "19010203") if canary in said + written]


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "IM1", bright(64, 80, (0, 0, 20, 20)))
    torch.save(BrightNetwork().state_dict(), tmp_path / "bright.pt")
    settings = ['--set=network_def={"_target_": "bright_network.BrightNetwork"}', f"--set=weights={tmp_path}/bright.pt"]

    ran = CliRunner().invoke(app, ["predict", LESION, str(tmp_path / "IM1"), str(tmp_path / "out"), *settings])

    assert ran.exit_code == 0, ran.output
    assert "1 frame measured, 0 files or frames set aside." in ran.output
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("installed", "gpu", "engine"), [(True, False, "openvino"), (True, True, None), (False, False, None)]
)
def test_the_command_runs_on_openvino_where_it_is_installed_and_there_is_no_gpu(
    installed: bool, gpu: bool, engine: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echocare_core.optional.is_installed", lambda package: installed)
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)

    assert installed_engine(LESION).get("engine") == engine


def test_a_bundle_without_a_choice_of_engines_is_given_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echocare_core.optional.is_installed", lambda package: True)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.json").write_text("{}")
    (tmp_path / "configs" / "metadata.json").write_text("{}")

    assert installed_engine(tmp_path) == {}


def test_an_engine_that_was_asked_for_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr("echocare_core.optional.is_installed", lambda package: True)
    monkeypatch.setattr(
        "echocare_core.prediction.predict",
        lambda *_, settings, **__: seen.update(settings) or Results(tmp_path),
    )

    ran = CliRunner().invoke(app, ["predict", LESION, "EXPORT", str(tmp_path), "--set", "engine=torch"])

    assert ran.exit_code == 0, ran.output
    assert seen == {"engine": "torch"}


def test_the_command_fails_with_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.argv", ["echocare", "predict", LESION, str(tmp_path / "nowhere"), str(tmp_path / "out")])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("UnreadableFrames: ")
    assert issubclass(UnreadableFrames, EchoCareError)


def test_the_command_lists_the_bundles() -> None:
    listed = CliRunner().invoke(app, ["bundles"]).output

    assert LESION in listed
    assert HEAD in listed
