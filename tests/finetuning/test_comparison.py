"""Two evaluations of the same images side by side."""

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from echocare_core.finetuning.comparison import compare, warnings_of

GROUPS = [f"p{number}" for number in range(12)]
TRUTHS = [0, 1] * 6
BEFORE, AFTER = (
    [0.4, 0.6, 0.5, 0.4, 0.3, 0.7, 0.6, 0.5, 0.2, 0.3, 0.1, 0.9],
    [0.1, 0.6, 0.2, 0.7, 0.3, 0.7, 0.6, 0.5, 0.2, 0.8, 0.1, 0.9],
)


def written(folder, **columns):
    folder.mkdir()
    images = [f"{number}.png" for number in range(12)]
    pd.DataFrame({"image": images, "group": GROUPS, **columns}).to_csv(folder / "evaluation.csv", index=False)
    return folder


def answered(folder, scores):
    likeliest = [int(score >= 0.5) for score in scores]
    chances = {"benign_probability": [1 - score for score in scores], "malignant_probability": scores}
    return written(folder, truth=TRUTHS, answer=likeliest, **chances)


def test_classes_are_compared_by_numbers_of_all_images_and_their_difference(tmp_path):
    found = compare(answered(tmp_path / "a", BEFORE), answered(tmp_path / "b", AFTER), ["benign", "malignant"])
    before, after = (roc_auc_score(TRUTHS, scores) for scores in (BEFORE, AFTER))
    auc = found["auc"]
    assert set(found) == {"auc", "balanced_accuracy", "calibration_error"}
    assert [auc[part]["mean"] for part in ("before", "after", "difference")] == pytest.approx(
        [before, after, after - before]
    )
    assert auc["difference"]["low"] <= after - before <= auc["difference"]["high"]


def test_the_difference_of_an_evaluation_from_itself_is_nothing(tmp_path):
    same = answered(tmp_path / "a", BEFORE)
    difference = compare(same, same, ["benign", "malignant"])["auc"]["difference"]
    assert (difference["mean"], difference["low"], difference["high"]) == (0, 0, 0)


def test_numbers_of_images_are_compared_where_both_are_known(tmp_path):
    first = written(tmp_path / "a", dice=[0.5] * 11 + [""])
    second = written(tmp_path / "b", dice=[0.75] * 12)
    dice = compare(first, second)["dice"]
    assert (dice["before"]["mean"], dice["after"]["mean"], dice["difference"]["mean"]) == (0.5, 0.75, 0.25)
    assert dice["difference"]["images"] == 11


def test_a_share_that_no_image_changes_may_have_changed_either_way(tmp_path):
    same = written(tmp_path / "a", found=[1] * 12)
    found = compare(same, same)["found"]
    assert found["after"]["low"] < 1
    assert found["difference"]["low"] == -found["difference"]["high"] < 0


def test_few_patients_are_warned_of_once(tmp_path):
    first, second = (written(tmp_path / name, dice=scores) for name, scores in (("a", BEFORE), ("b", AFTER)))
    for folder in (first, second):
        pd.read_csv(folder / "evaluation.csv").head(5).to_csv(folder / "evaluation.csv", index=False)
    assert warnings_of(compare(first, second)["dice"]).count("Only 5 patients") == 1


def test_a_number_that_one_class_alone_does_not_have_is_left_out(tmp_path):
    benign = {
        "truth": [0] * 12,
        "answer": [0] * 12,
        "benign_probability": [0.9] * 12,
        "malignant_probability": [0.1] * 12,
    }
    same = written(tmp_path / "a", **benign)
    assert set(compare(same, same, ["benign", "malignant"])) == {"balanced_accuracy", "calibration_error"}


def test_the_number_of_a_frame_is_nothing_to_compare(tmp_path):
    first, second = (
        written(tmp_path / name, dice=scores, frame=range(12))
        for name, scores in zip("ab", (BEFORE, AFTER), strict=True)
    )
    assert set(compare(first, second)) == {"dice"}


def test_frames_of_one_file_are_cases_of_their_own(tmp_path):
    both = [answered(tmp_path / name, scores) for name, scores in (("a", BEFORE), ("b", AFTER))]
    for folder in both:
        rows = pd.read_csv(folder / "evaluation.csv")
        rows.assign(image="cine.dcm").to_csv(folder / "evaluation.csv", index=False)
    assert compare(*both, ["benign", "malignant"])["auc"]["after"]["images"] == 12
