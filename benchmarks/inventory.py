"""What the inventory of an export costs as exports grow: files per second, CPU time per file, peak memory.

    python benchmarks/inventory.py --out inventory.json

An export is made for each number of files: every tenth file a report without pixels, every twentieth a copy of the one
before, the rest stills and cines of eight JPEG frames, in studies of ten files and patients of two studies, with UIDs
and pixels of their own. Each inventory is taken in a process of its own, as `echocare inspect EXPORT --out FOLDER` is,
then once more over the same folder, which reads no file again. The files have just been written, so no disk is waited
for. CPU time leaves out what else the machine does; memory is the largest resident size of any one of the processes.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit
from rich.console import Console
from rich.progress import track
from rich.table import Table

from echocare_core.inventory.inspection import inspect_export

SIDE, FRAMES = 64, 8
IN_STUDY, IN_PATIENT = 10, 20
STILL, CINE, REPORT = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("6.1", "3.1", "88.33"))
# Put in by their bytes: as long in every file, so that a file is made without writing a dataset.
MARKS = "1.2.3.1.10000000", "1.2.3.2.10000000", "1.2.3.3.10000000", "P10000000"  # object, study, series, patient


def main(
    out: Annotated[Path | None, typer.Option(help="JSON file for the numbers.")] = None,
    files: Annotated[list[int], typer.Option(help="Files of the export; may be repeated.")] = [2_000, 20_000],  # noqa: B006
    processes: Annotated[list[int], typer.Option(help="Processes that read; may be repeated.")] = [1, 2],  # noqa: B006
) -> None:
    """Measure every number of files with every number of processes, and print and write the comparison."""
    measured = []
    for count in files:
        with tempfile.TemporaryDirectory() as name:
            write_export(Path(name) / "export", count)
            for number in processes:
                for run in ("first", "again"):
                    folder = Path(name) / f"inventory-{number}"
                    measured.append({"run": run, **measure_alone(Path(name) / "export", folder, number)})
    if out:
        out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    show(measured)


def write_export(folder: Path, count: int) -> None:
    """Write so many files in folders of a study each."""
    templates = {kind: template(kind) for kind in (STILL, CINE, REPORT)}
    previous = b""
    for number in track(range(count), f"Writing {count:,} files"):
        path = folder / f"{number // IN_STUDY:06}" / f"IM{number:08}"
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = REPORT if number % 10 == 9 else STILL if number % 2 else CINE
        if number % 20 != 18:
            previous = filled(templates[kind], number)
        path.write_bytes(previous)


def template(kind: str) -> bytes:
    """One file with the marks in it, and eight bytes FF in its pixels, where its number goes."""
    random = np.random.default_rng(0)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = kind, "SR" if kind == REPORT else "US"
    dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.PatientID = MARKS
    if kind != REPORT:
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType = 1, 1
        region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
        region.RegionLocationMaxX1 = region.RegionLocationMaxY1 = SIDE - 1
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = region.PhysicalDeltaY = 0.02
        dataset.SequenceOfUltrasoundRegions = [region]
        dataset.Rows = dataset.Columns = SIDE
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    if kind == STILL:
        dataset.PixelData = b"\xff" * 8 + random.integers(0, 255, SIDE * SIDE - 8, dtype=np.uint8).tobytes()
        dataset["PixelData"].VR = "OB"
    if kind == CINE:
        dataset.NumberOfFrames, dataset.FrameTime = FRAMES, 40
        streams = [jpeg(random.integers(0, 255, (SIDE, SIDE), dtype=np.uint8)) for _ in range(FRAMES)]
        dataset.PixelData = encapsulate(streams)
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, MARKS[0]
    meta.TransferSyntaxUID = JPEGBaseline8Bit if kind == CINE else ExplicitVRLittleEndian
    file = FileDataset("", dataset, file_meta=meta, preamble=b"\0" * 128)
    file.is_implicit_VR, file.is_little_endian = False, True
    written = io.BytesIO()
    dcmwrite(written, file)
    return written.getvalue()


def jpeg(pixels: Any) -> bytes:
    """A grey JPEG stream with a comment of eight bytes FF, where the number of its file goes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", comment=b"\xff" * 8)
    return file.getvalue()


def filled(data: bytes, number: int) -> bytes:
    """A template as the file of a number, with its own UIDs, its study, its patient and its pixels."""
    study, patient = number // IN_STUDY, number // IN_PATIENT
    for mark, value in zip(MARKS, (number, study, study, patient), strict=True):
        data = data.replace(
            mark.encode(), mark.rstrip("0").encode() + b"%0*d" % (len(mark) - len(mark.rstrip("0")), value)
        )
    return data.replace(b"\xff" * 8, b"%08d" % number)


def measure_alone(export: Path, folder: Path, processes: int) -> dict[str, Any]:
    """Take one inventory in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, export, folder, processes).result()


def measure(export: Path, folder: Path, processes: int) -> dict[str, Any]:
    """Take one inventory here and say what it cost; memory in MB."""
    start, before = time.perf_counter(), cpu_seconds()
    summary = inspect_export(export, folder, processes=processes)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - before
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "files": summary["files"],
        "processes": processes,
        "usable": summary["usable"]["files"],
        "copies": summary["copies"]["same_object"],
        "files_per_second": summary["files"] / seconds,
        "cpu_ms_per_file": 1000 * cpu / summary["files"],
        "peak_mb": peaks[0],
        "peak_mb_of_readers": peaks[1],
    }


def cpu_seconds() -> float:
    """Of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def show(measured: list[dict[str, Any]]) -> None:
    """Print the numbers."""
    columns = ("files", "run", "processes", "files/s", "CPU ms/file", "peak MB", "peak MB, readers")
    table = Table(*columns)
    for one in measured:
        numbers = [
            f"{one[key]:,.1f}" for key in ("files_per_second", "cpu_ms_per_file", "peak_mb", "peak_mb_of_readers")
        ]
        table.add_row(f"{one['files']:,}", one["run"], str(one["processes"]), *numbers)
    Console(width=100).print(table)


if __name__ == "__main__":
    typer.run(main)
