"""Requests for `service.py`: files that are right, broken, huge or hostile, and what each must be answered with."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

import echocare_core as echocare
from echocare_core.types import Results

MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """One request.

    Attributes:
        name: what it is.
        file: that is sent.
        error: by which name it must be refused; "" where it must be answered with what `expected` has.
    """

    name: str
    file: Path
    error: str = ""


def make_cases(stills: Sequence[Path], folder: Path, upload_mib: int, frames: int) -> list[Case]:
    """Cases around a few DICOM stills: most as a hospital sends them, a third that no service must fall over.

    Args:
        stills: single-frame DICOM objects.
        folder: for the files.
        upload_mib: largest request of the service.
        frames: most of one request.
    """
    folder.mkdir(parents=True, exist_ok=True)
    good = [Case("still", shutil.copy(path, folder / f"still_{number}")) for number, path in enumerate(stills)]
    picture = Image.fromarray(np.asarray(echocare.read_frames(stills[0]).pixels[0]))
    picture.save(folder / "picture.png")
    picture.save(folder / "picture.jpg", quality=90)
    good += [
        Case("cine", write_cine(stills[0], folder / "cine_12", 12)),
        Case("cine", write_cine(stills[-1], folder / "cine_24", 24)),
        Case("PNG", folder / "picture.png"),
        Case("JPEG", folder / "picture.jpg"),
        Case("ZIP", zipped(stills, folder / "study.zip")),
    ]
    return [*good, *_bad(stills[0], folder, upload_mib, frames)]


def _bad(still: Path, folder: Path, upload_mib: int, frames: int) -> Iterator[Case]:
    whole = still.read_bytes()
    yield Case("cut short", written(folder / "cut", whole[: len(whole) // 3]), "UnreadableFrames")
    yield Case("text", written(folder / "text", b"no picture\n" * 100), "UnreadableFrames")
    yield Case("noise", written(folder / "noise", np.random.default_rng(0).bytes(MIB)), "UnreadableFrames")
    yield Case("huge", written(folder / "huge", bytes((upload_mib + 8) * MIB)), "TooLarge")
    yield Case("bomb", written(folder / "bomb.zip", _bomb()), "UnreadableFrames")
    yield Case("long cine", write_cine(still, folder / "long", frames + 1), "TooManyFrames")
    yield Case("huge frame", _with_size(still, folder / "wide", 60_000), "UnreadableFrames")
    yield Case("table", written(folder / "table.csv", b"image\n/etc/hosts\n"), "TableSent")


def written(path: Path, data: bytes) -> Path:
    """The path, with the data in it."""
    path.write_bytes(data)
    return path


def write_cine(still: Path, path: Path, frames: int) -> Path:
    """A cine of a still that moves down, a row a frame."""
    picture = np.asarray(echocare.read_frames(still).pixels[0])
    dataset = dcmread(still)
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel, dataset.PlanarConfiguration = "RGB", 3, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.NumberOfFrames, dataset.FrameTime, dataset.SOPInstanceUID = frames, 40.0, generate_uid()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    data = np.stack([np.roll(picture, number % 32, axis=0) for number in range(frames)]).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].is_undefined_length = False
    dataset.save_as(path)
    return path


def _with_size(still: Path, path: Path, pixels: int) -> Path:
    """A still whose header promises a picture of so many pixels in both directions."""
    dataset = dcmread(still)
    dataset.Rows = dataset.Columns = pixels
    dataset.save_as(path)
    return path


def zipped(files: Sequence[Path], path: Path) -> Path:
    """An archive of files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, file in enumerate(files):
            archive.write(file, f"ST1/IM{number}")
    return path


def _bomb() -> bytes:
    """An archive that unpacks to a thousand times its size, 1 GiB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.dcm", "w") as entry:
        for _ in range(1024):
            entry.write(bytes(MIB))
    return packed.getvalue()


def expect(bundle: str | Path, case: Case, out: Path, settings: dict[str, Any]) -> Results:
    """What `echocare predict` says of a case."""
    return echocare.predict(bundle, case.file, out, settings=settings)
