"""Small plots as SVG inside a page: no script, no style of their own, and words for who cannot see them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

from echocare_core.results.wording import counted, number_text, unit_symbol, value_text

WIDTH, HEIGHT = 300, 112  # of a plot, in its own units; it is shown as wide as its place
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 8, 22  # round the area in which something is drawn
FEW = 12  # values that are drawn one by one
MOST_BINS = 24
MOST_BARS = 8
Range = tuple[float, float]


def figure(title: str, says: str, drawing: str, *, width: float = WIDTH, height: float = HEIGHT, note: str = "") -> str:
    """A plot with its title above it.

    Args:
        title: as text.
        says: what the plot shows, in words, as text.
        drawing: elements of SVG, whose looks are those of classes in `base.css`.
        width: of the drawing.
        height: of the drawing.
        note: below the plot, as text.
    """
    below = f'<p class="plot-note">{escape(note)}</p>' if note else ""
    return (
        f'<figure class="plot"><figcaption>{escape(title)}</figcaption>\n'
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(says)}">{drawing}</svg>'
        f"{below}</figure>\n"
    )


def histogram(
    title: str,
    values: Sequence[float],
    unit: str,
    *,
    believed: Range | None = None,
    from_on: float | None = None,
) -> str:
    """How the values of a measurement or of a probability are spread.

    Args:
        title: of the plot.
        values: finite ones, one at least.
        unit: of them; "" for probabilities.
        believed: the plausible range: what lies outside is drawn otherwise.
        from_on: operating point, drawn as a line.
    """
    edges = bin_edges(values)
    scale, floor = Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT), HEIGHT - BOTTOM
    drawn = [*(_dots(values, scale, believed) if len(values) < FEW else _bars(values, edges, scale, believed))]
    drawn.append(f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}"/>')
    drawn.append(axis_ticks(scale, floor))
    if from_on is not None and edges[0] <= from_on <= edges[-1]:
        drawn.append(f'<path class="threshold" d="M{scale.at(from_on):.1f} {TOP}V{floor}"/>')
    low, high = number_text(min(values), unit), value_text(max(values), unit)
    says = f"{counted(len(values), 'value')}: median {value_text(median(values), unit)}, {low} to {high}"
    return figure(title, f"{title}: {says}", "".join(drawn), note=says)


def bars(title: str, counts: Mapping[str, int]) -> str:
    """How often each answer was given, the most frequent ones first where there are many."""
    shown = sorted(counts.items(), key=lambda one: -one[1])[:MOST_BARS] if len(counts) > MOST_BARS else counts.items()
    most, step = max(1, *counts.values()), 22
    drawn = []
    for number, (name, count) in enumerate(shown):
        top = number * step
        drawn.append(
            f'<text class="label" x="0" y="{top + 10}">{escape(name)}</text>'
            f'<text class="label end" x="{WIDTH}" y="{top + 10}">{count}</text>'
            f'<rect class="ground" x="0" y="{top + 13}" width="{WIDTH}" height="4"/>'
            f'<rect class="bar" x="0" y="{top + 13}" width="{WIDTH * count / most:.1f}" height="4"/>'
        )
    says = ", ".join(f"{name} {count}" for name, count in shown)
    return figure(title, f"{title}: {says}", "".join(drawn), height=max(1, len(drawn)) * step)


class Scale:
    """Where numbers lie along an axis of a drawing.

    Args:
        low: the smallest number.
        high: the largest; it may be the same.
        start: place of `low`.
        end: place of `high`.
    """

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def at(self, value: float) -> float:
        """The place of a number."""
        reach = (self.high - self.low) or 1.0
        return self.start + (self.end - self.start) * (value - self.low) / reach

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers along it, at most so many."""
        step = nice_step((self.high - self.low) / max(1, most))
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axis_ticks(scale: Scale, floor: float) -> str:
    """The numbers below a horizontal axis."""
    places = [(scale.at(value), f"{value:g}") for value in (float(f"{one:.10g}") for one in scale.ticks())]
    return "".join(
        f'<path class="axis" d="M{x:.1f} {floor}v3"/><text class="tick" x="{_inside(x, text):.1f}" y="{floor + 14}">'
        f"{text}</text>"
        for x, text in places
    )


def nice_step(step: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is no smaller than a step; 1 of none."""
    if step <= 0 or not math.isfinite(step):
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))


def bin_edges(values: Sequence[float]) -> list[float]:
    """Edges at round numbers, for as many bins as there are values to fill them."""
    low, high = min(values), max(values)
    bins = max(6, min(MOST_BINS, round(2 * math.sqrt(len(values)))))
    step = nice_step((high - low) / bins) if high > low else nice_step(abs(high) / 10)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    return [number * step for number in range(first, last + 1)]


def _counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts, step = [0] * (len(edges) - 1), edges[1] - edges[0]
    for value in values:
        counts[min(len(counts) - 1, max(0, math.floor((value - edges[0]) / step + 1e-9)))] += 1
    return counts


def _is_outside(low: float, high: float, believed: Range | None) -> bool:
    return believed is not None and (low < believed[0] >= high or low > believed[1])


def _bars(values: Sequence[float], edges: Sequence[float], scale: Scale, believed: Range | None) -> Iterator[str]:
    """A bar for each bin that has values."""
    counts, floor = _counts(values, edges), HEIGHT - BOTTOM
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            height = (floor - TOP) * count / max(counts)
            yield _bar(scale.at(low), scale.at(high), floor, height, _is_outside(low, high, believed))


def _dots(values: Sequence[float], scale: Scale, believed: Range | None) -> Iterator[str]:
    """A dot for each of a few values, above another where they would overlap."""
    taken: list[tuple[float, int]] = []
    for value in sorted(values):
        x = scale.at(value)
        level = next(level for level in itertools.count() if all(level != at or x - other >= 9 for other, at in taken))
        taken.append((x, level))
        kind = "bar outside" if _is_outside(value, value, believed) else "bar"
        y = HEIGHT - BOTTOM - 8 - 10 * level
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:g}" r="4.5"/>'


def _bar(left: float, right: float, floor: float, height: float, outside: bool) -> str:
    kind = "bar outside" if outside else "bar"
    height = max(1.0, height)
    return (
        f'<rect class="{kind}" x="{left + 0.5:.1f}" y="{floor - height:.1f}" '
        f'width="{max(1.0, right - left - 1):.1f}" height="{height:.1f}"/>'
    )


def _inside(x: float, text: str) -> float:
    """Where the middle of a text stands so that all of it is inside the drawing."""
    half = 2.9 * len(text)
    return min(max(x, half), WIDTH - half)


def unit_in_brackets(name: str, unit: str) -> str:
    """The name of a measurement with its unit: "head circumference (mm)"."""
    symbol = unit_symbol(unit)
    return f"{name} ({symbol})" if symbol else name
