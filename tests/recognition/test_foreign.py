"""A bundle that is given a picture it is not meant for says so, and changes no number."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from PIL import Image
from recogniser_bundle import change, picture_of, write_meant_bundle, write_recogniser
from ultrasound_files import write_ultrasound

import echocare_core as echocare
from echocare_core.bundle import read_json
from echocare_core.errors import SettingsError
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.recognition import NONE, MeantFor, Recogniser, Shown
from echocare_core.recognition.foreign import _warn_once, foreign
from echocare_core.transforms.foreign import foreign_in
from echocare_core.types import Foreign, Scores

MEAN = {"_target_": "output_bundle.MeanScore"}
SCORES = Scores("organ", {"breast": 0.02, "liver": 0.97, NONE: 0.01})
TREE = read_tree(Path(__file__).parents[2] / "data_manifests" / "organ_tree.yaml")


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    return write_recogniser(tmp_path / "organ_classification")


@pytest.fixture
def bundle(tmp_path: Path, recogniser: Path) -> Path:
    return write_meant_bundle(tmp_path / "breast_lesions", ["breast"], recogniser)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A breast, a liver, and something in colour."""
    folder = tmp_path / "export"
    folder.mkdir()
    for organ in ("breast", "liver", NONE):
        Image.fromarray(picture_of(organ)).save(folder / f"{organ}.png")
    return folder


def doubts_in(out: Path) -> dict[str, str]:
    rows = pd.read_csv(out / "results.csv", keep_default_na=False)
    return dict(zip(rows["source"], rows.get("doubts", [""] * len(rows)), strict=True))


def test_a_picture_of_something_else_is_marked_in_table_and_page(bundle: Path, export: Path, tmp_path: Path):
    echocare.predict(bundle, export, tmp_path / "out")

    found = doubts_in(tmp_path / "out")
    assert "looks like" not in found["breast.png"]
    assert found["liver.png"].startswith("looks like liver, not breast: 0.96")
    assert found[f"{NONE}.png"].startswith("does not look like an ultrasound image of breast: 0.95")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "looks like liver, not breast" in page


def test_no_number_changes(bundle: Path, export: Path, tmp_path: Path):
    marked = echocare.predict(bundle, export, tmp_path / "marked")
    plain = echocare.predict(bundle, export, tmp_path / "plain", settings={"recogniser": None})

    assert any(row["doubts"] for row in marked)
    without = [{name: value for name, value in row.items() if name != "doubts"} for row in marked]
    assert without == [{name: value for name, value in row.items() if name != "doubts"} for row in plain]


@pytest.fixture
def write_cine(tmp_path: Path):
    """A cine whose frames show these organs, alone in an export."""

    def write(*organs: str) -> Path:
        (tmp_path / "cine").mkdir()
        frames = np.stack([picture_of(organ) for organ in organs])
        write_ultrasound(tmp_path / "cine" / "CINE", frames, frame_time_ms=40)
        return tmp_path / "cine"

    return write


@pytest.mark.parametrize(
    ("organs", "says"),
    [
        (("liver", "breast", "liver", "breast", "liver"), "looks like liver, not breast: 0.96"),
        (("breast", "liver", "breast", "liver", "breast"), None),
        (("liver", "breast", "breast", "breast", "liver"), None),
    ],
)
def test_a_cine_is_judged_as_a_whole_by_its_first_middle_and_last_frame(
    organs: tuple[str, ...], says: str | None, write_cine, recogniser: Path, tmp_path: Path
):
    bundle = write_meant_bundle(tmp_path / "b", ["breast"], recogniser, kinds=["scores"], cine=MEAN, study=MEAN)

    results = echocare.predict(bundle, write_cine(*organs), tmp_path / "out")

    assert [row.get("doubts") for row in results] == [says] * (len(organs) + 2)


