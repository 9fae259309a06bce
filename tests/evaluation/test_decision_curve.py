"""The decision curve: equal its definition, and acting on all or none where a score tells nothing."""

import numpy as np
import pytest
from scored_patients import scored_patients

from echocare_core.evaluation.decision_curve import decision_curve


def test_net_benefit_is_that_of_vickers_and_elkin():
    rows = scored_patients()
    for one in decision_curve(rows, (0.1, 0.33, 0.8)):
        acted, odds = rows.score >= one.threshold, one.threshold / (1 - one.threshold)
        right, wrong = (acted & (rows.truth == 1)).mean(), (acted & (rows.truth == 0)).mean()
        assert one.model.estimate == pytest.approx(right - wrong * odds)
        assert one.model.low < one.model.estimate < one.model.high


def test_acting_on_all_gains_nothing_at_the_prevalence():
    rows = scored_patients()
    (one,) = decision_curve(rows, [rows.truth.mean()])
    assert one.treat_all.estimate == pytest.approx(0)
    assert one.gain.estimate == pytest.approx(one.model.estimate)


def test_a_score_of_one_for_all_is_acting_on_all():
    for one in decision_curve(scored_patients().assign(score=1.0), (0.2, 0.5, 0.9)):
        assert one.model == one.treat_all
        assert one.gain.estimate == pytest.approx(min(0, one.treat_all.estimate))


def test_a_perfect_score_gains_the_prevalence_at_every_threshold():
    rows = scored_patients().assign(score=lambda table: table.truth.astype(float))
    assert [one.model.estimate for one in decision_curve(rows, (0.1, 0.9))] == pytest.approx([rows.truth.mean()] * 2)


def test_rows_without_a_score_are_left_out_and_none_at_all_is_no_curve():
    rows = scored_patients()
    assert decision_curve(rows.assign(score=np.nan)) == ()
    assert decision_curve(rows.assign(score=rows.score.where(rows.index > 0)), [0.5])[0].model.images == len(rows) - 1
