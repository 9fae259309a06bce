"""A folder that fills with ultrasound files, each of a patient, a study and a series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inventory_tables import table_of
from ultrasound_files import marked, write_ultrasound

from echocare_core.inventory.inspection import inspect_export

Add = Callable[..., Path]
PEOPLE = {"PatientName": None, "PatientBirthDate": None, "PatientSex": None}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


@pytest.fixture
def add(export: Path) -> Add:
    """Writes one file: its patient id, its study, the value its pixels have, further attributes."""

    def write(name: str, patient: str | None = "", study: str = "1", *, grey: int = 10, **attributes: Any) -> Path:
        path = export / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = attributes.pop("frames", 1)
        uids = {"StudyInstanceUID": f"1.2.{study}", "SeriesInstanceUID": f"1.2.{study}.1"}
        pixels = marked(frames) + np.uint8(grey - 10)
        return write_ultrasound(path, pixels, attributes={**PEOPLE, "PatientID": patient, **uids, **attributes})

    return write


@pytest.fixture
def rows(export: Path, tmp_path: Path) -> Callable[..., dict[str, dict[str, str]]]:
    """Takes the inventory of the folder; gives the rows of its table by file name."""

    def take(**options: Any) -> dict[str, dict[str, str]]:
        inspect_export(export, tmp_path / "out", **options)
        return table_of(tmp_path / "out" / "table.csv")

    return take
