"""Subgroups: each as evaluated alone, its distance from the rest, and words where it is too small."""

import numpy as np
import pandas as pd
import pytest
from scored_patients import scored_patients

from echocare_core.evaluation.averages import mean_of, share_true
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.subgroups import by_subgroup, into_bands
from echocare_core.evaluation.two_classes import ACCURACY, AUC


def of_devices(images=300):
    """Two devices, each with its own patients."""
    rows = scored_patients(images)
    return rows.assign(device=np.where(rows.group.astype(int) < 30, "A", "B"))


@pytest.mark.parametrize("statistic", [AUC, ACCURACY, mean_of("score")])
def test_a_subgroup_is_as_evaluated_alone(statistic):
    rows = of_devices()
    first, second = by_subgroup(rows, "device", statistic)
    assert (first.name, second.name) == ("A", "B")
    assert first.estimate == estimate(rows[rows.device == "A"], statistic)
    assert first.difference.estimate == pytest.approx(first.estimate.estimate - second.estimate.estimate)
    assert first.difference.low == pytest.approx(-second.difference.high)


def test_the_interval_of_a_difference_of_shares_is_newcombes():
    """Newcombe (1998), method 10, example (a): 56/70 and 48/80, difference 0.2, interval 0.0524 to 0.3339; ours has
    Student's t."""
    hits = np.repeat([1, 0, 1, 0], [56, 14, 48, 32])
    rows = pd.DataFrame({"group": range(150), "hit": hits, "arm": np.repeat(["a", "b"], [70, 80])})
    difference = by_subgroup(rows, "arm", share_true("hit"))[0].difference
    assert difference.estimate == pytest.approx(0.2)
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=0.004)


def test_patients_on_both_sides_make_the_difference_surer():
    """Views of the same patients: what the patients have in common does not count."""
    generator = np.random.default_rng(0)
    common = np.repeat(generator.normal(size=40), 2)
    rows = pd.DataFrame({"group": np.repeat(range(40), 2), "view": ["a", "b"] * 40, "value": common})
    rows["value"] += generator.normal(size=80) * 0.1
    paired = by_subgroup(rows, "view", mean_of("value"))[0].difference
    unpaired = by_subgroup(rows.assign(group=range(80)), "view", mean_of("value"))[0].difference
    assert (paired.high - paired.low) < 0.3 * (unpaired.high - unpaired.low)


def test_missing_values_are_a_subgroup_of_their_own():
    rows = of_devices()
    rows.loc[:9, "device"] = None
    rows.loc[10:19, "device"] = " "
    last = by_subgroup(rows, "device", ACCURACY)[-1]
    assert (last.name, last.estimate.images) == ("unknown", 20)


def test_numbers_become_bands_in_their_order():
    bands = into_bands(pd.Series([17, 18, 39.9, "40", None, "old"]), (18, 40))
    assert list(bands) == ["under 18", "18 to under 40", "18 to under 40", "40 or more", "unknown", "unknown"]
    rows = of_devices(6).assign(age=bands)
    assert [one.name for one in by_subgroup(rows, "age", ACCURACY)] == list(bands.cat.categories)


def test_a_small_subgroup_is_marked_and_its_difference_too():
    rows = of_devices()
    rows.loc[rows.group.isin(["0", "1", "2"]), "device"] = "C"
    small = by_subgroup(rows, "device", ACCURACY)[-1]
    assert small.name == "C"
    assert "Only 3 patients" in small.estimate.warning
    assert "Only 3 patients" in small.difference.warning


def test_one_subgroup_alone_has_no_rest():
    (alone,) = by_subgroup(of_devices().assign(device="A"), "device", AUC)
    assert np.isnan(alone.difference.estimate)
    assert alone.difference.warning == "There is no other subgroup."


def test_a_subgroup_of_one_class_has_words_and_no_number():
    rows = of_devices()
    rows.loc[rows.device == "A", "truth"] = 1
    first = by_subgroup(rows, "device", AUC)[0]
    assert "All images are of one class" in first.estimate.warning
    assert np.isnan(first.difference.low)
