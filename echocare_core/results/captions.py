"""The words below the overlay of a frame."""

from __future__ import annotations

from collections.abc import Sequence

from echocare_core.results.doubts import Doubt
from echocare_core.results.overlay import DRAWERS, marks_nothing
from echocare_core.results.wording import NOT_CALIBRATED, NOTHING_FOUND, in_pixels, outputs_text
from echocare_core.types import Mask, Measurement, Output, Prediction


def caption_lines(prediction: Prediction, doubts: Sequence[Doubt] = ()) -> list[str]:
    """What stands below the overlay of a frame, in words, beside the legend of what is drawn on it."""
    nothing = marks_nothing(prediction.outputs)
    unsaid = (*DRAWERS, Measurement) if nothing else tuple(DRAWERS)
    said = outputs_text(
        output for output in prediction.outputs if not isinstance(output, unsaid) and not _is_drawn(output)
    )
    check = [f"CHECK: {doubt.text}" for doubt in doubts if doubt.says != NOTHING_FOUND]
    if nothing:
        return [NOTHING_FOUND, *said, *check]
    has_lengths = any(isinstance(output, Mask) for output in prediction.outputs) or in_pixels(prediction.outputs)
    return [*said, *([] if prediction.spacing_mm or not has_lengths else [NOT_CALIBRATED]), *check]


def _is_drawn(output: Output) -> bool:
    return isinstance(output, Measurement) and output.line_px is not None
