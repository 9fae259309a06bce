"""Lines of measurements while a run lasts: in files, as a long run would have too many of them in memory.

They stand in the hidden folder of the run, so that one that was stopped finds them again, and are gone with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.results.table.place import Place
from echocare_core.results.values import decode, encode
from echocare_core.types import Measurement, Output

LINES = "lines"  # folder in the hidden one


def save_lines(outputs: Iterable[Output], place: Place) -> str:
    """Write the lines of all measurements of a prediction.

    Returns:
        Path of the file, relative to the hidden folder; "" where nothing was measured along a line.
    """
    measured = (one for one in outputs if isinstance(one, Measurement))
    lines = {one.column: np.asarray(one.line_px) for one in measured if one.line_px is not None}
    return place.save_text(json.dumps(encode(lines)), LINES, "") if lines else ""


def read_lines(path: Path) -> Mapping[str, NDArray[np.floating[Any]]]:
    """Column of a measurement -> where it was measured (`Measurement.line_px`).

    Raises:
        OSError: the file is gone.
    """
    lines: Mapping[str, NDArray[np.floating[Any]]] = decode(json.loads(path.read_text(encoding="ascii")))
    return lines
