"""What an inventory keeps of one file: what it is and holds, whether it is usable; nothing that says whose it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import Header, looks_like_dicom, name_of, read_header, text, value
from echocare_core.frames.dicom.read import open_frames
from echocare_core.frames.inputs import Places
from echocare_core.frames.policy import use
from echocare_core.frames.read import first_bytes, read_frames
from echocare_core.inventory.identity import IDENTITY, Identity, read_identity
from echocare_core.inventory.pixels import fingerprint
from echocare_core.secret import SecretKey
from echocare_core.types import Frames

DESCRIPTION = ["BurnedInAnnotation", "BodyPartExamined", "ManufacturerModelName"]
MODEL = re.compile("[A-Za-z0-9][A-Za-z0-9 ./+-]{0,31}")  # a model's name; never a person's, which DICOM writes with ^
NOBODY = Identity()


@dataclass(frozen=True)
class Record:
    """One file of an export.

    Attributes:
        kind: "dicom", "picture" (PNG, JPEG) or "other"; `listing` adds folder, link, missing and unlisted.
        usable: its frames can be read, as far as its header tells.
        reason: why it was set aside, without its name.
        identity: of a DICOM object, in pseudonyms.
        sop_class: by its name in PS3.6.
        modality, body_part, burned_in: codes of Modality (0008,0060), Body Part Examined (0018,0015) and Burned In
            Annotation (0028,0301); "" where the object does not say.
        transfer_syntax: by its name.
        scanner: Manufacturer's Model Name (0008,1090).
        frames: how many.
        height_px, width_px: of a frame.
        row_mm, column_mm: millimetres per pixel of the scan, None where nothing calibrates it.
        timed: the object says when its frames were recorded.
        regions: kinds of its ultrasound regions, each once, separated by blanks.
        fingerprint: of its pixels.
    """

    kind: str
    usable: bool = False
    reason: str = ""
    identity: Identity = NOBODY
    sop_class: str = ""
    modality: str = ""
    body_part: str = ""
    burned_in: str = ""
    transfer_syntax: str = ""
    scanner: str = ""
    frames: int = 0
    height_px: int = 0
    width_px: int = 0
    row_mm: float | None = None
    column_mm: float | None = None
    timed: bool = False
    regions: str = ""
    fingerprint: str | None = None


def read_record(path: Path, key: SecretKey) -> Record:
    """Read the header of one file of any kind; what cannot be used is a record too, with its reason."""
    told: dict[str, object] = {"kind": "other"}
    try:
        if looks_like_dicom(first_bytes(path)):
            told = {"kind": "dicom"}
            header = read_header(path, also=[*IDENTITY, *DESCRIPTION])
            told |= {"identity": read_identity(header.dataset, key), **_description(header)}
            frames = open_frames(header)
        else:
            frames = read_frames(path)
            told = {"kind": "picture"}
        told |= _content(use(frames)) | {"fingerprint": fingerprint(frames, key)}
    except UnreadableFrames as fault:
        return Record(**told, reason=fault.reason)  # type: ignore[arg-type]
    except OSError:
        return Record(**told, reason="cannot be read from the disk any more. Copy it again.")  # type: ignore[arg-type]
    return Record(**told, usable=True)  # type: ignore[arg-type]


def read_records(places: Places, key: SecretKey, sources: list[str]) -> list[Record]:
    """The records of some files of an export."""
    return [read_record(places.path_of(source), key) for source in sources]


def _description(header: Header) -> dict[str, str]:
    dataset = header.dataset
    return {
        "sop_class": name_of(header.sop_class),
        "modality": text(dataset, "Modality"),
        "body_part": text(dataset, "BodyPartExamined"),
        "burned_in": text(dataset, "BurnedInAnnotation"),
        "transfer_syntax": name_of(header.transfer_syntax or ""),
        "scanner": _model(dataset),
    }


def _model(dataset: Dataset) -> str:
    found = str(value(dataset, "ManufacturerModelName") or "").strip(" \0")
    return found if MODEL.fullmatch(found) else ""


def _content(frames: Frames) -> dict[str, object]:
    row_mm, column_mm = frames.spacing_mm or (None, None)
    return {
        "frames": len(frames),
        "height_px": frames.size[0],
        "width_px": frames.size[1],
        "row_mm": row_mm,
        "column_mm": column_mm,
        "timed": frames.frame_times_ms is not None,
        "regions": " ".join(sorted({region.kind for region in frames.regions})),
    }
