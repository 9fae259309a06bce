"""DICOM objects as results have them, small: what storing them needs, not what a viewer does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from ultrasound_files import marked, write_dataset, write_ultrasound

from echocare_core.version import MANUFACTURER

SEG, SR, KEY_OBJECTS = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("66.4", "88.33", "88.59"))
CAPTURE, CINE_CAPTURE = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"
STUDY = "1.2.826.0.1.3680043.8.498.7"
ONE_OF_EACH = (SEG, SR, KEY_OBJECTS, CAPTURE, CINE_CAPTURE)


def write_source(path: Path, study: str = STUDY, **attributes: Any) -> Path:
    """The image of a patient that results are about."""
    path.parent.mkdir(parents=True, exist_ok=True)
    series = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1", "StudyDate": "20240105"}
    return write_ultrasound(path, marked(), spacing_mm=(0.2, 0.2), attributes={**series, **attributes})


def write_object(path: Path, sop_class: str = SEG, study: str = STUDY, **attributes: Any) -> Path:
    """One object of results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = {
        "SOPClassUID": sop_class,
        "Manufacturer": MANUFACTURER,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.{sop_class.rpartition('.')[2]}",
        **attributes,
    }
    if sop_class in (SR, KEY_OBJECTS):
        return write_dataset(path, _report(own))
    if sop_class != SEG:
        return write_ultrasound(path, marked(2 if sop_class == CINE_CAPTURE else 1), attributes=own)
    bits = {"SamplesPerPixel": 1, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "Modality": "SEG"}
    planar = {"PlanarConfiguration": None, "Rows": 24, "Columns": 32}
    mask = np.packbits(marked(1, channels=1)[0, ..., 0] > 99, bitorder="little").tobytes()
    return write_ultrasound(path, mask, photometric="MONOCHROME2", attributes={**bits, **planar, **own})


def write_results(folder: Path, kinds: Sequence[str] = ONE_OF_EACH, study: str = STUDY) -> Path:
    """A results folder whose `dicom` holds an object of each kind."""
    for number, sop_class in enumerate(kinds):
        write_object(folder / "dicom" / f"{number:03d}.dcm", sop_class, study)
    return folder


def _report(attributes: dict[str, Any]) -> Dataset:
    dataset = Dataset()
    dataset.SOPInstanceUID, dataset.Modality = generate_uid(), "SR"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "ID-4711"
    said = Dataset()
    said.ValueType, said.TextValue = "TEXT", "102.4 mm"
    dataset.ContentSequence = [said]
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset
