"""Agreement of measurements: published examples, an analysis of variance in plain lines, and intervals."""

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.agreement import icc, statistics, summarise_agreement
from echocare_core.evaluation.estimate import estimate

WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_peak_flow_meters_of_bland_and_altman():
    """Bland & Altman (1986), table 1 and text: bias -2.1 l/min, deviation 38.8, limits -79.7 and 75.5, of the bias
    -22.1 to 17.8, of the lower limit -114.3 to -45.1 (there from the normal distribution)."""
    found = summarise_agreement(pd.DataFrame({"group": range(17), "measured": WRIGHT, "truth": MINI}), "l/min")
    assert found["bias"].estimate == pytest.approx(-2.1, abs=0.05)
    assert found["standard_deviation"].estimate == pytest.approx(38.8, abs=0.05)
    limits = found["lower_limit"], found["upper_limit"]
    assert [one.estimate for one in limits] == pytest.approx([-78.1, 73.9], abs=0.15)  # 1.96 deviations, there 2
    assert (found["bias"].low, found["bias"].high) == pytest.approx((-22.1, 17.8), abs=2.5)
    assert (limits[0].low, limits[0].high) == pytest.approx((-114.3, -45.1), abs=6)
    assert found["bias"].unit == "l/min"


def test_the_judges_of_shrout_and_fleiss():
    """Shrout & Fleiss (1979), tables 2 and 4: six targets, four judges, ICC(2,1) = 0.29."""
    judged = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    rows = pd.DataFrame(judged, columns=[*"abcd"]).assign(group=range(6))
    assert estimate(rows, icc([*"abcd"])).estimate == pytest.approx(0.29, abs=0.005)


def measured(patients=40, bias=2.0, between=3.0, within=4.0, seed=0):
    """One to six images of each patient; differences vary between patients and within them."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(patients), generator.integers(1, 7, size=patients))
    truth = generator.normal(100, 20, len(group))
    error = generator.normal(0, between, patients)[group] + generator.normal(bias, within, len(group))
    return pd.DataFrame({"group": group, "truth": truth, "measured": truth + error})


def deviation_in_plain_lines(rows):
    """One-way analysis of variance by patient (Bland & Altman 2007, section 3)."""
    differences = [part.measured - part.truth for _, part in rows.groupby("group")]
    sizes, everything = np.array([len(one) for one in differences]), pd.concat(differences)
    within = sum(((one - one.mean()) ** 2).sum() for one in differences) / (sizes.sum() - len(sizes))
    between = sum(len(one) * (one.mean() - everything.mean()) ** 2 for one in differences) / (len(sizes) - 1)
    divisor = (sizes.sum() ** 2 - (sizes**2).sum()) / ((len(sizes) - 1) * sizes.sum())
    return np.sqrt(max(0, (between - within) / divisor) + within)


def test_the_deviation_of_repeated_measures_adds_what_varies_between_and_within_patients():
    rows = measured()
    found = summarise_agreement(rows, "mm")
    wanted = deviation_in_plain_lines(rows)
    assert found["standard_deviation"].estimate == pytest.approx(wanted)
    assert found["upper_limit"].estimate == pytest.approx((rows.measured - rows.truth).mean() + 1.96 * wanted)
    assert found["standard_deviation"].low < 5 < found["standard_deviation"].high


def test_a_patient_drawn_twice_counts_as_two():
    rows = measured(10)
    both = pd.concat([rows, rows.assign(group=rows.group + 100)])
    apart = rows.assign(difference=rows.measured - rows.truth)
    drawn = statistics("mm")["standard_deviation"].values(apart, np.full((1, len(rows)), 2.0))
    assert drawn == pytest.approx([deviation_in_plain_lines(both)])


def test_equal_measurements_agree_fully():
    rows = measured().assign(measured=lambda table: table.truth)
    found = summarise_agreement(rows, "mm", tolerance=1)
    assert [found[name].estimate for name in ("bias", "standard_deviation", "mean_absolute_error")] == [0, 0, 0]
    assert found["icc"].estimate == pytest.approx(1)
    assert found["within_tolerance"].estimate == 1
    assert found["within_tolerance"].low < 1


def test_an_error_that_grows_with_the_size_is_a_proportional_bias():
    rows = measured(between=0, within=0.1)
    grown = summarise_agreement(rows.assign(measured=rows.truth * 1.1), "mm")["proportional_bias"]
    assert grown.estimate == pytest.approx(np.polyfit(1.05 * rows.truth, 0.1 * rows.truth, 1)[0])
    assert summarise_agreement(rows, "mm")["proportional_bias"].estimate == pytest.approx(0, abs=0.002)


def test_what_could_not_be_measured_is_not_within_the_tolerance():
    rows = pd.DataFrame({"group": range(4), "truth": [1.0, 2, 3, np.nan], "measured": [1.0, 9, np.nan, 4]})
    number = summarise_agreement(rows, "mm", tolerance=1)["within_tolerance"]
    assert (number.estimate, number.images) == (pytest.approx(1 / 3), 3)


@pytest.mark.parametrize("images", [0, 1, 3])
def test_one_patient_or_none_gives_words(images):
    rows = pd.DataFrame({"group": ["a"] * images, "truth": [1.0] * images, "measured": [2.0] * images})
    assert all(number.warning for number in summarise_agreement(rows, "mm", tolerance=5).values())
