"""What speaks against the numbers of a row: they stay, marked in table, overlay and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocare_core.results.overlay import marks_nothing
from echocare_core.results.wording import NOTHING_FOUND, QUOTIENT, limits_text, name_text, split_column, value_text
from echocare_core.types import Foreign, Mask, Measurement, Plausible, Prediction

WHOLE = 0.9  # share of the scan region: a label that covers more outlines nothing
FEWEST_GREYS = 8  # between the darkest and the brightest hundredth of the scan region: fewer show nothing
_LOOKED_AT = 512  # pixels of each side, evenly spaced, are enough to see that there is nothing


class Doubt(NamedTuple):
    """One doubt about a row.

    Attributes:
        says: what is doubted, the same words for every frame: "head circumference is outside 40 to 360 mm".
        found: what it was in this frame: "31886.0 mm"; empty where there is no number.
        column: of the table that it is about; empty where it is about the whole row.
    """

    says: str
    found: str = ""
    column: str = ""

    @property
    def text(self) -> str:
        """In one piece, for the table and the overlay."""
        return f"{self.says}: {self.found}" if self.found else self.says


def doubts_of(
    prediction: Prediction, values: Mapping[str, object], plausible: Mapping[str, Plausible], caution: str = ""
) -> tuple[Doubt, ...]:
    """Everything that speaks against the numbers of a prediction.

    Args:
        prediction: of one frame, cine or study.
        values: its row of the table.
        plausible: of the bundle, by column, or by "NAME / NAME" for a quotient of two measurements of one unit.
        caution: of the bundle, which speaks against all it says.
    """
    of_the_bundle = (Doubt(caution),) if caution else ()
    of_numbers = _of_numbers(prediction, values, plausible)
    return (*of_the_bundle, *_of_the_picture(prediction), *_of_masks(prediction), *of_numbers)


def of_foreign(foreign: Foreign) -> Doubt:
    """The doubt about a picture that is not what the bundle is meant for."""
    return Doubt(foreign.says, f"{foreign.probability:.2f}")


def _of_the_picture(prediction: Prediction) -> Iterator[Doubt]:
    if prediction.foreign is not None:
        yield of_foreign(prediction.foreign)
    if prediction.image is not None and _is_blank(_inside(prediction.image, prediction)):
        yield Doubt("the picture is blank")
    if marks_nothing(prediction.outputs):
        yield Doubt(NOTHING_FOUND)


def _is_blank(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture has hardly a grey value more than one; a caption on a corner of it does not count."""
    steps = [max(1, side // _LOOKED_AT) for side in picture.shape[:2]]
    darkest, brightest = np.percentile(picture[:: steps[0], :: steps[1]], [1, 99])
    return bool(brightest - darkest < FEWEST_GREYS)


def _of_masks(prediction: Prediction) -> Iterator[Doubt]:
    for mask in (output for output in prediction.outputs if isinstance(output, Mask)):
        inside = _inside(mask.values, prediction)
        for value, pixels in enumerate(np.bincount(inside.ravel())):
            if value and pixels > WHOLE * inside.size:
                name = name_text(mask.labels.get(value, f"label {value}"))
                yield Doubt(f"the mask of {name} covers the whole picture", f"{100 * pixels / inside.size:.0f} %")


def _inside(picture: NDArray[np.uint8], prediction: Prediction) -> NDArray[np.uint8]:
    """What the probe saw of a picture of the whole frame."""
    top, left, bottom, right = prediction.scan_box or (0, 0, *picture.shape[:2])
    return picture[top:bottom, left:right]


def _of_numbers(
    prediction: Prediction, values: Mapping[str, object], plausible: Mapping[str, Plausible]
) -> Iterator[Doubt]:
    for name, known in plausible.items():
        if QUOTIENT in name:
            yield from _of_quotient(prediction, name, known)
            continue
        value, (of, unit) = values.get(name), split_column(name)
        if isinstance(value, (int, float)) and np.isfinite(value) and not known.low <= value <= known.high:
            yield Doubt(f"{name_text(of)} is outside {limits_text(name, known)}", value_text(value, unit), name)


def _of_quotient(prediction: Prediction, name: str, known: Plausible) -> Iterator[Doubt]:
    measured = {one.name: one for one in prediction.outputs if isinstance(one, Measurement)}
    above, below = (measured.get(part) for part in name.split(QUOTIENT))
    if above is None or below is None or above.unit != below.unit or not below.value:
        return
    value = above.value / below.value
    if np.isfinite(value) and not known.low <= value <= known.high:
        words = f"{name_text(above.name)} to {name_text(below.name)}"
        yield Doubt(f"{words} is outside {limits_text(name, known)}", f"{value:.2f}", above.column)
