"""What a bundle judges though the one that finds it found nothing is in doubt, in the table and on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_page import Page
from PIL import Image
from recogniser_bundle import change, picture_of, write_meant_bundle, write_recogniser
from ultrasound_files import write_ultrasound

import echocare_core as echocare
from echocare_core.errors import BundleError
from echocare_core.recognition import RECOGNISER
from echocare_core.routing.judged import JUDGES, doubt_judgements, read_judged
from echocare_core.routing.routed import Ran, Route

FINDS, JUDGE = "breast_lesions", "breast_scores"
OF_CINE = {
    "_target_": "output_bundle.Combine",
    "kinds": ["number"],
    "size": [48, 64],
}  # a cine has a row of its own, which marks nothing and finds nothing
DOUBT = f"{FINDS} finds nothing here: what {JUDGE} judges may not be there."


@pytest.fixture(autouse=True)
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that finds lesions of the breast, and one that judges them."""
    folder = tmp_path / "bundles"
    write_recogniser(folder / RECOGNISER)
    write_meant_bundle(folder / FINDS, ["breast"], RECOGNISER, cine=OF_CINE)
    write_meant_bundle(folder / JUDGE, ["breast"], RECOGNISER, kinds=["scores"])
    change(folder / JUDGE, "metadata.json", **{JUDGES: FINDS})
    monkeypatch.setattr("echocare_core.bundle.bundle_folders", lambda: [folder])
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A breast without a lesion, and one with."""
    folder = tmp_path / "export"
    folder.mkdir()
    normal, lesion = picture_of("breast"), picture_of("breast")
    lesion[10:14, 10:14] = 255
    for name, picture in (("normal", normal), ("lesion", lesion)):
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def test_only_where_nothing_is_found_is_the_judgement_in_doubt(export: Path, tmp_path: Path) -> None:
    echocare.predict_auto(export, tmp_path / "out")

    table = pd.read_csv(tmp_path / "out" / "results.csv", keep_default_na=False).set_index("source")
    assert set(table["bundles"]) == {f"{FINDS}; {JUDGE}"}
    assert table["doubt"].to_dict() == {"lesion.png": "", "normal.png": DOUBT}
    assert table["doubted"].to_dict() == {"lesion.png": 0, "normal.png": 1}
    text = Page((tmp_path / "out" / "report.html").read_text("utf-8")).text
    assert DOUBT in text
    assert "To check: 1 of 2 results." in text


def test_a_cine_without_a_finding_in_any_frame_is_in_doubt_and_one_with_a_finding_is_not(tmp_path: Path) -> None:
    normal, lesion = picture_of("breast"), picture_of("breast")
    lesion[10:14, 10:14] = 255
    (tmp_path / "cines").mkdir()
    for name, frames in (("NORMAL", [normal] * 3), ("LESION", [normal, lesion, normal])):
        moved = [np.roll(frame, number, axis=1) for number, frame in enumerate(frames)]  # no two alike
        write_ultrasound(tmp_path / "cines" / name, np.stack(moved))

    echocare.predict_auto(tmp_path / "cines", tmp_path / "out")

    table = pd.read_csv(tmp_path / "out" / "results.csv", keep_default_na=False).set_index("source")
    assert table["doubt"].to_dict() == {"LESION": "", "NORMAL": DOUBT}


def test_without_a_bundle_that_finds_there_is_no_doubt(bundles: Path, export: Path, tmp_path: Path) -> None:
    change(bundles / JUDGE, "metadata.json", **{JUDGES: "not_installed"})
    echocare.predict_auto(export, tmp_path / "out")
    assert "doubt" not in pd.read_csv(tmp_path / "out" / "results.csv")


def test_all_that_is_judged_is_in_doubt_where_nothing_is_found() -> None:
    finds, judges = Ran(FINDS, "", rows=4, doubted=0, is_empty=True), Ran(JUDGE, "", rows=3, doubted=1)
    route = Route("a", ran=(finds, judges))
    found = replace(route, ran=(replace(finds, is_empty=False), judges))

    assert doubt_judgements(route, {JUDGE: FINDS}).ran == (finds, replace(judges, doubted=3))
    assert doubt_judgements(found, {JUDGE: FINDS}) == found


def test_a_name_that_is_none_is_refused(bundles: Path) -> None:
    change(bundles / JUDGE, "metadata.json", **{JUDGES: ["breast_lesions"]})
    with pytest.raises(BundleError, match=rf"has {JUDGES} = \['breast_lesions'\]; needed the name of a bundle"):
        read_judged(bundles / JUDGE)


def test_the_bundles_of_breast_lesions_judge_what_is_segmented() -> None:
    bundles = Path(__file__).parents[2] / "bundles"
    named = {folder.name: read_judged(folder) for folder in bundles.iterdir()}
    judging = {name for name, judged in named.items() if judged}
    assert judging == {"breast_birads_classification", "breast_lesion_classification", "breast_report_generation"}
    assert {named[name] for name in judging} == {"breast_lesion_segmentation"}
