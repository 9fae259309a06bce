"""Speed and memory of reading ultrasound DICOM, beside pydicom, ITK, SimpleITK, MONAI's readers and libjpeg-turbo.

    python benchmarks/decode.py --out decode.json

The files are real ones that pip brings (`pip install pydicom pydicom-data deid-data`), and for memory a cine of 87
frames of 975 x 743 px (189 MB of pixels) made from one of them. Every reader turns each file into RGB, or into what it
takes for it, whole and 16 random frames of it, opening included; the readers take turns, round after round, so that
whatever else the machine does falls on all of them. The tables give medians of process CPU time, which a busy machine
disturbs least, and of wall time, with ratios to pydicom in CPU time. The floor is libjpeg-turbo on streams that are
already in memory. Peak memory is that of a process of its own which walks over all frames, above the same process
before it opened the file. What is not installed is left out with its reason.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

RANDOM_FRAMES, SEED = 16, 3
BASE = "pydicom"
PACKAGES = ("echocare", "pydicom", "imagecodecs", "itk-io", "SimpleITK", "monai", "numpy")
MEGABYTE = 1e6
Read = Callable[[Path, Sequence[int] | None], Iterable[Any]]


class NotInstalled(Exception):  # noqa: N818  (it reads as what was found)
    """A reader, or a file, that is not there."""


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        name: for the tables.
        path: where it is.
        frames: how many it has.
        jpeg: libjpeg-turbo alone can be timed on it.
    """

    name: str
    path: Path
    frames: int
    jpeg: bool = False


def ours(path: Path, numbers: Sequence[int] | None) -> Iterable[Any]:
    """This package, frame by frame."""
    from echocare_core.frames import read_frames

    pixels = read_frames(path).pixels
    for number in range(len(pixels)) if numbers is None else numbers:
        yield pixels[number]


def by_pydicom(path: Path, numbers: Sequence[int] | None) -> Iterable[Any]:
    """pydicom 3: all frames in one array, or those that are asked for."""
    from pydicom import pixels

    return [pixels.pixel_array(path)] if numbers is None else pixels.iter_pixels(path, indices=numbers)


def by_simpleitk(path: Path, numbers: Sequence[int] | None) -> Iterable[Any]:
    """SimpleITK: the whole file, or one slice of it after the other."""
    sitk = needed("SimpleITK")
    if numbers is None:
        yield sitk.GetArrayViewFromImage(sitk.ReadImage(str(path)))
        return
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    width, height = reader.GetSize()[:2]
    for number in numbers:
        reader.SetExtractIndex([0, 0, int(number)])
        reader.SetExtractSize([width, height, 0])
        yield sitk.GetArrayViewFromImage(reader.Execute())


def by_itk(path: Path, numbers: Sequence[int] | None) -> Iterable[Any]:
    """ITK, which reads whole files."""
    itk = needed("itk")
    frames = itk.GetArrayViewFromImage(itk.imread(str(path)))
    return [frames] if numbers is None else [frames[number] for number in numbers]


def by_monai_pydicom(path: Path, numbers: Sequence[int] | None) -> Iterable[Any]:
    """MONAI's PydicomReader, which reads whole files."""
    from monai.data import PydicomReader

    return _by_monai(PydicomReader(), path)


def by_monai_itk(path: Path, numbers: Sequence[int] | None) -> Iterable[Any]:
    """MONAI's ITKReader, which reads whole files."""
    needed("itk")
    from monai.data import ITKReader

    return _by_monai(ITKReader(), path)


def _by_monai(reader: Any, path: Path) -> Iterable[Any]:
    """The array, whatever its axes are; which of them is time differs from reader to reader and file to file."""
    return [reader.get_data(reader.read(str(path)))[0]]


READERS: dict[str, Read] = {
    "echocare": ours,
    BASE: by_pydicom,
    "SimpleITK": by_simpleitk,
    "ITK": by_itk,
    "MONAI PydicomReader": by_monai_pydicom,
    "MONAI ITKReader": by_monai_itk,
}


def needed(module: str) -> Any:
    """Import a peer, or say that it is not installed."""
    if find_spec(module) is None:
        raise NotInstalled(f"{module} is not installed")
    return __import__(module)


def installed(name: str) -> None:
    """Raise where a reader is not installed."""
    modules = {"SimpleITK": "SimpleITK", "ITK": "itk", "MONAI PydicomReader": "monai", "MONAI ITKReader": "monai"}
    needed(modules.get(name, "pydicom"))


