"""`echocare predict auto`: each image goes to the bundles that are meant for it, or says why to none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bright_network import BrightNetwork
from html_page import Page
from PIL import Image
from recogniser_bundle import change, picture_of, write_meant_bundle, write_recogniser
from typer.testing import CliRunner
from ultrasound_files import write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.errors import BundleError, OutputError, SettingsError, UnreadableFrames
from echocare_core.recognition import NONE, RECOGNISER
from echocare_core.recognition.recogniser import likeliest_of
from echocare_core.results.staging import UNFINISHED
from echocare_core.types import Scores

BREAST, LIVER = "breast_lesions", "liver_scores"
TABLES = ["report.html", "results.csv", "set_aside.csv"]
MEAN = {"_target_": "output_bundle.MeanScore"}


@pytest.fixture(autouse=True)
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three installed bundles: one that tells organs, one for the breast and one for the liver."""
    folder = tmp_path / "bundles"
    write_recogniser(folder / RECOGNISER)
    write_meant_bundle(folder / BREAST, ["breast"], RECOGNISER)
    write_meant_bundle(folder / LIVER, ["liver"], RECOGNISER, kinds=["scores"], cine=MEAN)
    change(folder / LIVER, "metadata.json", plausible={"parts_count": {"range": [0, 3], "source": "of the test"}})
    monkeypatch.setattr("echocare_core.bundle.bundle_folders", lambda: [folder])
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A breast, a cine of the liver, a head, an abdomen of which nobody knows the organ, a colour picture, a text."""
    folder = tmp_path / "export"
    (folder / "ST1").mkdir(parents=True)
    for organ in ("breast", "fetal_head", "abdomen", NONE):
        Image.fromarray(picture_of(organ)).save(folder / f"{organ}.png")
    write_ultrasound(folder / "ST1" / "CINE", np.stack([picture_of("liver")] * 4 + [picture_of("breast")]))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def table_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "results.csv", keep_default_na=False).set_index("source")


def test_every_file_is_routed_or_set_aside_with_its_reason(export: Path, out: Path) -> None:
    routed = echocare.predict_auto(export, out)

    table = table_of(out)
    assert table["bundles"].to_dict() == {
        "ST1/CINE": LIVER,
        "abdomen.png": "",
        "breast.png": BREAST,
        "fetal_head.png": "",
        f"{NONE}.png": "",
        "notes.txt": "",
    }
    assert table["organ"].to_dict() == {
        "ST1/CINE": "liver",
        "abdomen.png": "abdomen",
        "breast.png": "breast",
        "fetal_head.png": "fetal head",
        f"{NONE}.png": "",
        "notes.txt": "",
    }
    assert table["region"]["breast.png"] == "thorax"
    assert table["reason"]["fetal_head.png"] == "shows fetal head; no installed bundle is meant for it."
    assert table["reason"][f"{NONE}.png"].startswith("none of these: does not look like ultrasound")
    assert "notes.txt is not DICOM" in table["reason"]["notes.txt"]
    assert [one.source for one in routed.set_aside] == ["abdomen.png", "fetal_head.png", f"{NONE}.png", "notes.txt"]
    assert sorted(os.listdir(out)) == sorted([*TABLES, BREAST, LIVER, RECOGNISER])


def test_what_looks_like_no_organ_is_measured_as_its_likeliest_where_asked_for_and_marked(
    export: Path, out: Path
) -> None:
    routed = echocare.predict_auto(export, out, also_unknown=True)

    row = table_of(out).loc[f"{NONE}.png"]
    assert (row["organ"], row["taken_for"], row["bundles"]) == ("", "breast", BREAST)
    assert row["rows"] == row["doubted"] == 1
    assert (table_of(out)["taken_for"] != "").sum() == 1
    assert "does not look like an ultrasound image of breast" in (out / BREAST / "results.csv").read_text("utf-8")
    assert ", taken for breast" in Page((out / "report.html").read_text("utf-8")).text
    assert f"{NONE}.png" not in [one.source for one in routed.set_aside]


def test_nothing_is_taken_for_an_organ_unasked(export: Path, out: Path) -> None:
    echocare.predict_auto(export, out)
    assert "taken_for" not in table_of(out)


def test_a_likeliest_organ_without_a_bundle_is_named(bundles: Path, export: Path, out: Path) -> None:
    shutil.rmtree(bundles / BREAST)
    echocare.predict_auto(export, out, also_unknown=True)
    reason = table_of(out)["reason"][f"{NONE}.png"]
    assert reason == "none of these; likeliest breast, for which no installed bundle is meant."


def test_what_speaks_for_no_organ_at_all_has_no_likeliest_one() -> None:
    assert likeliest_of(Scores("organ", {"breast": 0.0, "liver": 0.0, NONE: 1.0})) is None
    assert likeliest_of(Scores("organ", {"breast": 0.03, "liver": 0.01, NONE: 0.96})) == ("breast", pytest.approx(0.75))


def test_what_a_bundle_writes_is_what_it_writes_when_it_is_run_by_its_name(
    export: Path, out: Path, tmp_path: Path
) -> None:
    echocare.predict_auto(export, out)
    (tmp_path / "alone").mkdir()
    shutil.copy(export / "breast.png", tmp_path / "alone")
    echocare.predict(BREAST, tmp_path / "alone", tmp_path / "by_name")

    for name in ("results.csv", "origin.json", "masks/breast.png_f0000.png", "overlays/breast.png_f0000.png"):
        assert (out / BREAST / name).read_bytes() == (tmp_path / "by_name" / name).read_bytes()


def test_a_bundle_that_says_so_is_not_chosen(bundles: Path, export: Path, out: Path) -> None:
    change(bundles / BREAST, "metadata.json", in_auto=False)
    echocare.predict_auto(export, out)
    assert table_of(out)["bundles"]["breast.png"] == ""
    assert table_of(out)["bundles"]["ST1/CINE"] == LIVER


def test_a_bundle_that_says_neither_yes_nor_no_is_left_out(
    bundles: Path, export: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(bundles / BREAST, "metadata.json", in_auto="no")
    echocare.predict_auto(export, out)
    assert "has in_auto = 'no'; needed true or false" in caplog.text


def test_of_a_cine_three_frames_are_looked_at_and_all_are_measured(export: Path, out: Path) -> None:
    echocare.predict_auto(export, out)

    looked_at = pd.read_csv(out / RECOGNISER / "results.csv", keep_default_na=False)
    measured = pd.read_csv(out / LIVER / "results.csv", keep_default_na=False)
    in_cine = (looked_at["source"] == "ST1/CINE") & (looked_at["level"] == "frame")
    assert looked_at[in_cine]["frame"].tolist() == ["0", "2", "4"]
    assert (measured["level"] == "frame").sum() == 5
    row = table_of(out).loc["ST1/CINE"]
    assert (row["rows"], row["doubted"], row["frames"]) == (6, 1, "5")


def test_the_page_shows_each_picture_with_a_link_that_leads_to_it(export: Path, out: Path) -> None:
    echocare.predict_auto(export, out)

    page = Page((out / "report.html").read_text("utf-8"))
    assert len(page.all("img")) == 5
    assert not page.all("script")
    assert not [attributes for _, attributes in page.tags if "style" in attributes]
    for link in {str(one["href"]) for one in page.all("a")}:
        path, _, anchor = link.partition("#")
        target = (out / path if path else out / "report.html").read_text("utf-8")
        assert f'id="{anchor}"' in target or not anchor
    assert "shows fetal head; no installed bundle is meant for it." in page.text
    assert "To check: 1 of 6 results." in page.text


def test_an_export_of_a_table_keeps_its_paths_and_frames(export: Path, out: Path) -> None:
    table = export / "table.csv"
    table.write_text("image,frame\nST1/CINE,1\nST1/CINE,3\nbreast.png,\n")

    echocare.predict_auto(table, out)

    assert table_of(out)["image"].to_dict() == {"ST1/CINE": "ST1/CINE", "breast.png": "breast.png"}
    measured = pd.read_csv(out / LIVER / "results.csv", keep_default_na=False)
    assert measured[measured["level"] == "frame"]["frame"].tolist() == ["1", "3"]


def test_an_archive_is_read_as_its_folder(export: Path, out: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "sent"), "zip", export)

    routed = echocare.predict_auto(archive, out)

    assert routed.bundles == (BREAST, LIVER)
    assert "sent.zip/breast.png" in table_of(out).index


def test_a_bundle_that_can_use_no_image_gives_its_reason_and_stops_no_other(
    bundles: Path, export: Path, out: Path
) -> None:
    clip = {"_target_": "echocare_core.transforms.EvenClip", "frames": 16}
    write_meant_bundle(bundles / "heads", ["fetal head"], RECOGNISER, kinds=["scores"], clip=clip)

    routed = echocare.predict_auto(export, out)

    assert routed.bundles == (BREAST, LIVER)
    reason = table_of(out)["reason"]["fetal_head.png"]
    assert reason.startswith("heads: ")
    assert "no cine that is long enough" in reason


def break_weights(bundle: Path) -> None:
    (bundle / "models" / "model.pt").write_bytes(b"no weights")


def break_card(bundle: Path) -> None:
    (bundle / "models" / "model.json").write_text("no card")


@pytest.mark.parametrize(("broken", "says"), [(break_weights, "model.pt"), (break_card, "is not readable as JSON")])
def test_a_broken_bundle_gives_its_reason_and_stops_no_other(
    broken: Callable[[Path], None],
    says: str,
    bundles: Path,
    export: Path,
    out: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken(write_meant_bundle(bundles / "heads", ["fetal head"], RECOGNISER, kinds=["scores"]))

    routed = echocare.predict_auto(export, out)

    assert routed.bundles == (BREAST, LIVER)
    assert says in table_of(out)["reason"]["fetal_head.png"].removeprefix("heads: ")
    assert "Bundle heads is left out: " in caplog.text


def test_a_disk_that_takes_no_results_ends_the_run(export: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check_free(folder: Path, overwrite: bool) -> None:
        if folder.name == BREAST:
            raise OutputError("No space left.")

    monkeypatch.setattr("echocare_core.prediction.check_free", check_free)
    with pytest.raises(OutputError, match="No space left"):
        echocare.predict_auto(export, out)


def test_two_bundles_for_one_organ_both_run(bundles: Path, export: Path, out: Path) -> None:
    write_meant_bundle(bundles / "thorax_scores", ["thorax"], RECOGNISER, kinds=["scores"])

    echocare.predict_auto(export, out)

    assert table_of(out)["bundles"]["breast.png"] == f"{BREAST}; thorax_scores"


class Stopped:
    """Ctrl-C after so many pictures that the networks have seen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen, self.left = 0, 1000
        forward = BrightNetwork.forward

        def counting(network: BrightNetwork, image: Any) -> Any:
            if self.left < 1:
                raise KeyboardInterrupt
            self.left -= 1
            self.seen += 1
            return forward(network, image)

        monkeypatch.setattr(BrightNetwork, "forward", counting)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stopped]:
    # what bundles note by themselves goes through a network too
    monkeypatch.setattr("echocare_core.recognition.foreign.NoteForeignd._found", lambda *_: None)
    return Stopped(monkeypatch)


