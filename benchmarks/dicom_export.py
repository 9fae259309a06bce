"""A table of pictures and labels as a hospital would have them: a DICOM export and a table of labels beside it.

    python benchmarks/dicom_export.py BUS_BRA EXPORT --split test
    echocare evaluate breast_lesion_segmentation EXPORT/dicom EXPORT/evaluation --labels EXPORT/labels.csv

Each picture becomes one US Image object, stored without loss: the column `group` as Patient ID, `device` as
Manufacturer's Model Name, `pixel_mm` as the scale of its one region, and a study and an accession number of its own.
The other columns stand in labels.csv, joined by SOP Instance UID. Two runs give the same bytes.
"""

from __future__ import annotations

import csv
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID

EXPLICIT, STILL = "1.2.840.10008.1.2.1", "1.2.840.10008.5.1.4.1.1.6.1"
NAMESPACE = uuid.UUID("2d3c1f0a-8d53-5c3e-9a55-0d1b6f6f4a11")  # any fixed one will do
NOT_LABELS = ("image", "mask", "group", "split", "device", "pixel_mm", "width", "height")


def main(
    table: Annotated[Path, typer.Argument(help="Folder with a table.csv (data_manifests/README.md).")],
    out: Annotated[Path, typer.Argument(help="Folder for dicom/ and labels.csv.")],
    split: Annotated[str, typer.Option(help="Which rows.")] = "test",
) -> None:
    """Write OUT/dicom and OUT/labels.csv."""
    with (table / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    labels = [write_object(table, row, out / "dicom") for row in rows]
    for label, row in zip(labels, rows, strict=True):
        if row.get("mask"):
            label["mask"] = Path(os.path.relpath((table / row["mask"]).resolve(), out.resolve())).as_posix()
        label.update({name: cell for name, cell in row.items() if name not in NOT_LABELS})
    with (out / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(labels[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(labels)
    print(f"{len(rows)} objects in {out / 'dicom'}, their labels in {out / 'labels.csv'}.")


def write_object(table: Path, row: Mapping[str, str], out: Path) -> dict[str, str]:
    """Write one picture as an object, and return by what its labels join it."""
    name = f"{table.name}/{row['image']}"
    dataset = describe(name, row)
    with Image.open(table / row["image"]) as picture:
        store(dataset, np.asarray(picture.convert("RGB")), row.get("pixel_mm", ""))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = STILL, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(EXPLICIT)
    path = out / f"{Path(row['image']).stem}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = FileDataset(None, dataset, b"\0" * 128, meta, is_implicit_VR=False, is_little_endian=True)
    dcmwrite(str(path), file)
    return {"sop_instance_uid": str(dataset.SOPInstanceUID)}


def describe(name: str, row: Mapping[str, str]) -> Dataset:
    """Patient, study, series and equipment (PS3.3 C.7.1 to C.7.5)."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = STILL, make_uid("object", name)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = make_uid("study", name), make_uid("series", name)
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "US", 1, 1
    dataset.PatientName, dataset.PatientID = "", row["group"]
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyDate = dataset.StudyTime = dataset.StudyID = ""
    dataset.AccessionNumber = f"A{uuid.uuid5(NAMESPACE, name).int % 10**10:010}"
    dataset.ReferringPhysicianName = dataset.Manufacturer = ""
    if row.get("device"):
        dataset.ManufacturerModelName = row["device"]
    return dataset


def store(dataset: Dataset, pixels: np.ndarray, pixel_mm: str) -> None:
    """The Image Pixel module, and the one region of a calibrated picture (PS3.3 C.7.6.3, C.8.5.5)."""
    height, width = pixels.shape[:2]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.PlanarConfiguration = height, width, 3, 0
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    dataset["PixelData"].VR = "OB"
    if pixel_mm not in ("", "nan"):
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = width - 1, height - 1
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = region.PhysicalDeltaY = float(pixel_mm) / 10
        dataset.SequenceOfUltrasoundRegions = [region]


def make_uid(*name: str) -> UID:
    """A UID from a name, always the same (PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(name)).int}")


if __name__ == "__main__":
    typer.run(main)
