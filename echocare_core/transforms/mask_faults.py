"""What a picture that cannot be a mask is, in words, and what helps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.counting import counted

LARGEST = 255
MOST_OF_EDGES = 0.1  # of the pixels; JPEG leaves values beside 0 and 255 on 0.05 at most, pictures have them on 0.2


def describe_colours(values: NDArray[Any], labels: int) -> str:
    """What is wrong with a mask (height, width, channels) that is no grey one, as a sentence goes on from its path."""
    colours = len(np.unique(values.reshape(-1, values.shape[-1]), axis=0))
    instead = ", or one colour on black" if labels == 2 else ""
    return (
        f"is in colour, with {colours} of them; needed label numbers 0 to {labels - 1} in one channel{instead}. "
        "Save it so."
    )


def describe_values(values: NDArray[Any], found: NDArray[Any], labels: int) -> str:
    """What is wrong with the values of a mask (height, width), and what helps; `found` has each of them once."""
    needed = f"needed label numbers 0 to {labels - 1}, or 0 and 255 alone"
    between = found[(found > 0) & (found < LARGEST)]
    if labels != 2 or len(found) < 3 or not LARGEST // 2 < found.max() <= LARGEST:
        return f"holds the value {found.max()}; {needed}. Save it so."
    share = float(np.isin(values, between).mean())
    holds = (
        f"holds {counted(len(between), 'value')} between 0 and 255, {between.min()} to {between.max()} on "
        f"{_percent(share)} % of its pixels"
    )
    if share > MOST_OF_EDGES:
        return f"{holds}, as a picture does; {needed}. Name the file in which its mask is drawn."
    return f"{holds}, as JPEG leaves them at edges; {needed}. Save it as PNG, or set mask_threshold, such as 128."


def _percent(share: float) -> str:
    """A share in percent with two digits at most before or after the point, never as a power of ten."""
    return f"{100 * share:.0f}" if share >= MOST_OF_EDGES else f"{100 * share:.2g}"