def test_a_cine_costs_three_looks(write_cine, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looks = []
    monkeypatch.setattr(Recogniser, "_scores_of", lambda _, picture: looks.append(picture) or SCORES)

    echocare.predict(bundle, write_cine(*["liver", "breast"] * 4), tmp_path / "out")

    assert len(looks) == 3


def test_a_study_is_marked_where_most_of_it_is(recogniser: Path, tmp_path: Path, export: Path):
    bundle = write_meant_bundle(tmp_path / "b", ["breast"], recogniser, kinds=["scores"], study=MEAN)
    Image.fromarray(picture_of("liver", size=(40, 60))).save(export / "liver_2.png")
    (export / f"{NONE}.png").unlink()

    *_, study = echocare.predict(bundle, export, tmp_path / "out")

    assert (study["level"], study["doubts"]) == ("study", "looks like liver, not breast: 0.96")


def test_a_clip_is_marked_as_its_cine_is(write_cine, recogniser: Path, tmp_path: Path):
    clip = {"_target_": "echocare_core.transforms.EvenClip", "frames": 3}
    bundle = write_meant_bundle(tmp_path / "b", ["breast"], recogniser, kinds=["scores"], clip=clip)

    [row] = echocare.predict(bundle, write_cine("liver", "breast", "liver", "breast", "liver"), tmp_path / "out")

    assert row["doubts"] == "looks like liver, not breast: 0.96"


def test_a_picture_in_memory_is_judged_too(bundle: Path):
    """As MONAI Deploy hands them on: channels last, with what the file said in the meta."""
    config = ConfigParser({**read_json(bundle / "configs" / "inference.json"), "bundle_root": str(bundle)})
    pixels = MetaTensor(picture_of("liver"), meta={"filename_or_obj": "sent.dcm", "scan_box": (0, 0, 48, 64)})

    item = config.get_parsed_content("preprocessing")({"image": pixels})

    assert foreign_in(item["image"].meta).says == "looks like liver, not breast"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"recogniser": "nothing_of_that_name"}, "No bundle 'nothing_of_that_name'"),
        ({"meant_for": []}, "names nothing under meant_for"),
        ({"meant_for": ["thyroid gland"]}, "cannot tell thyroid gland"),
        ({"meant_for": ["brest"]}, "The organ tree has no 'brest'"),
    ],
)
def test_where_nobody_can_say_it_one_warning_does_and_the_results_are_there(
    broken: dict[str, object], says: str, bundle: Path, export: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    _warn_once.cache_clear()
    for name, value in broken.items():
        change(bundle, "metadata.json" if name == "meant_for" else "inference.json", **{name: value})

    with caplog.at_level(logging.WARNING):
        for out in ("first", "second"):
            results = echocare.predict(bundle, export, tmp_path / out)

    assert len(results.rows) == 3
    assert not any("look" in str(row.get("doubts")) for row in results)
    [warning] = [one.getMessage() for one in caplog.records if "does not mark" in one.getMessage()]
    assert says in warning


def test_the_warning_says_what_a_broken_recogniser_says(
    bundle: Path, recogniser: Path, export: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    _warn_once.cache_clear()
    weights = {"path": str(tmp_path / "model.pt")}
    change(recogniser, "inference.json", network={"_target_": "echocare_core.models.load_encoder", **weights})

    with caplog.at_level(logging.WARNING):
        echocare.predict(bundle, export, tmp_path / "out")

    assert f"does not mark pictures that it is not meant for: No weight file at {tmp_path}" in caplog.text


@pytest.mark.parametrize("probability", ["0,7", 70, -0.1, True])
def test_a_probability_that_is_none_is_refused_before_any_work(
    probability: object, bundle: Path, export: Path, tmp_path: Path
):
    change(bundle, "inference.json", foreign_probability=probability)

    with pytest.raises(SettingsError, match=rf"is {probability!r}; needed a number from 0 to 1"):
        echocare.predict(bundle, export, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def shown(name: str, probability: float, meant: str = "fetal head") -> Foreign | None:
    return foreign(Shown(name, probability), MeantFor(TREE, [meant]), 0.9)


def test_what_may_be_the_organ_is_not_doubted():
    assert shown("fetal_head", 0.99) is None
    assert shown("fetal_head_transthalamic_plane", 0.99) is None
    assert shown("fetus", 0.99) is None


def test_who_is_not_sure_doubts_nothing():
    assert shown("liver", 0.89) is None
    assert shown("liver", 0.9) == Foreign("looks like liver, not fetal head", 0.9)


def test_a_bundle_for_several_organs_names_them():
    meant = MeantFor(TREE, ["liver", "gall bladder"])
    assert foreign(Shown("breast", 0.97), meant, 0.9) == Foreign("looks like breast, not liver or gallbladder", 0.97)
