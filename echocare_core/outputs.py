"""Outputs of one kind out of those of a prediction, for a consumer that takes no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from echocare_core.errors import BundleError
from echocare_core.types import Output

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
