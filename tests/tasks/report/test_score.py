"""A report beside the truth: right answers, right sentences, and what the majority would have had."""

import math

import pandas as pd
import pytest
import torch
from monai.data import MetaTensor

from echocare_core.errors import SettingsError, TableError
from echocare_core.tasks.report import ReportOutputd, score_report, summarise_report

MAJORITY = {"skin": "thin", "margin": "sharp", "spikes": "no", "grade": "low"}
TRUE = {"skin": "thin", "margin": "vague", "spikes": "yes", "grade": "high"}
RIGHT = [4, 0, 0, 4, 0, 4, 0, 0, 4]


def scored(reporter, logits, truth, majority=MAJORITY):
    item = {"image": MetaTensor(torch.zeros(6, 8, 8)), "pred": torch.tensor(logits, dtype=torch.float32), **truth}
    item = ReportOutputd("pred", "image", reporter, dict.fromkeys(reporter.lexicon.names, 1.0))(item)
    return score_report(item, reporter=reporter, language="en", majority=majority)


def test_a_report_that_says_what_is_true_is_the_reference(reporter):
    row = scored(reporter, RIGHT, TRUE)
    assert row["descriptors_right"] == row["bleu_4"] == row["rouge_l"] == pytest.approx(1)
    assert row["majority_descriptors_right"] == 0.25
    assert 0 < row["majority_rouge_l"] < 1


def test_a_wrong_sentence_is_counted_as_said_wrong(reporter):
    row = scored(reporter, [0, 4, *RIGHT[2:]], TRUE)
    assert (row["skin_truth"], row["skin_answer"], row["skin_said_right"]) == ("thin", "thick", 0.0)
    assert row["descriptors_right"] == row["said_right"] == 0.75
    assert row["rouge_l"] < 1


def test_what_is_left_out_is_neither_said_right_nor_wrong(reporter):
    row = scored(reporter, [0, 0, *RIGHT[2:]], TRUE)
    assert math.isnan(row["skin_said_right"])
    assert row["skin_answer"] == "thin"
    assert (row["said"], row["said_right"]) == (0.75, 1)


def test_what_the_table_does_not_know_counts_nowhere(reporter):
    row = scored(reporter, RIGHT, {**TRUE, "grade": ""})
    assert row["grade_truth"] is row["grade_answer"] is None
    assert math.isnan(row["grade_said_right"])
    assert row["majority_descriptors_right"] == pytest.approx(1 / 3)


def test_a_row_of_which_nothing_is_known_has_no_reference(reporter):
    row = scored(reporter, RIGHT, dict.fromkeys(TRUE, ""))
    assert math.isnan(row["bleu_4"])
    assert math.isnan(row["descriptors_right"])


def test_a_class_that_there_is_not_is_refused(reporter):
    with pytest.raises(TableError, match="column skin says 'thn'"):
        scored(reporter, RIGHT, {**TRUE, "skin": "thn"})
    with pytest.raises(SettingsError, match="majority of grade is None"):
        scored(reporter, RIGHT, TRUE, {"skin": "thin", "margin": "sharp", "spikes": "no"})


def test_the_summary_sets_each_descriptor_beside_the_majority_answer(lexicon, reporter):
    truths = [TRUE, TRUE, {**TRUE, "skin": "thick"}, {**TRUE, "skin": ""}]
    rows = pd.DataFrame([{"group": str(n), **scored(reporter, RIGHT, one)} for n, one in enumerate(truths)])
    found = summarise_report(rows, lexicon=lexicon, majority=MAJORITY)

    assert found["skin_accuracy"]["mean"] == found["skin_said_right"]["mean"] == pytest.approx(2 / 3)
    assert found["skin_majority_accuracy"]["mean"] == pytest.approx(2 / 3)
    assert found["skin_accuracy"]["images"] == 3
    assert (found["grade_accuracy"]["mean"], found["grade_majority_accuracy"]["mean"]) == (1, 0)
    assert found["skin_auc"]["mean"] == 0.5
    assert math.isnan(found["grade_auc"]["mean"])
    assert found["bleu_4"]["mean"] > found["majority_bleu_4"]["mean"]
