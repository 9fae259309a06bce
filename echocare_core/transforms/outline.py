"""A note in the meta of a picture, of what another bundle has outlined and measured in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from monai.data import MetaTensor

from echocare_core.types import Measurement

_OUTLINE = "outline"


@dataclass(frozen=True)
class Outline:
    """What is outlined in a picture.

    Attributes:
        measured: in pixels of the recorded frame, where they are not in mm.
        centre: (down, across) of the largest part, 0 to 1 from edge to edge of the scan region; None where nothing is
            outlined, or the place is not known.
    """

    measured: tuple[Measurement, ...]
    centre: tuple[float, float] | None = None

    def value(self, name: str) -> tuple[float, str] | None:
        """A measurement with its unit; None where there is none of that name."""
        return next(((one.value, one.unit) for one in self.measured if one.name == name), None)


def note_outline(image: MetaTensor, found: Outline | None) -> None:
    """Write the note; None where nobody has looked."""
    image.meta[_OUTLINE] = "" if found is None else json.dumps([[_plain(one) for one in found.measured], found.centre])


def outline_in(meta: Mapping[str, Any]) -> Outline | None:
    """What the note says; None where there is none."""
    text = str(meta.get(_OUTLINE) or "")
    if not text:
        return None
    measured, centre = json.loads(text)
    return Outline(tuple(map(_measurement, measured)), None if centre is None else (centre[0], centre[1]))


def _plain(one: Measurement) -> list[Any]:
    return [one.name, float(one.value), one.unit, None if one.line_px is None else np.asarray(one.line_px).tolist()]


def _measurement(plain: list[Any]) -> Measurement:
    name, value, unit, line_px = plain
    return Measurement(name, value, unit, None if line_px is None else np.array(line_px, float))
