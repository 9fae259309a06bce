"""Mutated ultrasound objects through `echocare deidentify`: none may stop the run, each is copied or has its reason.

    python benchmarks/fuzz_copies.py --files 4000 --seed 7

The objects are those of `fuzz.py`, of every transfer syntax. In each some elements are removed, get another VR or an
odd value, UIDs are removed or become private, elements of sequences stand at top level and the other way round; a third
is damaged byte by byte as in `fuzz.py`. All are copied in one run. The exit status is 1 if it stopped, if a file has no
row, if a copy cannot be read, or if a row or a copy's header names the patient.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fuzz import mutate, write_seeds
from ultrasound_files import PATIENT_NAME, write_dataset

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.privacy import deidentify

UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
KINDS = ("LO", "UN", "OB", "US", "FD", "DS", "SQ", "PN", "UI", "AT", "TM")
ODD = (*("", PATIENT_NAME, "1.2.826.0.1.3680043.99", "9" * 200, "-1", "nan", "1e400", "\0\\\0", "19700131"), b"\xff\0")
MISPLACED = ("CodeValue", "CodeMeaning", "RegionFlags", "ReferencedSOPClassUID", "PatientComments")
Random = np.random.Generator


def mutate_object(dataset: FileDataset, random: Random) -> None:
    """Change an object in one to four ways, as broken or private software might."""
    ways = (_remove, _set_other_kind, _set_odd_value, _change_uid, _misplace, _nest)
    for _ in range(random.integers(1, 5)):
        ways[random.integers(len(ways))](dataset, random)


def _tag(dataset: Dataset, random: Random) -> Any:
    tags = [tag for tag in list(dataset.keys()) if tag.group != 0x7FE0]
    return tags[random.integers(len(tags))]


def _remove(dataset: Dataset, random: Random) -> None:
    del dataset[_tag(dataset, random)]


def _set_other_kind(dataset: Dataset, random: Random) -> None:
    tag, kind = _tag(dataset, random), KINDS[random.integers(len(KINDS))]
    values: dict[str, Any] = {"SQ": Sequence([Dataset()]), "US": 3, "FD": 1e300, "AT": 0x00100010, "OB": b"Doe "}
    dataset[tag] = DataElement(tag, kind, values.get(kind, b"Doe " if kind == "UN" else PATIENT_NAME))


def _set_odd_value(dataset: Dataset, random: Random) -> None:
    tag, odd = _tag(dataset, random), ODD[random.integers(len(ODD))]
    dataset[tag] = DataElement(tag, "UN", odd if isinstance(odd, bytes) else odd.encode())


def _change_uid(dataset: Dataset, random: Random) -> None:
    keyword = UIDS[random.integers(len(UIDS))]
    if random.random() < 0.5:
        dataset.pop(keyword, None)
    else:
        setattr(dataset, keyword, ("1.2.826.0.1.3680043.99", "Doe", "")[random.integers(3)])


def _misplace(dataset: Dataset, random: Random) -> None:
    setattr(dataset, MISPLACED[random.integers(len(MISPLACED))], "1.2.3")


def _nest(dataset: Dataset, random: Random) -> None:
    item = Dataset()
    item.PatientName, item.SequenceOfUltrasoundRegions = PATIENT_NAME, Sequence([Dataset(), Dataset()])
    for keyword in ("SequenceOfUltrasoundRegions", "AnatomicRegionSequence")[: random.integers(1, 3)]:
        setattr(dataset, keyword, Sequence([item, item]))


def write_mutated(seeds: list[Path], files: int, seed: int, folder: Path) -> int:
    """Write mutated objects; how many objects could be written as they were meant."""
    meant = 0
    for number in range(files):
        random = np.random.default_rng([seed, number])
        path, source = folder / f"{number:06d}", seeds[number % len(seeds)]
        if number % 3:
            try:
                with suppress_warnings():
                    dataset = dcmread(source, force=True)
                    dataset.SOPInstanceUID = f"1.2.3.{number + 1}"
                    mutate_object(dataset, random)
                    syntax = dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")
                    write_dataset(path, dataset, syntax)
                meant += 1
                continue
            except Exception:  # noqa: BLE001  (pydicom writes much that is invalid, but not all)
                pass
        path.write_bytes(mutate(source.read_bytes(), random))
    return meant


def run(files: int, seed: int) -> dict[str, Any]:
    """Copy mutated objects in one run: counts of what became of them, and what went wrong."""
    faults: list[str] = []
    with TemporaryDirectory() as place, suppress_warnings():
        export, seeds = Path(place, "export"), Path(place, "seeds")
        export.mkdir()
        seeds.mkdir()
        meant = write_mutated(write_seeds(seeds), files, seed, export)
        start = time.perf_counter()
        copies = deidentify(export, Path(place, "out"))
        seconds = time.perf_counter() - start
        if len(copies.rows) != files:
            faults.append(f"{files - len(copies.rows)} files have no row")
        for row in copies.rows:
            faults += [f"file {row.file}: {fault}" for fault in _faults(Path(place, "out"), row.copy, row.set_aside)]
    reasons = Counter(row.set_aside for row in copies.rows if row.set_aside)
    return {
        "files": files,
        "seed": seed,
        "written_as_meant": meant,
        "copied": copies.made,
        "set_aside": dict(reasons.most_common()),
        "faults": faults,
        "seconds": round(seconds, 1),
    }


def _faults(out: Path, copy: str, reason: str) -> list[str]:
    names = [*PATIENT_NAME.split("^"), "4711", "19700131"]
    found = [f"its reason names {name}" for name in names if name in reason]
    if copy:
        try:
            read_frames(out / copy).pixels[0]
        except UnreadableFrames as fault:
            found.append(f"its copy {fault.reason}")
        header = (out / copy).read_bytes().partition(b"\xe0\x7f\x10\0")[0]
        header = re.sub(rb"2\.25\.\d+", b"", header)  # new UIDs, whose digits may be anything
        found += [f"its copy names {name}" for name in names if name.encode() in header]
    return found


def main(
    files: Annotated[int, typer.Option(help="How many mutated objects.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of the mutations.")] = 7,
) -> None:
    """Copy mutated objects, print what became of them, exit with 1 if one did harm."""
    summary = run(files, seed)
    typer.echo(json.dumps(summary, indent=2))
    raise typer.Exit(bool(summary["faults"]))


if __name__ == "__main__":
    typer.run(main)
