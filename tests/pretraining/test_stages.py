"""Progressive training as data: what a step is told, and each way in which a stage cannot be used."""

import math
import re

import pytest

from echocare_core.errors import SettingsError
from echocare_core.models.profiles import PROFILES
from echocare_core.pretraining.stages import Stages

FIRST = {"name": "low resolution", "steps": 10, "batch_size": 8, "image_size": 64, "views": ["masked"]}
SECOND = {
    "name": "hard patches",
    "steps": 5,
    "batch_size": 4,
    "image_size": 128,
    "views": ["masked", "plain", "packed"],
    "mask_patch": 32,
    "learning_rate": 0.1,
    "reconstruction": 0.5,
    "contrast": [0.0, 0.4],
    "hard_share": [0.1, 0.5],
}


def refused(*parts):
    """The error names all parts, in their order."""
    return pytest.raises(SettingsError, match="(?s)" + ".*".join(map(re.escape, parts)))


def test_a_training_has_the_steps_of_its_stages():
    stages = Stages([FIRST, SECOND])
    assert len(stages) == 15
    assert stages.batches == [(10, 8), (5, 4)]


@pytest.mark.parametrize(("step", "name", "number"), [(0, 0, 0), (9, 0, 0), (10, 1, 1), (14, 1, 1), (99, 1, 1)])
def test_a_step_lies_in_its_stage_and_past_the_end_in_the_last(step, name, number):
    point = Stages([FIRST, SECOND]).at(step)
    assert point.stage.name == (FIRST, SECOND)[name]["name"]
    assert point.number == number


def test_what_is_not_written_has_the_documented_value():
    stage = Stages([FIRST]).at(0).stage
    assert stage.views == ("masked",)
    assert (stage.mask_patch, stage.mask_ratio, stage.learning_rate) == (16, 0.5, 1.0)
    assert Stages([FIRST]).at(0).ramps == {
        "reconstruction": 1.0,
        "hierarchy": 0.0,
        "contrast": 0.0,
        "places": 0.0,
        "distillation": 0.0,
        "ranking": 0.0,
        "pixels": 0.0,
        "hard_share": 0.0,
    }


@pytest.mark.parametrize(
    ("step", "contrast", "hard_share"), [(10, 0.0, 0.1), (12, 0.2, 0.3), (14, 0.4, 0.5), (50, 0.4, 0.5)]
)
def test_a_ramp_goes_evenly_from_the_first_step_of_its_stage_to_the_last(step, contrast, hard_share):
    ramps = Stages([FIRST, SECOND]).at(step).ramps
    assert ramps["contrast"] == pytest.approx(contrast)
    assert ramps["hard_share"] == pytest.approx(hard_share)
    assert ramps["reconstruction"] == 0.5


def test_a_stage_of_one_step_starts_its_ramps():
    assert Stages([{**SECOND, "steps": 1}]).at(0).ramps["contrast"] == 0.0


def test_the_learning_rate_warms_up_then_falls_as_a_cosine():
    stages = Stages([{**FIRST, "steps": 100}])
    rates = [stages.learning_rate(step, 1e-3, 20) for step in range(100)]
    assert rates[:20] == pytest.approx([1e-3 * (step + 1) / 20 for step in range(20)])
    assert rates[20] == pytest.approx(1e-3)
    assert rates[60] == pytest.approx(0.5e-3)
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert 0 < rates[-1] < 1e-6


def test_without_a_warm_up_the_learning_rate_starts_at_its_peak():
    assert Stages([FIRST]).learning_rate(0, 0.3, 0) == pytest.approx(0.3)


def test_the_cosine_runs_over_all_stages_and_each_scales_it():
    stages = Stages([FIRST, SECOND])
    assert stages.learning_rate(9, 1.0, 0) == pytest.approx(0.5 * (1 + math.cos(math.pi * 9 / 15)))
    assert stages.learning_rate(12, 1.0, 0) == pytest.approx(0.1 * 0.5 * (1 + math.cos(math.pi * 12 / 15)))
    assert Stages([SECOND]).learning_rate(0, 1.0, 2) == pytest.approx(0.05)


