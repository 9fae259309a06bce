"""Plausible ranges of a bundle: for every number it can give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echocare_core.bundle import read_plausible
from echocare_core.checks.finding import Note
from echocare_core.checks.trial import try_outputs
from echocare_core.types import Measurement


def check_plausible(folder: Path) -> Iterator[str]:
    """Every measurement has a plausible range with its source; lengths in pixels, and numbers of frames, need none."""
    known = read_plausible(folder)
    found = try_outputs(folder)
    if isinstance(found, Note):
        yield found
        return
    given = {
        one.column for one in found if isinstance(one, Measurement) and one.unit not in ("px", "px2", "px3", "frame")
    }
    missing = sorted(given - known.keys())
    if missing:
        yield f"metadata.json has no plausible range for {', '.join(missing)}; add it with its source under plausible."
