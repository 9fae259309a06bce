"""A forest plot: a number with its interval for each subgroup, one below the other."""

from __future__ import annotations

import math
from html import escape

from echocare_core.assessment.page.numbers import interval_text, value_text
from echocare_core.assessment.subgroups import Part
from echocare_core.results.page.plots import Scale

WIDTH, STEP, LEFT = 420, 22, 150
LONGEST = 24  # letters of a name


def forest(part: Part, title: str) -> str:
    """The plot as SVG."""
    numbers = [(one.name, one.estimate) for one in part.values if math.isfinite(one.estimate.estimate)]
    ends = [end for _, one in numbers for end in (one.low, one.high, one.estimate) if math.isfinite(end)]
    if not ends:
        return ""
    margin = 0.05 * (max(ends) - min(ends)) or 0.05
    scale = Scale(min(ends) - margin, max(ends) + margin, LEFT, WIDTH - 12)
    floor = STEP * len(numbers) + 8
    drawn = [f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - 12}"/>']
    for tick in scale.ticks(5):
        at, words = scale.at(tick), f"{float(f'{tick:.10g}'):g}"
        drawn.append(
            f'<path class="rule" d="M{at:.1f} 4V{floor}"/>'
            f'<text class="tick" x="{at:.1f}" y="{floor + 14}">{words}</text>'
        )
    for place, (name, one) in enumerate(numbers):
        y = STEP * place + 16
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        drawn.append(f'<text class="end label" x="{LEFT - 8}" y="{y + 3.5:.1f}">{escape(short)}</text>')
        if math.isfinite(one.low):
            drawn.append(f'<path class="whisker" d="M{scale.at(one.low):.1f} {y}H{scale.at(one.high):.1f}"/>')
        drawn.append(f'<circle class="point" cx="{scale.at(one.estimate):.1f}" cy="{y}" r="4"/>')
    said = "; ".join(
        f"{name} {value_text(one.estimate, one.unit)} ({interval_text(one) or 'no interval'})" for name, one in numbers
    )
    return (
        f'<svg class="forest" viewBox="0 0 {WIDTH} {floor + 20}" role="img" aria-label="{escape(f"{title}: {said}")}">'
        f"{''.join(drawn)}</svg>"
    )