def test_patches_are_mined_where_any_stage_hides_the_hardest():
    assert not Stages([FIRST]).mines
    assert Stages([FIRST, SECOND]).mines
    assert Stages([{**FIRST, "hard_share": [0.0, 0.5]}]).mines


def test_a_teacher_is_needed_to_mine_and_to_keep_its_features():
    plain = {**FIRST, "views": ["plain"], "reconstruction": 0.0, "pixels": 1.0}
    assert not Stages([plain]).need_teacher
    assert Stages([{**plain, "distillation": 1.0}]).need_teacher
    assert Stages([FIRST, SECOND]).need_teacher


def test_no_stage_is_refused():
    with refused("No stage; needed at least one with name, steps, batch_size and image_size"):
        Stages([])


def test_an_unknown_entry_is_refused_with_the_known_ones():
    with refused("Stage 'low resolution': cannot use step; the entries are area, batch_size, contrast", "views"):
        Stages([{**FIRST, "step": 3}])


@pytest.mark.parametrize("missing", ["name", "steps", "batch_size", "image_size"])
def test_a_missing_entry_is_named(missing):
    with refused("Stage", f"{missing} (missing)"):
        Stages([{key: value for key, value in FIRST.items() if key != missing}])


def test_a_fault_of_any_stage_names_that_stage():
    with refused("Stage 'hard patches': steps is 0"):
        Stages([FIRST, {**SECOND, "steps": 0}])


@pytest.mark.parametrize("entry", ["steps", "batch_size", "image_size", "mask_patch"])
@pytest.mark.parametrize("value", [0, -4, 2.5, "16", None])
def test_a_size_that_is_no_whole_number_above_0_is_refused(entry, value):
    with refused(f"Stage 'low resolution': {entry} is {value!r}; needed a whole number above 0. Change the stage."):
        Stages([{**FIRST, entry: value}])


@pytest.mark.parametrize("ratio", [0, 1, -0.5, 1.5])
def test_a_mask_ratio_that_hides_nothing_or_all_is_refused(ratio):
    with refused(f"mask_ratio is {ratio!r}; needed a share between 0 and 1"):
        Stages([{**FIRST, "mask_ratio": ratio}])


@pytest.mark.parametrize("views", [[], ["hidden"], ["masked", "hidden"]])
def test_views_that_nobody_makes_are_refused(views):
    with refused("views is", "needed some of ('plain', 'masked', 'packed')"):
        Stages([{**FIRST, "views": views}])


@pytest.mark.parametrize("views", ["masked", 3])
def test_views_that_are_no_list_are_refused(views):
    with refused("views is", "needed a list of ('plain', 'masked', 'packed')"):
        Stages([{**FIRST, "views": views}])


@pytest.mark.parametrize(
    ("entry", "value"),
    [("steps", True), ("learning_rate", -1), ("learning_rate", "1"), ("mask_ratio", "0.5"), ("hard_share", [0, 2])],
)
def test_values_that_only_look_usable_are_refused(entry, value):
    with refused(f"{entry} is", "needed"):
        Stages([{**FIRST, entry: value}])


@pytest.mark.parametrize(
    ("entries", "needed"),
    [
        ({"reconstruction": 0}, "a weight above 0 for one of them"),
        ({"views": ["plain"]}, "a masked or packed one, or 0 for reconstruction"),
        ({"views": ["packed"], "hard_share": 0.5}, "0 without a masked view"),
        ({"pixels": 0.5}, "a plain one, or 0 for pixels"),
    ],
)
def test_a_stage_that_would_not_train_what_it_says_is_refused(entries, needed):
    with refused(needed):
        Stages([{**FIRST, **entries}])


def test_ranking_needs_reconstruction():
    with refused("ranking is", "needed 0 without reconstruction"):
        Stages([{**FIRST, "reconstruction": 0, "ranking": 1}])


@pytest.mark.parametrize(("views", "cells"), [(["masked"], 32), (["packed"], 64), (["plain", "packed"], 64)])
def test_a_picture_that_is_not_whole_patches_is_refused(views, cells):
    with refused(f"image_size is 80; needed a multiple of {cells}"):
        Stages([{**FIRST, "image_size": 80, "mask_patch": 32, "views": views}])


