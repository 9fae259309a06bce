"""Each kind of output is scored beside its label, and wrong labels are refused."""

from __future__ import annotations

from pathlib import Path

import itk
import numpy as np
import pytest
from labelled_results import (
    activation_of,
    boxes_of,
    length_of,
    mask_of,
    points_of,
    scores_of,
    square,
    text_of,
    write_mask,
)
from PIL import Image

from echocare_core.assessment.evaluate import evaluate
from echocare_core.errors import OutputError, TableError

FILES = {name: {"PatientID": f"P{name}"} for name in "abcd"}


def said(*outputs) -> list:
    return [(name, 0, "frame", [output]) for name, output in zip(FILES, outputs, strict=False)]


def test_masks_have_dice_overlap_and_the_distance_of_their_outlines(run, tmp_path: Path) -> None:
    rows = [{"image": "a", "mask": write_mask(tmp_path / "a.png", square(10, 14))}]
    found = run(FILES, said(mask_of(square(10, 10))), rows, spacing_mm=(0.5, 0.5)).rows.iloc[0]

    assert found["dice_nodule"] == pytest.approx(2 * 320 / 800)
    assert found["iou_nodule"] == pytest.approx(320 / 480)
    assert (found["hd95_nodule_mm"], found["missed_nodule"]) == (2.0, 0.0)


def test_a_mask_that_misses_what_was_drawn_is_counted(run, tmp_path: Path) -> None:
    rows = [{"image": name, "mask": write_mask(tmp_path / f"{name}.png", square())} for name in "ab"]
    found = run(FILES, said(mask_of(square() * 0), mask_of(square())), rows)

    assert found.numbers["missed_nodule"].estimate == 0.5


def test_a_frame_of_a_cine_is_compared_with_its_own_mask(run, tmp_path: Path) -> None:
    masks = np.stack([square() * 0, square()])
    itk.imwrite(itk.image_from_array(masks), str(tmp_path / "m.nrrd"))
    rows = [{"image": "a", "frame": "1", "mask": "m.nrrd"}]
    written = [("a", 0, "frame", [mask_of(square() * 0)]), ("a", 1, "frame", [mask_of(square())])]

    assert run({"a": {"PatientID": "P"}}, written, rows).rows.iloc[0]["dice_nodule"] == 1


def test_a_picture_with_nothing_to_find_scores_1_where_nothing_is_found_and_else_0(run) -> None:
    written = [("a", 0, "frame", [mask_of(square() * 0)]), ("b", 0, "frame", [mask_of(square())])]
    rows = [{"image": "a", "mask": "nothing"}, {"image": "b", "mask": "nothing"}]
    assert run({"a": {}, "b": {}}, written, rows).rows["dice_nodule"].tolist() == [1, 0]


def test_several_masks_of_an_image_are_joined(run, tmp_path: Path) -> None:
    cell = ";".join(write_mask(tmp_path / name, square(10, top)) for name, top in (("a.png", 10), ("b.png", 14)))
    found = run(FILES, said(mask_of(square(10, 10) | square(10, 14))), [{"image": "a", "mask": cell}]).rows.iloc[0]

    assert found["dice_nodule"] == 1


def test_of_several_masks_the_one_that_is_missing_is_named(run, tmp_path: Path) -> None:
    cell = f"{write_mask(tmp_path / 'a.png', square())};gone.png"
    with pytest.raises(TableError, match=r"row 1 has the mask gone\.png, which is not there"):
        run(FILES, said(mask_of(square())), [{"image": "a", "mask": cell}])


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((30, 30), dtype=np.uint8), "row 1 mask .*drawn.png has shape"),
        (np.full((48, 64), 7, dtype=np.uint8), "row 1 mask .*drawn.png holds the value 7"),
        (None, "row 1 has the mask drawn.png, which is not there"),
    ],
)
def test_a_mask_that_cannot_be_compared_is_refused(run, tmp_path: Path, mask, says: str) -> None:
    if mask is not None:
        Image.fromarray(mask).save(tmp_path / "drawn.png")
    with pytest.raises(TableError, match=says):
        run(FILES, said(mask_of(square())), [{"image": "a", "mask": "drawn.png"}])


def test_a_mask_of_a_patient_with_several_images_has_to_name_its_frame(run, tmp_path: Path) -> None:
    files = {name: {"PatientID": "one"} for name in "ab"}
    rows = [{"patient": "one", "mask": write_mask(tmp_path / "a.png", square())}]
    with pytest.raises(TableError, match="2 results speak of it, and a mask speaks of one frame; name the frame"):
        run(files, said(mask_of(square()), mask_of(square())), rows)


def test_answers_are_those_of_the_operating_point(run) -> None:
    written = said(scores_of(0.39), scores_of(0.4), scores_of(0.9), scores_of(0.1))
    truths = ("malignant", "Malignant", "benign", "benign")
    rows = [{"image": name, "pathology": truth} for name, truth in zip("abcd", truths, strict=True)]
    found = run(FILES, written, rows)

    assert found.rows["pathology"].tolist() == ["benign", "malignant", "malignant", "benign"]
    assert found.numbers["pathology_sensitivity"].estimate == found.numbers["pathology_specificity"].estimate == 0.5
    assert found.numbers["pathology_auc"].estimate == 0.5