@pytest.mark.parametrize("after", [2, 9])
def test_a_run_that_was_stopped_goes_on_with_the_same_command(
    after: int, stopped: Stopped, export: Path, out: Path
) -> None:
    stopped.left = after
    with pytest.raises(KeyboardInterrupt):
        echocare.predict_auto(export, out)
    assert os.listdir(out) == [UNFINISHED]
    stopped.left = 1000

    routed = echocare.predict_auto(export, out)

    assert stopped.seen == 3 + 4 + 1 + 5  # none twice
    assert routed.bundles == (BREAST, LIVER)


def test_it_goes_on_without_a_bundle_that_is_gone_and_had_done_nothing(
    stopped: Stopped, bundles: Path, export: Path, out: Path
) -> None:
    write_meant_bundle(bundles / "heads", ["fetal head"], RECOGNISER, kinds=["scores"])
    stopped.left = 8
    with pytest.raises(KeyboardInterrupt):
        echocare.predict_auto(export, out)
    shutil.rmtree(bundles / "heads")
    stopped.left = 1000

    assert echocare.predict_auto(export, out).bundles == (BREAST, LIVER)
    assert stopped.seen == 3 + 4 + 1 + 5  # none twice


def test_what_a_bundle_has_done_is_not_taken_for_that_of_its_next_version(
    stopped: Stopped, bundles: Path, export: Path, out: Path
) -> None:
    stopped.left = 9
    with pytest.raises(KeyboardInterrupt):
        echocare.predict_auto(export, out)
    change(bundles / BREAST, "metadata.json", version="9.9.9")
    stopped.left = 1000

    with pytest.raises(OutputError, match="give it up with --overwrite"):
        echocare.predict_auto(export, out)
    assert echocare.predict_auto(export, out, overwrite=True).bundles == (BREAST, LIVER)
    assert stopped.seen == 3 + 4 + 2 * 1 + 5  # what other bundles have done is kept


