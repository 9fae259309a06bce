"""Plots of masks: how Dice is spread over the cases."""

from __future__ import annotations

from statistics import median

import numpy as np

from echocare_core.assessment.kinds.masks import MaskQuestion
from echocare_core.assessment.page.drawing import Axes
from echocare_core.assessment.scored import Scored
from echocare_core.counting import counted

EDGES = [round(0.05 * step, 2) for step in range(21)]


def show_masks(scored: Scored) -> list[str]:
    """A histogram of Dice for each label, as HTML."""
    assert isinstance(scored.question, MaskQuestion)
    return [_histogram(scored, name) for name in scored.question.labels.values()]


def _histogram(scored: Scored, name: str) -> str:
    dices = scored.rows[f"dice_{name}"].to_numpy(float)
    counts = np.histogram(dices, EDGES)[0].tolist()
    axes = Axes((0, 1), (0, 1.08 * max(1, *counts)), "Dice", "cases")
    axes.bars(EDGES, counts)
    middle = median(dices)
    axes.up(middle, f"median {middle:.3f}")
    below = int((dices < 0.5).sum())
    says = f"{counted(len(dices), 'case')}, median {middle:.3f}, {below} below 0.5"
    rows = [
        (f"{low:.2f} to {high:.2f}", str(count))
        for low, high, count in zip(EDGES, EDGES[1:], counts, strict=False)
        if count
    ]
    words = name.replace("_", " ")
    return axes.figure(
        f"Dice of each case, {words}", f"Histogram of Dice, {words}: {says}", ("Dice", "Cases"), rows, says
    )