def with_map(name: str, evidence) -> tuple:
    return (name, 0, "frame", [scores_of(0.7), activation_of(evidence)])


def test_evidence_is_set_beside_the_drawn_mask_and_beside_chance(run, tmp_path: Path) -> None:
    evidence = np.where(square(10, 20), 3.0, -1.0)
    evidence[30:] = np.nan  # outside of the scan region
    rows = [{"image": "a", "pathology": "malignant", "mask": write_mask(tmp_path / "a.png", square(10, 30))}]
    rows += [{"image": "b", "pathology": "benign", "mask": ""}]
    found = run(FILES, [with_map("a", evidence), with_map("b", evidence)], rows)

    inside, chance = (found.numbers[f"pathology_{name}"] for name in ("activation_in_mask", "mask_share"))
    assert (inside.estimate, inside.images) == (0.5, 1)
    assert chance.estimate == pytest.approx(20 * 20 / (30 * 64))
    page = (found.folder / "evaluation.html").read_text(encoding="utf-8")
    assert "Share of the class activation inside the drawn mask" in page
    assert "what chance would give" in page


def test_the_lesion_in_drawn_masks_is_that_of_the_evaluation_of_the_bundle(run, tmp_path: Path) -> None:
    (tmp_path / "bundle" / "configs" / "evaluate.json").write_text('{"lesion": 2}')
    Image.fromarray(square(0, 0) + 2 * square(10, 30)).save(tmp_path / "a.png")
    rows = [{"image": "a", "pathology": "malignant", "mask": "a.png"}]
    found = run(FILES, [with_map("a", np.where(square(10, 20), 3.0, -1.0))], rows)

    assert found.numbers["pathology_activation_in_mask"].estimate == 0.5


def test_a_map_that_is_gone_is_named(run, tmp_path: Path) -> None:
    rows = [{"image": "a", "pathology": "benign", "mask": write_mask(tmp_path / "a.png", square())}]
    written = [with_map("a", np.ones((48, 64)))]
    run(FILES, written, rows)
    [path] = (tmp_path / "results" / "activations").rglob("*.png")
    path.write_bytes(b"damaged")
    with pytest.raises(OutputError, match=r"a_f0000_pathology\.png is gone or damaged"):
        evaluate(tmp_path / "bundle", tmp_path / "export", tmp_path / "labels.csv", tmp_path / "again",
                 results=tmp_path / "results", progress=False)  # fmt: skip


def test_several_images_of_a_patient_are_one_decision_too(run) -> None:
    files = {name: {"PatientID": f"P{name in 'ab'}"} for name in "abc"}
    written = said(scores_of(0.1), scores_of(0.9), scores_of(0.3))
    truths = ("malignant", "malignant", "benign")
    rows = [{"image": name, "pathology": truth} for name, truth in zip("abc", truths, strict=True)]
    found = run(files, written, rows)

    [scored] = found.scored
    assert found.numbers["pathology_balanced_accuracy"].estimate == 0.75
    assert scored.more["balanced_accuracy_per_patient"].estimate == 1
    assert (scored.more["auc_per_patient"].images, scored.more["auc_per_patient"].groups) == (3, 2)
    assert "AUC per patient" in (found.folder / "evaluation.html").read_text(encoding="utf-8")
    assert '"auc_per_patient"' in (found.folder / "evaluation.json").read_text(encoding="utf-8")


def test_a_class_that_the_bundle_has_not_is_refused_with_the_nearest(run) -> None:
    with pytest.raises(TableError, match="row 1 has 'malignat' as pathology; did you mean malignant"):
        run(FILES, said(scores_of(0.4)), [{"image": "a", "pathology": "malignat"}])


def test_a_set_of_one_class_has_no_auc_and_says_so(run) -> None:
    rows = [{"image": name, "pathology": "benign"} for name in "abcd"]
    found = run(FILES, said(*map(scores_of, (0.1, 0.2, 0.3, 0.9))), rows)

    assert np.isnan(found.numbers["pathology_auc"].estimate)
    assert "one class" in found.numbers["pathology_auc"].warning
    assert found.numbers["pathology_specificity"].estimate == 0.75
    assert "not known" in (found.folder / "evaluation.html").read_text(encoding="utf-8")


def test_the_likeliest_of_three_classes_is_the_answer(run) -> None:
    from echocare_core.types import Scores

    shares = ({"liver": 0.2, "heart": 0.5, "breast": 0.3}, {"liver": 0.6, "heart": 0.1, "breast": 0.3})
    rows = [{"image": "a", "organ": "heart"}, {"image": "b", "organ": "breast"}]
    found = run(FILES, said(*(Scores("organ", one) for one in shares)), rows)

    assert found.rows["organ"].tolist() == ["heart", "liver"]
    assert found.numbers["organ_accuracy"].estimate == 0.5