def find_cases(folder: Path) -> tuple[list[Case], list[str]]:
    """The files that are installed, and what is left out."""
    cases, left_out = [], []
    places = {
        "JPEG, 120 frames 640x480": ("data_store", "data/color3d_jpeg_baseline.dcm"),
        "native RGB, 51 frames 1016x672": ("deid_data", "data/ultrasounds/RGB_CINE.zip"),
        "native planar RGB, 30 frames 800x600": ("deid_data", "data/ultrasounds/ultrasound-multiframe.dcm"),
        "native grey, 27 frames 800x600": ("deid_data", "data/ultrasounds/GREYSCALE_CINE.zip"),
    }
    for name, (module, inside) in places.items():
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            left_out.append(
                f"{name}: pip install {'pydicom-data' if module == 'data_store' else 'deid-data'} brings it"
            )
            continue
        path = _unpacked(Path(spec.origin).parent / inside, folder)
        cases.append(Case(name, path, int(name.split(", ")[1].split()[0]), name.startswith("JPEG")))
    return cases, left_out


def _unpacked(path: Path, folder: Path) -> Path:
    if path.suffix != ".zip":
        return path
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dcm"))
        return Path(archive.extract(name, folder))


def write_cine(like: Path, path: Path, frames: int) -> Case:
    """A JPEG cine of 975 x 743 px, made from the frames of another."""
    from PIL import Image

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from ultrasound_files import CINE, JPEG, write_ultrasound

    streams = []
    for picture in ours(like, range(frames)):
        stream = io.BytesIO()
        Image.fromarray(picture).resize((975, 743)).save(stream, "JPEG", quality=90)
        streams.append(stream.getvalue())
    size = {"Rows": 743, "Columns": 975, "NumberOfFrames": frames, "SOPClassUID": CINE}
    write_ultrasound(path, streams, transfer_syntax=JPEG, photometric="YBR_FULL_422", attributes=size)
    return Case(f"JPEG, {frames} frames 975x743", path, frames, jpeg=True)


def floor(path: Path) -> Callable[[], None]:
    """libjpeg-turbo alone on streams that are in memory."""
    import imagecodecs
    from pydicom import dcmread
    from pydicom.encaps import generate_frames

    dataset = dcmread(path)
    streams = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))

    def run() -> None:
        for stream in streams:
            imagecodecs.jpeg8_decode(stream, colorspace="YCBCR", outcolorspace="RGB")

    return run


def walk(name: str, path: Path, numbers: Sequence[int] | None = None) -> float:
    """Read frames and let go of each; CPU seconds of this process."""
    started = time.process_time()
    for _ in READERS[name](path, numbers):
        pass
    return time.process_time() - started


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """(CPU, wall) seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - cpu, time.perf_counter() - wall


def compare(case: Case, repeats: int) -> dict[str, Any]:
    """Medians of all readers, whole and random frames, each with its ratio to pydicom."""
    random = sorted(int(one) for one in np.random.default_rng(SEED).choice(case.frames, RANDOM_FRAMES, replace=False))
    result: dict[str, Any] = {"frames": case.frames}
    for task, numbers in (("whole", None), ("random", random)):
        runs: dict[str, Callable[[], object]] = {}
        result[task] = {"left_out": {}}
        for name in READERS:
            try:
                installed(name)
                walk(name, case.path, numbers)  # warms up, and shows what cannot read it
                runs[name] = lambda name=name, numbers=numbers: walk(name, case.path, numbers)
            except Exception as fault:  # noqa: BLE001  (a peer fails in its own ways)
                result[task]["left_out"][name] = " ".join(f"{type(fault).__name__}: {fault}".split())[:80]
        if case.jpeg and task == "whole":
            runs["libjpeg-turbo floor"] = floor(case.path)
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(repeats):
            for name, run in runs.items():
                seconds[name].append(timed(run))
        for name, pairs in seconds.items():
            cpu, wall = (statistics.median(one) for one in zip(*pairs, strict=True))
            result[task][name] = {"cpu_s": cpu, "wall_s": wall}
        for row in (row for name, row in result[task].items() if name != "left_out"):
            row["ratio"] = result[task][BASE]["cpu_s"] / row["cpu_s"]
    return result


def two_processes(case: Case, repeats: int) -> dict[str, float]:
    """The whole file in two processes, half each: wall seconds, and CPU seconds of the slower one."""
    halves = [range(case.frames // 2), range(case.frames // 2, case.frames)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(walk, ["echocare"] * 4, [case.path] * 4, halves * 2))
        rounds = []
        for _ in range(repeats):
            started = time.perf_counter()
            slower = max(pool.map(walk, ["echocare"] * 2, [case.path] * 2, halves))
            rounds.append((slower, time.perf_counter() - started))
    cpu, wall = (statistics.median(one) for one in zip(*rounds, strict=True))
    return {"cpu_s": cpu, "wall_s": wall}


def most_memory_mb() -> float:
    """The most memory that this process ever had; Linux counts that of its parent in `ru_maxrss`."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def _peak(name: str, path: Path, small: Path, pipe: Any) -> None:
    """Peak memory in MB before and after a file is read; the small file loads every library first."""
    try:
        walk(name, small)
        before = most_memory_mb()
        walk(name, path)
        pipe.send((before, most_memory_mb()))
    except Exception as fault:  # noqa: BLE001  (a peer fails in its own ways)
        pipe.send(" ".join(f"{type(fault).__name__}: {fault}".split())[:80])


