"""The numbers of an evaluation as JSON: what it does not know is null, and every number says of how many it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from echocare_core.evaluation.estimate import Estimate


def estimate_json(one: Estimate) -> dict[str, Any]:
    """`mean` is the number itself, as in what `WriteEvaluation` writes, also where it is no mean."""
    return {
        "mean": known(one.estimate),
        "low": known(one.low),
        "high": known(one.high),
        "images": one.images,
        "groups": one.groups,
        **({"unit": one.unit} if one.unit else {}),
        **({"warning": one.warning} if one.warning else {}),
    }


def known(value: float) -> float | None:
    """A number, None where it is none."""
    return float(value) if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Arrays, estimates and numbers that are none, as JSON has them, in whatever they stand."""
    if isinstance(value, Estimate):
        return estimate_json(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return known(value) if isinstance(value, float) else value
