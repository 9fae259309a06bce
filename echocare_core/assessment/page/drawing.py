"""Plots of an evaluation: SVG in the style of the page, each with words for who cannot see it and a table behind it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from echocare_core.results.page.plots import Scale
from echocare_core.results.page.tables import table

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 42
Point = tuple[float, float]


class Axes:
    """Two axes with their numbers and words; what is drawn is clipped to none of them.

    Args:
        x: (smallest, largest) number along the picture.
        y: the same up the picture.
        x_words: below the axis, as text.
        y_words: beside the axis, as text.
        square: as high as wide, as of a ROC curve; the picture around is as large as every other.
    """

    def __init__(self, x: Point, y: Point, x_words: str, y_words: str, *, square: bool = False) -> None:
        free = WIDTH - LEFT - RIGHT - (HEIGHT - TOP - BOTTOM) if square else 0
        self.left, self.right = LEFT + free // 2, WIDTH - RIGHT - free // 2
        self.x = Scale(*x, self.left, self.right)
        self.y = Scale(*y, HEIGHT - BOTTOM, TOP)
        self._drawn = [*self._x_axis(x_words), *self._y_axis(y_words)]

    def _x_axis(self, words: str) -> list[str]:
        floor = HEIGHT - BOTTOM
        ticks = [(self.x.at(one), f"{float(f'{one:.10g}'):g}") for one in self.x.ticks(6)]
        marks = [f'<path class="axis" d="M{at:.1f} {floor}v4"/>{_text(at, floor + 15, t, "tick")}' for at, t in ticks]
        title = _text((self.left + self.right) / 2, HEIGHT - 6, words, "tick label")
        return [f'<path class="axis" d="M{self.left} {floor}H{self.right}"/>', *marks, title]

    def _y_axis(self, words: str) -> list[str]:
        ticks = [(self.y.at(one), f"{float(f'{one:.10g}'):g}") for one in self.y.ticks(6)]
        marks = [
            f'<path class="rule" d="M{self.left} {at:.1f}H{self.right}"/>{_text(self.left - 6, at + 3.5, t, "end")}'
            for at, t in ticks
        ]
        middle = (TOP + HEIGHT - BOTTOM) / 2
        place = f"translate({self.left - 40} {middle:.1f}) rotate(-90)"
        title = f'<text class="tick label" transform="{place}">{escape(words)}</text>'
        return [f'<path class="axis" d="M{self.left} {TOP}V{HEIGHT - BOTTOM}"/>', *marks, title]

    def line(self, points: Sequence[Point], kind: str = "curve") -> None:
        """A line through points."""
        if points:
            places = "L".join(f"{self.x.at(x):.1f} {self.y.at(y):.1f}" for x, y in points)
            self._drawn.append(f'<path class="{kind}" d="M{places}"/>')

    def band(self, lower: Sequence[Point], upper: Sequence[Point]) -> None:
        """The area between two lines."""
        if lower and upper:
            places = "L".join(f"{self.x.at(x):.1f} {self.y.at(y):.1f}" for x, y in [*lower, *reversed(upper)])
            self._drawn.append(f'<path class="band" d="M{places}Z"/>')

    def dots(self, points: Sequence[Point], kind: str = "dot", radius: float = 2.4) -> None:
        """A dot at each point."""
        self._drawn += [
            f'<circle class="{kind}" cx="{self.x.at(x):.1f}" cy="{self.y.at(y):.1f}" r="{radius}"/>' for x, y in points
        ]

    def whisker(self, x: float, low: float, high: float) -> None:
        """An interval up the picture."""
        at = self.x.at(x)
        self._drawn.append(f'<path class="whisker" d="M{at:.1f} {self.y.at(low):.1f}V{self.y.at(high):.1f}"/>')

    def across(self, y: float, words: str, kind: str = "threshold") -> None:
        """A line across the picture, with words at its end."""
        at = self.y.at(y)
        self._drawn.append(f'<path class="{kind}" d="M{self.left} {at:.1f}H{self.right}"/>')
        self._drawn.append(_text(self.right - 3, at - 4, words, "end label"))

    def up(self, x: float, words: str) -> None:
        """A line up the picture, with words at its top."""
        at = self.x.at(x)
        is_right = at > (self.left + self.right) / 2
        kind = "end label" if is_right else "label"
        self._drawn.append(f'<path class="threshold" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        self._drawn.append(_text(at - 4 if is_right else at + 4, TOP + 8, words, kind))

    def bars(self, edges: Sequence[float], counts: Sequence[int], kind: str = "bar") -> None:
        """A histogram."""
        for low, high, count in zip(edges, edges[1:], counts, strict=False):
            left, right, top = self.x.at(low) + 0.5, self.x.at(high) - 0.5, self.y.at(count)
            if count:
                self._drawn.append(
                    f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{max(1.0, right - left):.1f}" '
                    f'height="{HEIGHT - BOTTOM - top:.1f}"/>'
                )

    def words(self, x: float, y: float, words: str, kind: str = "label") -> None:
        """Words at a place of the axes."""
        self._drawn.append(_text(self.x.at(x), self.y.at(y), words, kind))

    def figure(self, title: str, says: str, heads: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
        """All of it as a figure.

        Args:
            title: above it, as text.
            says: what can be seen, in words, as text.
            heads: of the table behind it, as text.
            rows: of it, as text.
            note: below it, as text.
        """
        svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">'
        return figure(title, f"{svg}{''.join(self._drawn)}</svg>", heads, rows, note)


def figure(title: str, drawn: str, heads: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A drawing as HTML, its title above and its numbers below, folded up."""
    below = f'<p class="plot-note">{escape(note)}</p>' if note else ""
    cells = [[escape(cell) for cell in row] for row in rows]
    numbers = table([escape(head) for head in heads], cells)
    return (
        f'<figure class="plot"><figcaption>{escape(title)}</figcaption>\n{drawn}{below}\n'
        f'<details class="numbers"><summary>The numbers<span class="unseen"> of {escape(title)}</span></summary>'
        f'<div class="scrolls" tabindex="0" role="region" aria-label="Numbers of {escape(title)}">{numbers}</div>'
        "</details></figure>\n"
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
