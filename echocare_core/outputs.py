"""What is made of the outputs of a prediction: the one of a kind, what is small enough to be kept, plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from echocare_core.errors import BundleError
from echocare_core.types import ClassActivation, Mask, Measurement, Output, Picture, Scores

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


def mean_of_scores(scores: Sequence[Scores]) -> Scores:
    """The mean probability of each class, as of the frames of a cine; question and operating point of the first."""
    first = scores[0]
    return replace(
        first,
        probabilities={
            name: float(np.mean([one.probabilities[name] for one in scores])) for name in first.probabilities
        },
    )


def without_pixels(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Outputs without masks, maps, pictures and the lines of measurements: what a long run can keep of every frame."""
    return tuple(
        replace(output, line_px=None) if isinstance(output, Measurement) else output
        for output in outputs
        if not isinstance(output, (Mask, ClassActivation, Picture))
    )


def plain_outputs(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Outputs whose tensors, on whatever device, are numbers and arrays: what tables are written of and kept.

    Raises:
        TypeError: a value is neither a tensor nor plain.
    """
    return tuple(_plain(output) for output in outputs)


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str) or isinstance(value, (np.ndarray, np.generic)):
        return value
    if hasattr(value, "detach"):
        array = value.detach().cpu().numpy()
        return array if array.ndim else array.item()
    if isinstance(value, (tuple, list)):
        return type(value)(_plain(one) for one in value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _plain(getattr(value, one.name)) for one in fields(value) if one.init})
    raise TypeError(f"a {type(value).__name__} cannot be kept")
