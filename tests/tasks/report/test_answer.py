"""Logits become scores and texts; a cine speaks with the mean of its frames, and of its largest outline."""

import pytest
import torch
from monai.data import MetaTensor

from echocare_core.errors import SettingsError
from echocare_core.tasks.report import ReportOutputd, mean_report
from echocare_core.transforms.outline import Outline, note_outline
from echocare_core.types import Measurement, Scores, Text


def said_of(reporter, logits, outline=None, temperatures=None):
    image = MetaTensor(torch.zeros(6, 8, 8))
    note_outline(image, outline)
    given = {**dict.fromkeys(reporter.lexicon.names, 1.0), **(temperatures or {})}
    output = ReportOutputd("pred", "image", reporter, given)
    return output({"image": image, "pred": torch.tensor(logits, dtype=torch.float32)})["outputs"]


LOGITS = [4, 0, 0, 4, 0, 4, 0, 0, 4]  # skin thin, margin vague, spikes yes, grade high


def outlined(long, unit):
    axes = {"lesion_long_axis": long, "lesion_short_axis": long / 2}
    return Outline((Measurement("lesions", 1.0, "count"), *(Measurement(k, v, unit) for k, v in axes.items())), (0, 0))


def test_each_descriptor_has_scores_of_its_own(reporter):
    found = {one.name: one for one in said_of(reporter, LOGITS) if isinstance(one, Scores)}
    assert {name: one.answer for name, one in found.items()} == {
        "skin": "thin", "margin": "vague", "spikes": "yes", "grade": "high",
    }  # fmt: skip
    assert all(sum(one.probabilities.values()) == pytest.approx(1) for one in found.values())


def test_a_temperature_makes_one_descriptor_less_sure_and_no_other(reporter):
    plain, warm = (
        {one.name: one.probabilities for one in said_of(reporter, LOGITS, None, given) if isinstance(one, Scores)}
        for given in ({}, {"margin": 4.0})
    )
    assert warm["margin"]["vague"] == pytest.approx(torch.tensor([0.0, 1.0]).softmax(0)[1].item())
    assert {name: warm[name] == plain[name] for name in plain} == {
        "skin": True, "margin": False, "spikes": True, "grade": True,
    }  # fmt: skip


def test_what_the_outline_measures_stands_beside_the_text(reporter):
    outputs = said_of(reporter, LOGITS, outlined(10.0, "mm"))
    assert [one.column for one in outputs if isinstance(one, Measurement)] == [
        "lesions_count", "lesion_long_axis_mm", "lesion_short_axis_mm",
    ]  # fmt: skip
    assert "10.0 x 5.0 mm" in outputs[0].text


def test_a_cine_has_the_mean_probabilities_of_its_frames(reporter):
    other = [-4, 0, 0, 4, 0, 4, 0, 0, 4]
    parts = [said_of(reporter, one) for one in (LOGITS, LOGITS, other)]
    found = {one.name: one for one in mean_report(parts, reporter=reporter) if isinstance(one, Scores)}
    chances = [next(one for one in part if one.name == "skin").probabilities["thin"] for part in parts]
    assert found["skin"].probabilities["thin"] == pytest.approx(sum(chances) / 3)
    assert found["grade"].answer == "high"


def test_a_cine_tells_of_its_largest_outline_in_mm_where_there_is_one(reporter):
    parts = [said_of(reporter, LOGITS, outlined(*one)) for one in ((10.0, "mm"), (14.0, "mm"), (300.0, "px"))]
    outputs = mean_report(parts, reporter=reporter)
    [text] = [one.text for one in outputs if isinstance(one, Text) and one.name == "report_en"]
    assert "14.0 x 7.0 mm" in text
    assert "At " not in text


def test_a_cine_that_nobody_has_outlined_says_so(reporter):
    assert "en/not_looked" in mean_report([said_of(reporter, LOGITS)] * 2, reporter=reporter)[0].text


@pytest.mark.parametrize("temperatures", [{"skin": 0.0}, {"hair": 1.0}])
def test_temperatures_that_fit_no_descriptor_are_refused(reporter, temperatures):
    with pytest.raises(SettingsError, match="needed a number above 0 for each of skin, margin"):
        said_of(reporter, LOGITS, None, temperatures)
