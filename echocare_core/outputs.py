"""What is taken out of the outputs of a prediction: the one of a kind, or what is small enough to be kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from echocare_core.errors import BundleError
from echocare_core.types import Mask, Measurement, Output, Picture

Kind = TypeVar("Kind", bound=Output)


def only_output(outputs: Sequence[Output], kind: type[Kind], consumer: str) -> Kind:
    """The one output of a kind.

    Args:
        outputs: of one prediction.
        kind: class of the output, such as `Scores`.
        consumer: what asks for it, in the words of a person, such as "The mean of scores".

    Raises:
        BundleError: there is none of that kind, or there are several.
    """
    found = [output for output in outputs if isinstance(output, kind)]
    if len(found) != 1:
        given = ", ".join(type(output).__name__ for output in outputs) or "nothing"
        raise BundleError(
            f"{consumer} takes one {kind.__name__}; this bundle gives {given}. Choose what fits its task in its "
            "configuration."
        )
    return found[0]


def without_pixels(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Outputs without masks, pictures and the lines of measurements: what a long run can keep of every frame."""
    return tuple(
        replace(output, line_px=None) if isinstance(output, Measurement) else output
        for output in outputs
        if not isinstance(output, (Mask, Picture))
    )
