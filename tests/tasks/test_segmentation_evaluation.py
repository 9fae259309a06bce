"""Dice, errors of measurements, and the two files that an evaluation leaves."""

import hashlib
import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from PIL import Image

from echocare_core.errors import TableError
from echocare_core.evaluation.handler import WriteEvaluation
from echocare_core.evaluation.mask_scores import dice
from echocare_core.tasks.segmentation import score_masks
from echocare_core.types import Mask, Measurement


def plain_dice(predicted, drawn):
    both = of_one = of_other = 0
    for one, other in zip(predicted.ravel().tolist(), drawn.ravel().tolist(), strict=True):
        both += one and other
        of_one += one
        of_other += other
    return 2 * both / (of_one + of_other)


@pytest.mark.parametrize("seed", range(5))
def test_dice_equals_counting_pixel_by_pixel(seed):
    predicted, drawn = np.random.default_rng(seed).random((2, 20, 30)) < 0.3
    assert dice(predicted, drawn) == pytest.approx(plain_dice(predicted, drawn))


def test_two_empty_masks_agree_and_one_empty_mask_does_not():
    empty, full = np.zeros((4, 4), dtype=bool), np.ones((4, 4), dtype=bool)
    assert (dice(empty, empty), dice(empty, full), dice(full, empty), dice(full, full)) == (1, 0, 0, 1)


DRAWN = np.zeros((24, 32), dtype=np.uint8)
DRAWN[4:14, 5:25] = 1


@pytest.fixture
def evaluate(tmp_path):
    """Runs the handler in an engine over items of one batch each; returns what it wrote."""
    Image.fromarray(DRAWN * 255).save(tmp_path / "drawn.png")

    def run(*items, **settings):
        score = partial(score_masks, labels=["head"], **settings)
        (tmp_path / "best.pt").write_bytes(b"weights")
        handler = WriteEvaluation(str(tmp_path / "out"), tmp_path / "best.pt", score)
        batches = [(item_row(tmp_path, item), item_output(item)) for item in items]
        engine = Engine(step)
        handler.attach(engine)
        engine.run(batches)
        folder = tmp_path / "out"
        return SimpleNamespace(
            rows=pd.read_csv(folder / "evaluation.csv", dtype={"group": str}),
            summary=json.loads((folder / "evaluation.json").read_text(), parse_constant=pytest.fail),
        )

    def step(engine, batch):
        row, output = batch
        engine.state.batch = [row]
        return [output]

    return run


def item_row(folder, item):
    meta = {"filename_or_obj": f"/far/{item.get('name', 'a.png')}", **item.get("uids", {})}
    image = MetaTensor(np.zeros((3, 24, 32)), meta=meta)
    return {
        **({"image_in_table": item["written"]} if "written" in item else {}),
        **({"frame": item["frame"]} if "frame" in item else {}),
        "image": image,
        "mask": str(folder / "drawn.png"),
        "group": item.get("group", "P1"),
        "hc_mm": item.get("hc_mm", ""),
    }


def item_output(item):
    measured = (Measurement("hc", item["measured"], "mm"),) if "measured" in item else ()
    mask = item.get("pred", DRAWN)
    return {"pred": mask[None], "outputs": (Mask(mask, {1: "head"}), *measured)}


def test_each_image_is_compared_with_its_drawn_mask(evaluate):
    half = DRAWN.copy()
    half[:, 15:] = 0
    written = evaluate({"name": "a.png"}, {"name": "b.png", "pred": half, "group": "P2"})
    assert written.rows[["image", "group"]].to_numpy().tolist() == [["a.png", "P1"], ["b.png", "P2"]]
    assert written.rows.dice_head.tolist() == pytest.approx([1, 2 / 3])
    assert written.summary["dice_head"]["mean"] == pytest.approx(5 / 6)


def test_a_drawing_of_all_images_gives_that_of_each(evaluate, tmp_path):
    box = '<polygon label="head" points="5,4;25,4;25,14;5,14"/>'
    images = [
        f'<image name="{name}.png" width="32" height="24">{more}</image>' for name, more in (("a", box), ("b", ""))
    ]
    (tmp_path / "drawn.png").write_text(f"<annotations>{''.join(images)}</annotations>")
    written = evaluate({"name": "a.png"}, {"name": "b.png", "pred": DRAWN * 0})
    assert written.rows.dice_head.tolist() == [1, 1]