def test_boxes_are_found_missed_and_false(run) -> None:
    corners = ("top_px", "left_px", "bottom_px", "right_px")
    rows = [{"image": "a", "label": "Nodule", **dict(zip(corners, (5, 5, 25, 25), strict=True))}]
    rows.append({"image": "a", "label": "cyst", **dict(zip(corners, (30, 30, 40, 40), strict=True))})
    rows.append({"image": "b"})
    found = run(FILES, said(boxes_of((6, 5, 26, 25)), boxes_of((1, 1, 9, 9))), rows)

    assert found.rows["boxes_found"].tolist() == [1.0, 0.0]
    assert found.rows["boxes_false"].tolist() == [0.0, 1.0]
    assert found.numbers["boxes_sensitivity"].estimate == 0.5
    assert found.numbers["boxes_false_per_image"].estimate == 0.5


def test_a_box_that_is_no_box_is_refused(run) -> None:
    row = {"image": "a", "label": "nodule", "top_px": 9, "left_px": 1, "bottom_px": 3, "right_px": 4}
    with pytest.raises(TableError, match="row 1 has a box that ends before it begins"):
        run(FILES, said(boxes_of((1, 1, 9, 9))), [row])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("point_0", 3, ""), ("point_1", 11, 4)], "has a point at '', needed a number of pixels in both row_px"),
        ([("point_0", "inf", 4)], "has a point at 'inf', needed a number of pixels"),
        ([("point_0", 3, 4), ("Point 0", 9, 4)], "has the point point_0 twice in one frame"),
        ([("point_0", "", "")], "no point was set in it"),
    ],
)
def test_points_that_cannot_be_meant_are_refused(run, rows: list[tuple], says: str) -> None:
    labels = [{"image": "a", "point": name, "row_px": row, "column_px": column} for name, row, column in rows]
    with pytest.raises(TableError, match=says):
        run(FILES, said(points_of((3, 4), (14, 8))), labels)


def test_the_page_says_that_the_distance_of_points_that_were_not_found_is_not_known(run) -> None:
    rows = [{"image": name, "point": "point_0", "row_px": 3, "column_px": 4} for name in "ab"]
    found = run(FILES, said(points_of((np.nan, np.nan)), points_of((3, 4))), rows)
    assert "points distance px: not known" in (found.folder / "evaluation.html").read_text(encoding="utf-8")


def test_a_point_that_nobody_set_does_not_count(run) -> None:
    rows = [{"image": "a", "point": "point_0", "row_px": 3, "column_px": 4}, {"image": "a", "point": "point_1"}]
    assert run(FILES, said(points_of((3, 4), (14, 8))), rows).numbers["points_found"].estimate == 1.0


@pytest.mark.parametrize(
    ("corners", "grade", "says"),
    [
        ((1, 1, 9, 9), 1, "row 1 has the same box twice"),
        ((1, 1, 9, float("inf")), 1, "row 1 has a box whose top_px, left_px, bottom_px, right_px are not all"),
        ((20, 1, 29, 9), 2, "row 1 and another row of its case have '1' and '2' as length_mm"),
    ],
)
def test_rows_of_one_case_that_cannot_be_meant_are_refused(run, corners: tuple, grade: int, says: str) -> None:
    names = ("top_px", "left_px", "bottom_px", "right_px")
    rows = [{"image": "a", "label": "nodule", "length_mm": 1, **dict(zip(names, (1, 1, 9, 9), strict=True))}]
    rows += [{"image": "a", "label": "nodule", "length_mm": grade, **dict(zip(names, corners, strict=True))}]
    written = [("a", 0, "frame", [boxes_of((1, 1, 9, 9)), length_of(3.0)])]
    with pytest.raises(TableError, match=says):
        run(FILES, written, rows)


def test_points_are_so_far_from_those_that_were_set(run) -> None:
    rows = [{"image": "a", "point": f"point_{n}", "row_px": row, "column_px": 4} for n, row in enumerate((3, 11))]
    found = run(FILES, said(points_of((3, 4), (14, 8))), rows, spacing_mm=(2.0, 2.0))

    assert found.rows["points_distance_px"].tolist() == [2.5]
    assert found.numbers["points_distance_mm"].estimate == 5.0


def test_a_text_is_right_where_its_words_are(run) -> None:
    rows = [{"image": "a", "report": "one  NODULE."}, {"image": "b", "report": "Two nodules."}]
    found = run(FILES, said(text_of("One nodule.\n"), text_of("One nodule.\n")), rows)

    assert found.numbers["report_same"].estimate == 0.5


def test_a_label_under_another_name_is_named(run) -> None:
    found = run(FILES, said(length_of(3.0)), [{"image": "a", "expert": 5}], columns={"length_mm": "expert"})
    assert found.numbers["length_mm_error"].estimate == 2.0


def test_labels_of_nothing_that_the_bundle_gives_are_refused(run) -> None:
    with pytest.raises(TableError, match="no label of what made_up gives, but grade; needed one of length_mm"):
        run(FILES, said(length_of(3.0)), [{"image": "a", "grade": 5}])
