"""Pictures that a bundle makes of frames as DICOM objects derived from their source (PS3.3 A.8, C.7.6.1.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from echocare_core.results.dicom.capture import Captured, frames_of, write_capture
from echocare_core.results.dicom.common import Kind
from echocare_core.results.dicom.said import Said
from echocare_core.results.table import FILE

NUMBER = 4  # told from other kinds by it in the Series Number


def derived_kind(name: str) -> Kind:
    """The kind of the objects of pictures of that name."""
    return Kind(name, "OT", NUMBER, name.capitalize(), alone=False)


def derived_writer(name: str) -> Callable[[Said, Path], None]:
    """Writes the pictures of that name of a file as one object: a still, or a cine that plays as its source does."""
    return partial(_write, name)


def _write(name: str, said: Said, path: Path) -> None:
    card, spacing = said.card, said.spacing_mm
    what = Captured(
        derived_kind(name),
        f"The picture as {card.name} {card.version} has made it of the source: pixel by pixel, at its size; what is no "
        "echo as it was recorded.",
        None if spacing is None else (*spacing, said.source.size[0]),
    )
    write_capture(path, frames_of(said, f"{name}{FILE}"), said.source, card, what)