def test_each_row_joins_the_table_and_the_archive(evaluate):
    uids = {"sop_instance_uid": "1.2", "series_instance_uid": "1.3", "study_instance_uid": "1.4"}
    written = evaluate({"written": "..\\x/a.png", "uids": uids}, {"group": "P2"})
    assert written.rows[["image", "group"]].to_numpy().tolist() == [["..\\x/a.png", "P1"], ["a.png", "P2"]]
    assert {column: str(written.rows[column][0]) for column in uids} == uids
    assert written.rows[[*uids]].isna().all(axis=1).tolist() == [False, True]
    assert {*written.summary} == {"dice_head", "weights"}


def test_of_a_cine_a_row_says_which_frame_it_is_of_and_that_is_no_number_of_the_summary(evaluate):
    written = evaluate({"name": "a.dcm", "frame": 0}, {"name": "a.dcm", "frame": torch.tensor(7)})
    assert written.rows[["image", "frame"]].to_numpy().tolist() == [["a.dcm", 0], ["a.dcm", 7]]
    assert {*written.summary} == {"dice_head", "weights"}


def test_a_measurement_is_compared_with_the_column_of_the_table(evaluate):
    written = evaluate({"hc_mm": "100.5", "measured": 98.0}, {"hc_mm": "90", "measured": 91.0}, measured=["hc_mm"])
    assert written.rows.hc_mm_error.tolist() == [2.5, 1.0]
    assert written.summary["hc_mm_error"]["mean"] == 1.75


@pytest.mark.parametrize(
    "unknown", [{"hc_mm": "100"}, {"hc_mm": "", "measured": 98.0}], ids=["nothing found", "not known"]
)
def test_an_image_without_an_error_is_counted_out(evaluate, unknown):
    written = evaluate({"hc_mm": "100", "measured": 98.0}, unknown, measured=["hc_mm"])
    assert (written.summary["hc_mm_error"]["mean"], written.summary["hc_mm_error"]["images"]) == (2, 1)
    assert written.summary["dice_head"]["images"] == 2


def test_a_measurement_that_no_image_has_is_null_in_the_file(evaluate):
    written = evaluate({"hc_mm": "100"}, measured=["hc_mm"])
    assert (written.summary["hc_mm_error"]["mean"], written.summary["hc_mm_error"]["images"]) == (None, 0)


def test_a_prediction_of_another_size_than_the_drawn_mask_is_refused(evaluate):
    with pytest.raises(TableError, match=r"drawn\.png has shape \(24, 32\)"):
        evaluate({"pred": DRAWN.T})


def test_the_weights_that_were_scored_are_named(evaluate, tmp_path, capsys):
    weights = evaluate({}).summary["weights"]
    assert weights == {"file": str(tmp_path / "best.pt"), "sha256": hashlib.sha256(b"weights").hexdigest()}
    assert f"Scored the weights {tmp_path / 'best.pt'} (SHA-256 {weights['sha256'][:12]}...)" in capsys.readouterr().out


def test_rows_that_cannot_be_scored_are_told_together_and_nothing_is_written(evaluate, tmp_path):
    wrong = {"hc_mm": "98 mm", "measured": 98.0}
    with pytest.raises(TableError, match=r"2 mistakes: hc_mm beside drawn\.png is '98 mm'; needed a number"):
        evaluate(wrong, {"hc_mm": "98", "measured": 97.0}, wrong, measured=["hc_mm"])
    assert not (tmp_path / "out").exists()


def test_the_summary_is_printed_with_its_interval(evaluate, capsys):
    evaluate({}, {"group": "P2"})
    assert "dice_head: 1.0000 (95 % interval 0.0122 to 1.0000, 2 images of 2 groups) Only 2 " in capsys.readouterr().out


def test_of_one_patient_no_interval_is_printed(evaluate, capsys):
    evaluate({}, {})
    assert "dice_head: 1.0000 (2 images of 1 group) One patient alone" in capsys.readouterr().out