def test_another_command_does_not_take_what_was_stopped(stopped: Stopped, export: Path, out: Path) -> None:
    stopped.left = 9
    with pytest.raises(KeyboardInterrupt):
        echocare.predict_auto(export, out)
    stopped.left = 1000

    with pytest.raises(OutputError, match="give it up with --overwrite"):
        echocare.predict_auto(export / "breast.png", out)
    with pytest.raises(OutputError, match="give it up with --overwrite"):
        echocare.predict_auto(export, out, also_unknown=True)
    assert echocare.predict_auto(export / "breast.png", out, overwrite=True).bundles == (BREAST,)


def test_results_are_not_overwritten_unasked_and_no_other_folder_is(export: Path, out: Path) -> None:
    echocare.predict_auto(export, out)
    echocare.predict(BREAST, export / "breast.png", out / "mine")

    with pytest.raises(OutputError, match="of an earlier run"):
        echocare.predict_auto(export, out)
    echocare.predict_auto(export / "breast.png", out, overwrite=True)

    assert sorted(os.listdir(out)) == sorted([*TABLES, BREAST, RECOGNISER, "mine"])


def test_results_of_something_else_are_never_replaced(export: Path, out: Path) -> None:
    echocare.predict(BREAST, export / "breast.png", out)

    with pytest.raises(OutputError, match="not written by an earlier run of the kind"):
        echocare.predict_auto(export, out, overwrite=True)