def test_a_plain_view_needs_no_whole_patches():
    only_plain = {"views": ["plain"], "reconstruction": 0, "hierarchy": 1}
    assert Stages([{**FIRST, "image_size": 80, "mask_patch": 32, **only_plain}])


def test_one_view_cannot_be_contrasted():
    with refused("views is ('masked',); needed two or more to contrast"):
        Stages([{**FIRST, "contrast": [0, 0.5]}])


@pytest.mark.parametrize("views", [("masked",), ("packed", "packed"), ("plain", "packed")])
def test_places_need_two_views_that_are_not_packed(views):
    with refused(f"views is {views}; needed two or more that are not packed, or 0 for places"):
        Stages([{**FIRST, "views": views, "places": [0, 0.5]}])


@pytest.mark.parametrize("views", [("masked", "plain"), ("masked", "packed", "masked")])
def test_places_are_compared_between_any_two_other_views(views):
    assert Stages([{**FIRST, "views": views, "places": [0, 0.5]}]).at(0).stage.terms == ("reconstruction", "places")


@pytest.mark.parametrize("ramp", ["reconstruction", "hierarchy", "contrast", "places", "ranking", "hard_share"])
@pytest.mark.parametrize("value", [-1, [0, -1], [0, 0.5, 1], [], "0.5", None, math.nan, [0, math.inf], ["0", "1"]])
def test_a_ramp_that_is_not_one_or_two_numbers_from_0_is_refused(ramp, value):
    with refused(f"Stage hard patches, {ramp}: found {value!r}; needed a number from 0, or two: at its start and end."):
        Stages([{**SECOND, ramp: value}])


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"image_size": 16}, ("'high'", "image_size is 16", "at least 32")),
        ({"image_size": 32, "views": ["packed"]}, ("'high'", "image_size is 32", "at least 32", "twice")),
        ({"mask_patch": 2}, ("'high'", "mask_patch is 2", "4 px")),
        (
            {"image_size": 80, "views": ["plain", "plain"], "reconstruction": 0.0, "places": 0.5},
            ("'high'", "image_size is 80", "a multiple of 32"),
        ),
    ],
)
def test_a_stage_that_the_encoder_cannot_take_is_known_before_the_training(change, parts):
    stages = Stages([FIRST, {**FIRST, "name": "high", **change}])
    with refused(*parts):
        stages.check_fit(PROFILES["tiny"], (2, 3))


def test_plain_views_need_no_hidden_patches_that_fit():
    stage = {**FIRST, "views": ["plain", "plain"], "mask_patch": 3, "reconstruction": 0.0, "contrast": 1.0}
    Stages([stage]).check_fit(PROFILES["tiny"], (2, 3))


def test_crops_may_become_smaller_while_a_stage_lasts_and_are_the_views_own_where_none_is_told():
    stages = Stages([{**FIRST, "area": [0.6, 0.1]}, SECOND])
    assert [stages.at(step).ramps["area"] for step in (0, 9)] == pytest.approx([0.6, 0.1])
    assert "area" not in stages.at(10).ramps


@pytest.mark.parametrize("area", [0, [0.5, 1.5], [0.005, 0.5]])
def test_crops_of_nothing_or_more_than_the_picture_are_refused(area):
    with refused("'low resolution'", "area is", "needed shares from 0.01 to 1"):
        Stages([{**FIRST, "area": area}])


@pytest.mark.parametrize("ramp", [[0.08, 0.01], [0.3, 1.0]])
def test_rounding_does_not_carry_a_ramp_past_its_end(ramp):
    stages = Stages([{**FIRST, "steps": 100, "area": ramp}])
    areas = [stages.at(step).ramps["area"] for step in range(100)]
    assert min(ramp) <= min(areas)
    assert max(areas) <= max(ramp)
    assert areas[-1] == ramp[1]


def test_hard_patches_need_the_head_that_predicts_their_loss():
    stage = Stages([{**FIRST, "hard_share": 0.5}]).at(0).stage
    assert stage.terms == ("reconstruction",)
    assert stage.heads == ("reconstruction", "ranking")
