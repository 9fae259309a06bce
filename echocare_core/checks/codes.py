"""Codes of a bundle: by which other programs understand what its DICOM objects say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echocare_core.bundle import read_codes
from echocare_core.checks.finding import Note
from echocare_core.checks.trial import try_outputs
from echocare_core.types import Mask, Measurement


def check_codes(folder: Path) -> Iterator[str]:
    """Every label and measurement has a code; without one it is written with a private code that says its name."""
    known = read_codes(folder)
    found = try_outputs(folder)
    if isinstance(found, Note):
        yield found
        return
    labels = {name for one in found if isinstance(one, Mask) for name in one.labels.values()}
    measurements = {one.name for one in found if isinstance(one, Measurement)}
    kinds = {"label": labels - known.labels.keys(), "measurement": measurements - known.measurements.keys()}
    for kind, missing in kinds.items():
        if missing:
            yield Note(
                f"metadata.json has no code for the {kind} {', '.join(sorted(missing))}: DICOM objects name it by a "
                "private code. Look one up in SNOMED CT or LOINC, and add it under dicom."
            )