def test_one_bundle_does_not_replace_the_table_over_all(export: Path, out: Path) -> None:
    echocare.predict_auto(export, out)

    with pytest.raises(OutputError, match=r"results\.csv, not written by an earlier run"):
        echocare.predict(BREAST, export / "breast.png", out, overwrite=True)


def test_results_are_no_images_of_a_later_run(export: Path, tmp_path: Path) -> None:
    echocare.predict_auto(export, export / "out")
    routed = echocare.predict_auto(export, tmp_path / "second")

    assert "results of an earlier run" in {route.source: route.reason for route in routed.routes}["out"]


@pytest.mark.parametrize("setting", ["weights", "recogniser", "dataset_dir"])
def test_a_setting_of_one_bundle_is_refused(setting: str, export: Path, out: Path) -> None:
    with pytest.raises(BundleError, match="cannot be set for all bundles"):
        echocare.predict_auto(export, out, settings={setting: "x"})
    assert not out.exists()


def test_a_setting_of_another_kind_is_refused_before_a_picture_is_looked_at(export: Path, out: Path) -> None:
    with pytest.raises(SettingsError, match="dicom is 'maybe'; needed True or False"):
        echocare.predict_auto(export, out, settings={"dicom": "maybe"})
    assert not out.exists()


def test_nothing_to_read_is_one_sentence_and_leaves_nothing(tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFrames, match="is empty"):
        echocare.predict_auto(tmp_path / "empty", out)
    assert not out.exists()


def test_without_the_bundle_that_tells_organs_it_is_refused(bundles: Path, export: Path, out: Path) -> None:
    shutil.rmtree(bundles / RECOGNISER)
    with pytest.raises(BundleError, match=f"No bundle '{RECOGNISER}'"):
        echocare.predict_auto(export, out)


def test_the_command_says_which_bundle_measured_how_much_and_writes_dicom(export: Path, out: Path) -> None:
    write_ultrasound(export / "STILL", picture_of("breast")[None])

    said = CliRunner().invoke(app, ["predict", "auto", str(export), str(out), "--dicom", "--set", "device=cpu"])

    assert said.exit_code == 0, said.output
    assert f"3 of 7 files measured: 2 by {BREAST} and 1 by {LIVER}; 4 files or frames set aside." in said.output
    assert f"  {out / 'report.html'}\n" in said.output
    assert f"  {out / BREAST / 'dicom'}\n" in said.output
    assert list((out / BREAST / "dicom").glob("*.dcm"))
    assert not (out / RECOGNISER / "dicom").exists()


def test_the_command_measures_the_unknown_too_and_one_bundle_does_so_anyhow(export: Path, out: Path) -> None:
    given = [str(export / f"{NONE}.png"), str(out), "--also-unknown", "--set", "engine=torch"]
    said = CliRunner().invoke(app, ["predict", "auto", *given])
    assert f"1 of 1 file measured: 1 by {BREAST}" in said.output

    refused = CliRunner().invoke(app, ["predict", BREAST, *given])
    assert isinstance(refused.exception, SettingsError)
    assert f"goes with auto, and {BREAST} measures whatever it is given" in str(refused.exception)


@pytest.mark.parametrize("given", ["fetal_head.png", f"{NONE}.png"])
def test_the_command_fails_where_nothing_was_measured_and_leaves_the_reasons(
    given: str, export: Path, out: Path
) -> None:
    said = CliRunner().invoke(app, ["predict", "auto", str(export / given), str(out), "--set", "engine=torch"])

    assert said.exit_code == 1, said.output
    assert "0 of 1 file measured; 1 file or frame set aside." in said.output
    assert table_of(out)["reason"][given]
    assert (out / "report.html").is_file()
