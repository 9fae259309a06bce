"""What columns of results say."""

from __future__ import annotations

from echocare_core.assessment.results_folder import questions_of

MARGIN = ("margin", "margin_smooth_probability", "margin_rough_probability")
ANGULAR = ("margin_angular", "margin_angular_no_probability", "margin_angular_yes_probability")


def test_a_question_whose_name_begins_as_another_one_keeps_its_classes() -> None:
    assert questions_of([*MARGIN, *ANGULAR]) == {"margin": ("smooth", "rough"), "margin_angular": ("no", "yes")}


def test_a_class_may_be_called_as_a_column_without_classes() -> None:
    columns = ["margin", "margin_rough", "margin_rough_edge_probability", "margin_smooth_probability"]

    assert questions_of(columns) == {"margin": ("rough_edge", "smooth")}


def test_a_column_that_others_begin_with_is_no_question_by_that() -> None:
    assert list(questions_of(["margin", *ANGULAR])) == ["margin_angular"]
