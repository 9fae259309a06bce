"""A consumer that takes one kind of output gets it, or a sentence; scores have a mean."""

import pytest

from echocare_core.errors import BundleError
from echocare_core.outputs import mean_of_scores, only_output
from echocare_core.types import Measurement, OperatingPoint, Scores, Text

SCORES = Scores("pathology", {"benign": 0.4, "malignant": 0.6})


def test_the_one_of_its_kind_is_found_among_others():
    assert only_output([Text("report", "Nothing."), SCORES, Measurement("size", 3.0, "mm")], Scores, "It") is SCORES


@pytest.mark.parametrize(
    ("outputs", "given"),
    [([], "nothing"), ([Text("report", "x")], "Text"), ([SCORES, SCORES], "Scores, Scores")],
)
def test_none_or_several_of_a_kind_are_refused_with_what_there_is(outputs, given):
    with pytest.raises(BundleError, match=f"The mean takes one Scores; this bundle gives {given}"):
        only_output(outputs, Scores, "The mean")


def test_the_mean_of_scores_is_that_of_each_class_at_the_operating_point_of_the_first():
    point = OperatingPoint("malignant", 0.3)
    some = [Scores("pathology", {"benign": 1 - p, "malignant": p}, point) for p in (0.0, 0.25, 0.5)]

    assert mean_of_scores(some) == Scores("pathology", {"benign": 0.75, "malignant": 0.25}, point)
