"""How often 95 % intervals hold the true number: tables of clustered images are simulated again and again.

    python benchmarks/intervals.py --tables 1000 --patients 20 50 150

The true number is that of a table of 400,000 patients. Of the patients some have one image, some six; images of one
patient are alike, in whether they show a disease, in their scores and in the errors of their measurements.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from echocare_core.evaluation import agreement, calibration
from echocare_core.evaluation.averages import mean_of, median_of, share_within
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.many_classes import kappa
from echocare_core.evaluation.statistic import Statistic
from echocare_core.evaluation.two_classes import AT_THE_OPERATING_POINT, AUC, AVERAGE_PRECISION

LIKENESS = 0.5  # share of the variance of whatever is drawn that images of a patient have in common
PATIENTS_OF_THE_TRUTH = 400_000


def draw_scores(generator: np.random.Generator, patients: int, *, prevalence: float, signal: float) -> pd.DataFrame:
    """Truths, probabilities and answers at one half; `signal` is the distance of the classes' means in deviations."""
    group = _images(generator, patients)
    truth = (_alike(generator, group) > norm.isf(prevalence)).astype(int)
    score = expit(signal * (signal * (truth - 0.5) + _alike(generator, group)))
    return pd.DataFrame({"group": group, "truth": truth, "score": score, "answer": (score >= 0.5).astype(int)})


def draw_calibrated(generator: np.random.Generator, patients: int) -> pd.DataFrame:
    """As `draw_scores`, with scores that are the chance of the truth."""
    rows = draw_scores(generator, patients, prevalence=0.4, signal=1.5)
    chance = norm.cdf(_alike(generator, rows["group"].to_numpy()))
    return rows.assign(truth=(chance < rows["score"]).astype(int))


def draw_measurements(generator: np.random.Generator, patients: int) -> pd.DataFrame:
    """Millimetres by a reader and by the bundle, with a Dice that a failure now and then spoils."""
    group = _images(generator, patients)
    truth = 100 + 20 * _alike(generator, group)
    measured = truth + 2 + 5 * _alike(generator, group)
    dice = expit(2.5 + _alike(generator, group) - 3 * (_alike(generator, group) > 1.8))
    distance = (measured - truth).__abs__()
    columns = {"group": group, "truth": truth, "measured": measured, "difference": measured - truth}
    return pd.DataFrame({**columns, "distance": distance, "dice": dice})


def _images(generator: np.random.Generator, patients: int) -> np.ndarray:
    return np.repeat(np.arange(patients), generator.integers(1, 7, size=patients))


def _alike(generator: np.random.Generator, group: np.ndarray) -> np.ndarray:
    """Normal, variance 1, LIKENESS of it in common to a patient's images."""
    own, common = generator.normal(size=len(group)), generator.normal(size=group.max() + 1)
    return np.sqrt(LIKENESS) * common[group] + np.sqrt(1 - LIKENESS) * own


SCORES = {
    **AT_THE_OPERATING_POINT,
    "kappa": kappa((0, 1)),
    "auc": AUC,
    "average_precision": AVERAGE_PRECISION,
    **calibration.STATISTICS,
}
MEASUREMENTS = {
    **agreement.statistics("mm"),
    "within 10 mm": share_within("difference", 10),
    "mean Dice": mean_of("dice"),
    "median Dice": median_of("dice"),
}


def coverage(
    draw: Callable[[np.random.Generator, int], pd.DataFrame],
    statistics: dict[str, Statistic],
    patients: int,
    tables: int,
) -> dict[str, tuple[float, float, float]]:
    """Of each statistic the true number, and how many intervals held it and lay above it; those that there are."""
    many = draw(np.random.default_rng(10**6), PATIENTS_OF_THE_TRUTH)
    truths = {name: _value(many, statistic) for name, statistic in statistics.items()}
    ends = {name: [] for name in statistics}
    for seed in range(tables):
        rows = draw(np.random.default_rng(seed), patients)
        for name, statistic in statistics.items():
            number = estimate(rows, statistic)
            ends[name].append((number.low, number.high))
    return {name: _held(truths[name], np.array(ends[name])) for name in statistics}


def _value(rows: pd.DataFrame, statistic: Statistic) -> float:
    used = statistic.rows_of(rows)
    return float(statistic.values(used, np.ones((1, len(used))))[0])


def _held(truth: float, ends: np.ndarray) -> tuple[float, float, float]:
    known = ends[np.isfinite(ends).all(axis=1)]
    return truth, float(np.mean((known[:, 0] <= truth) & (truth <= known[:, 1]))), float(np.mean(known[:, 0] > truth))


def main() -> None:
    """Print a line per statistic: the true number and the share of intervals that hold it, for each size of table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--patients", type=int, nargs="+", default=[20, 50, 150])
    arguments = parser.parse_args()
    cases = {
        "scores, 40 % positive": (lambda g, n: draw_scores(g, n, prevalence=0.4, signal=1.5), SCORES),
        "scores, 15 % positive, far apart": (lambda g, n: draw_scores(g, n, prevalence=0.15, signal=3.0), SCORES),
        "scores that are calibrated": (draw_calibrated, calibration.STATISTICS),
        "measurements": (draw_measurements, MEASUREMENTS),
    }
    for title, (draw, statistics) in cases.items():
        found = [coverage(draw, statistics, patients, arguments.tables) for patients in arguments.patients]
        print(f"\n| {title} | truth | {' | '.join(f'{patients} patients' for patients in arguments.patients)} |")
        print("|---|" + "---|" * (1 + len(found)))
        for name in statistics:
            held = " | ".join(f"{one[name][1]:.1%} ({one[name][2]:.1%} above)" for one in found)
            print(f"| {name} | {found[0][name][0]:.3f} | {held} |", flush=True)


if __name__ == "__main__":
    main()
