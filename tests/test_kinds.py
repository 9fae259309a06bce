"""A setting of the wrong kind is refused by its name, and all others are left out of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from echocare_core.errors import SettingsError
from echocare_core.kinds import check_kinds, check_outputs

OWN = {
    **{"seed": 3, "image_size": [256, 256], "learning_rate": 0.001, "clip_norm": 1.0, "cache": True},
    **{"encoder_weights": "embedded", "weights": None, "dataset_dir": "", "batch_size": 4},
    **{"steps": [{"_target_": "Smooth", "anti_aliasing": True, "range": [0, 1]}]},
}
YES_OR_NO = "True or False (in JSON true or false)"


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        *(("learning_rate", value, "a number above 0") for value in (0, -1, "abc", "nan", float("inf"), None, True)),
        *(("image_size", value, "a list of 2 whole numbers above 0") for value in (64, [64], [64, 0], [64.5, 64])),
        *(("seed", value, "a whole number") for value in ("abc", 1.5, None, True)),
        ("optimizer#lr", 0, "a number above 0"),
        ("clip_norm", float("nan"), "a number"),
        *(("cache", value, YES_OR_NO) for value in (3, 0, None, "maybe", "true", "False")),
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(name: str, value: Any, needed: str) -> None:
    with pytest.raises(SettingsError) as error:
        check_kinds({"dataset_dir": "x", name: value, "batch_size": 2}, OWN)

    assert str(error.value) == f"{name} is {value!r}; needed {needed}, such as {OWN.get(name, 0.001)}. Set {name} so."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("learning_rate", 1),
            ("image_size", (64, 96)),
            ("clip_norm", 0),
            ("seed", "$3 + 4"),
            ("batch_size", "@seed"),
        ),
        *(("encoder_weights", None), ("weights", "a.pt"), ("train#trainer#max_epochs", 3), ("cache", False)),
    ],
)
def test_other_values_are_taken(name: str, value: Any) -> None:
    check_kinds({name: value}, OWN)


@pytest.mark.parametrize("name", ["steps#0#anti_aliasing", "steps::0::anti_aliasing"])
def test_yes_or_no_that_lies_deeper_is_looked_at_too(name: str) -> None:
    check_kinds({name: False, "steps#0#range": [0.5, 1], "steps#1#more": 1, "steps#0#range#0#more": 1}, OWN)
    with pytest.raises(SettingsError, match="needed True or False"):
        check_kinds({name: "maybe"}, OWN)


def test_a_text_that_nobody_reads_as_an_expression_is_no_number() -> None:
    with pytest.raises(SettingsError, match="needed a whole number"):
        check_kinds({"seed": "$3 + 4"}, OWN, literal=True)


def test_a_rate_that_the_groups_of_an_optimiser_would_pass_over_is_refused() -> None:
    grouped = {"optimizer": {"_target_": "torch.optim.AdamW", "params": {"learning_rate": "@learning_rate"}}}
    with pytest.raises(SettingsError, match=r"optimizer#lr would change nothing, .* needed learning_rate"):
        check_kinds({"optimizer#lr": 0.1}, {**OWN, **grouped})
    check_kinds({"optimizer#lr": 0.1}, {**OWN, "optimizer": {"lr": "@learning_rate"}})


NAMED = {
    "classes": ["benign", "malignant"],
    "label_names": ["liver", "mass"],
    "axes": {"long": ["left", "right"]},
    "postprocessing": {"transforms": [{"classes": "@classes", "labels": "@label_names"}]},
}


@pytest.mark.parametrize(
    ("name", "value", "own"),
    [
        ("classes", ["malignant", "benign"], ["benign", "malignant"]),
        ("classes#0", "malignant", "benign"),
        ("+label_names", ["mass", "liver"], ["liver", "mass"]),
        ("axes#long", ["right", "left"], ["left", "right"]),
        ("postprocessing#transforms#0#classes", ["a", "b"], ["benign", "malignant"]),
        ("postprocessing::transforms::0::labels", ["a", "b"], ["liver", "mass"]),
        ("postprocessing#transforms#0#points", ["a"], None),
    ],
)
def test_other_names_of_the_outputs_are_refused(name: str, value: Any, own: Any) -> None:
    with pytest.raises(SettingsError) as error:
        check_outputs({"batch_size": 2, name: value}, NAMED)

    assert str(error.value).startswith(f"{name} is {json.dumps(value)}; needed {json.dumps(own)}, for so")


@pytest.mark.parametrize(
    ("name", "value"),
    [("classes", ("benign", "malignant")), ("postprocessing#transforms#0#classes", NAMED["classes"]), ("most_iou", 1)],
)
def test_the_bundles_own_names_and_all_else_are_left(name: str, value: Any) -> None:
    check_outputs({name: value}, NAMED)
