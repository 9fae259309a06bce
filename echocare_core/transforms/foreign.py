"""A note in the meta of a picture, that it does not look like what its bundle is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai.data import MetaTensor

from echocare_core.types import Foreign

_SAYS, _PROBABILITY = "foreign", "foreign_probability"


def note_foreign(image: MetaTensor, found: Foreign | None) -> None:
    """Write the note; nothing is found in a picture that looks as it should."""
    image.meta[_SAYS] = found.says if found else ""
    image.meta[_PROBABILITY] = found.probability if found else 0.0


def foreign_in(meta: Mapping[str, Any]) -> Foreign | None:
    """What the note says; None where there is none."""
    says = str(meta.get(_SAYS) or "")
    return Foreign(says, float(meta[_PROBABILITY])) if says else None