def peak_memory(name: str, path: Path, small: Path) -> dict[str, Any]:
    """MB that a process needs above what it had with all libraries loaded."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_peak, args=(name, path, small, theirs))
    process.start()
    theirs.close()
    try:
        answer = mine.recv()
    except EOFError:
        answer = "the process died"
    process.join()
    if isinstance(answer, str):
        return {"left_out": answer}
    return {"libraries_mb": round(answer[0]), "peak_mb": round(answer[1]), "above_mb": round(answer[1] - answer[0])}


def versions() -> dict[str, str]:
    """Of what was measured."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def show(name: str, result: dict[str, Any], console: Console) -> None:
    """One table per file."""
    table = Table("reader", "whole, CPU ms", "wall ms", "ratio", "16 random, CPU ms", "wall ms", "ratio", title=name)
    for reader in [*READERS, "libjpeg-turbo floor"]:
        cells = []
        for task in ("whole", "random"):
            row = result[task].get(reader)
            cells += ["", "", ""] if row is None else [f"{row['cpu_s'] * 1e3:.1f}", f"{row['wall_s'] * 1e3:.1f}"]
            cells += [] if row is None else [f"{row['ratio']:.2f}"]
        if any(cells):
            table.add_row(reader, *cells)
    console.print(table)
    for reader, why in {**result["whole"]["left_out"], **result["random"]["left_out"]}.items():
        console.print(f"left out: {reader}: {why}", markup=False)
    if "two_processes" in result:
        two = result["two_processes"]
        ratios = [result["whole"][BASE][unit] / two[unit] for unit in ("cpu_s", "wall_s")]
        console.print(
            f"echocare in two processes: {two['cpu_s'] * 1e3:.1f} ms CPU in the slower one, "
            f"{two['wall_s'] * 1e3:.1f} ms wall; pydicom in one takes {ratios[0]:.2f} and {ratios[1]:.2f} times as long"
        )


def main(
    repeats: Annotated[int, typer.Option(help="Rounds of each reader.")] = 5,
    out: Annotated[Path | None, typer.Option(help="JSON file for the numbers.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="A reader to leave out; may be repeated.")] = None,
    skip_memory: Annotated[bool, typer.Option(help="Do not measure memory.")] = False,
) -> None:
    """Time all readers on all files, and print ratios to pydicom."""
    console = Console(width=140)
    for name in set(skip or ()) - {"echocare", BASE}:
        del READERS[name]
    results: dict[str, Any] = {"versions": versions(), "files": {}}
    with TemporaryDirectory() as place:
        cases, left_out = find_cases(Path(place))
        for case in cases:
            result = compare(case, repeats)
            if case.jpeg:
                result["two_processes"] = two_processes(case, repeats)
                taken = result["whole"]["libjpeg-turbo floor"]["cpu_s"] / result["whole"]["echocare"]["cpu_s"]
                result["share_of_floor"] = taken
                console.print(f"{case.name}: {taken:.2f} of the speed of libjpeg-turbo alone")
            results["files"][case.name] = result
            show(case.name, result, console)
        jpeg = next((case for case in cases if case.jpeg), None)
        if jpeg is not None and not skip_memory:
            small = write_cine(jpeg.path, Path(place, "small.dcm"), 1)
            long = write_cine(jpeg.path, Path(place, "long.dcm"), 87)
            results["memory"] = {name: peak_memory(name, long.path, small.path) for name in READERS}
            table = Table(
                "reader", "above its libraries, MB", "peak MB", title=f"memory: {long.name}, 189 MB of pixels"
            )
            for name, row in results["memory"].items():
                table.add_row(name, str(row.get("above_mb", row.get("left_out"))), str(row.get("peak_mb", "")))
            console.print(table)
        for line in left_out:
            console.print(f"left out: {line}", markup=False)
    if out is not None:
        out.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
