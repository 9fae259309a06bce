"""Where a measurement was made: its line with a bar at each end, or its outline, and its value beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from echocare_core.results.overlay.canvas import Canvas, Colour, Line, colour_of
from echocare_core.results.overlay.marks import Key
from echocare_core.results.wording import measurement_text, value_text
from echocare_core.types import Measurement

_THIN, _LEAST = 0.6, 2.0  # of the thickness of other lines, and pixels: it must not hide what was found
_BAR, _GAP = 3.0, 5.0  # half the length of a bar, and how far the value stands from its line, in thicknesses


def draw_measurements(canvas: Canvas, measurements: Sequence[Measurement], first_colour: int) -> Iterator[Key]:
    """Draw every measurement that has a line.

    Args:
        canvas: to draw on.
        measurements: of that frame.
        first_colour: number of the first one's colour (`colour_of`); each has its own.

    Returns:
        Colour of each, and its name with its value.
    """
    drawn = [one for one in measurements if one.line_px is not None]
    for colour, one in zip(map(colour_of, range(first_colour, first_colour + len(drawn))), drawn, strict=True):
        line = np.asarray(one.line_px, dtype=float) + 0.5  # a pixel's centre is its middle
        lines = [line] if _is_closed(line) else [line, *_bars(line, canvas)]
        thickness = max(_LEAST, _THIN * canvas.thickness)
        canvas.draw_lines(lines, canvas.box_around(np.concatenate(lines)), colour, thickness=thickness)
        _write_value(canvas, value_text(one.value, one.unit), line, colour)
        yield Key(colour, measurement_text(one.name, one.value, one.unit), "ring" if _is_closed(line) else "line")


def _is_closed(line: Line) -> bool:
    return len(line) > 2 and bool(np.allclose(line[0], line[-1]))


def _bars(line: Line, canvas: Canvas) -> list[Line]:
    """A short line across each end."""
    along = line[-1] - line[0]
    across = np.array([-along[1], along[0]]) / max(1e-9, float(np.hypot(*along)))
    reach = _BAR * canvas.thickness / canvas.factor * across
    return [np.stack([end - reach, end + reach]) for end in (line[0], line[-1])]


def _write_value(canvas: Canvas, text: str, line: Line, colour: Colour) -> None:
    """Outside of the last end of a line; of an outline an eighth of the way round, where no axis of it ends."""
    place = line[len(line) // 8] if _is_closed(line) else line[-1]
    outwards = place - line.mean(axis=0)
    outwards /= max(1e-9, float(np.hypot(*outwards)))
    row, column = place + _GAP * canvas.thickness / canvas.factor * outwards
    aside = "m" if abs(outwards[1]) < 0.4 else "l" if outwards[1] > 0 else "r"
    height = "m" if aside != "m" else "a" if outwards[0] > 0 else "s"
    canvas.write(text.replace("\u00b2", "2"), row, column, colour, f"{aside}{height}")
