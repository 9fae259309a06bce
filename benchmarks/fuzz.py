"""Mutated ultrasound files: each must give frames or a named error, within 5 seconds, and leave the process alive.

    python benchmarks/fuzz.py --files 5000 --seed 7 --out fuzz.json

Files of every transfer syntax are made from pydicom's own (and from those of pydicom-data where it is installed), then
mutated with a fixed seed: bytes flipped in the header or anywhere, lengths replaced, tags swapped, parts cut out,
doubled or blanked, the end cut off. A worker process reads the frames of each; when it crashes, hangs, or raises
anything but `UnreadableFrames`, the mutated file is kept in `--keep` and counted as a fault. The exit status is 1 if
there was one.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import imagecodecs
import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from ultrasound_files import (
    BIG_ENDIAN,
    CINE,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    PATIENT_NAME,
    SHIPPED,
    encapsulated,
    marked,
    region,
    write_like,
    write_ultrasound,
)

SEED, SECONDS, MEGABYTES = 7, 5.0, 1024
FRAMES_READ = 6  # of each file: the first ones and the last one
LIKE = [
    *(
        "SC_rgb_rle_2frame.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
    ),
    *("MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_gdcm_KY.dcm", "ExplVR_BigEnd.dcm"),
    *("SC_ybr_full_422_uncompressed.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG-lossy.dcm", "image_dfl.dcm"),
]
FROM_PYDICOM_DATA = ["OBXXXX1A_rle.dcm", "US1_J2KI.dcm", "color-px.dcm", "gdcm-US-ALOKA-16_big.dcm"]


def write_seeds(folder: Path) -> list[Path]:
    """Whole files of every transfer syntax that is read here."""
    for name in LIKE:
        if (SHIPPED / name).exists():
            write_like(name, folder / f"shipped_{name}")
    for number, syntax in enumerate((IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)):
        shape = [region((0, 0, 24, 32), (0.5, 0.25))]
        write_ultrasound(
            folder / f"native_{number}", marked(4), transfer_syntax=syntax, planar=number % 2, regions=shape
        )
    _write_compressed(folder)
    _write_videos(folder)
    extra = find_spec("data_store")
    if extra is not None and extra.origin is not None:
        for name in FROM_PYDICOM_DATA:
            path = Path(extra.origin).parent / "data" / name
            (folder / name).write_bytes(path.read_bytes())
    return sorted(folder.iterdir())


def _write_compressed(folder: Path) -> None:
    grey = np.random.default_rng(SEED).integers(0, 256, (48, 64), dtype=np.uint8)
    colour = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    jpeg = io.BytesIO()
    Image.fromarray(colour).save(jpeg, "JPEG")
    fragments = [jpeg.getvalue()[:300], jpeg.getvalue()[300:]] * 3
    streams = {
        "jpeg": (JPEG, encapsulated([jpeg.getvalue()] * 3, None)),
        "jpeg_fragments": (JPEG, encapsulated(fragments)),
        "jpeg_ls": ("1.2.840.10008.1.2.4.80", encapsulated([imagecodecs.jpegls_encode(grey)] * 3)),
    }
    if imagecodecs.HTJ2K.available:
        stream = imagecodecs.htj2k_encode(colour, reversible=True)
        streams["htj2k"] = ("1.2.840.10008.1.2.4.201", encapsulated([stream] * 3, None))
    if imagecodecs.JPEGXL.available:
        stream = imagecodecs.jpegxl_encode(colour, lossless=True)
        streams["jpeg_xl"] = ("1.2.840.10008.1.2.4.110", encapsulated([stream] * 3))
        packed = imagecodecs.jpegxl_encode_jpeg(jpeg.getvalue())
        streams["jpeg_xl_jpeg"] = ("1.2.840.10008.1.2.4.111", encapsulated([packed] * 3, None))
    size = {"Rows": 48, "Columns": 64, "NumberOfFrames": 3, "SOPClassUID": CINE}
    for name, (syntax, pixels) in streams.items():
        photometric = "MONOCHROME2" if name == "jpeg_ls" else "RGB"
        write_ultrasound(folder / name, pixels, transfer_syntax=syntax, photometric=photometric, attributes=size)


def _write_videos(folder: Path) -> None:
    if find_spec("av") is None:
        return
    from video_files import SYNTAX, colour_bars, encode, write_video

    pictures = colour_bars(12, 48, 64)
    for codec, container in (("mpeg2video", "mpegts"), ("libx264", "mp4"), ("libx264", "h264"), ("libx265", "hevc")):
        try:
            write_video(folder / f"{codec}_{container}", encode(pictures, codec, container), pictures, SYNTAX[codec])
        except LookupError:  # this PyAV has no such encoder
            continue


def mutate(data: bytes, random: np.random.Generator) -> bytes:
    """Damage a file in one or two ways, most of them small, so that decoders see it too."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 3)):
        ways = [_flip_header, _flip, _flip, _flip, _flip, _lie, _lie, _swap_tags, _cut_out, _double, _blank, _cut_off]
        changed = ways[random.integers(len(ways))](changed, random)
    return bytes(changed)


def _places(data: bytearray, random: np.random.Generator, many: int, end: int | None = None) -> list[int]:
    return [int(place) for place in random.integers(0, max(min(end or len(data), len(data)), 1), many)]


def _flip(data: bytearray, random: np.random.Generator, end: int | None = None) -> bytearray:
    for place in _places(data, random, int(random.integers(1, 9)), end) if data else ():
        data[place] = int(random.integers(256))
    return data


def _flip_header(data: bytearray, random: np.random.Generator) -> bytearray:
    return _flip(data, random, 1400)


def _lie(data: bytearray, random: np.random.Generator) -> bytearray:
    """Write a number that is a length, a size or a count somewhere."""
    values = (b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\1\0\0\0", b"\xff\xff", b"\0\x80", b"\xfe\xff\xdd\xe0")
    lie = values[random.integers(len(values))]
    place = _places(data, random, 1, [1400, None][random.integers(2)])[0]
    data[place : place + len(lie)] = lie
    return data


def _swap_tags(data: bytearray, random: np.random.Generator) -> bytearray:
    places = [at for at in range(132, min(len(data) - 8, 3000)) if data[at] in (8, 0x18, 0x28) and data[at + 1] == 0]
    if len(places) > 1:
        one, other = sorted(int(place) for place in random.choice(places, 2, replace=False))
        data[one : one + 4], data[other : other + 4] = data[other : other + 4], data[one : one + 4]
    return data


def _cut_out(data: bytearray, random: np.random.Generator) -> bytearray:
    place = _places(data, random, 1)[0]
    del data[place : place + int(random.integers(1, 200))]
    return data


def _double(data: bytearray, random: np.random.Generator) -> bytearray:
    place = _places(data, random, 1)[0]
    data[place:place] = data[place : place + int(random.integers(1, 400))]
    return data


def _blank(data: bytearray, random: np.random.Generator) -> bytearray:
    place, length = _places(data, random, 1)[0], int(random.integers(1, 300))
    data[place : place + length] = bytes(len(data[place : place + length]))
    return data


def _cut_off(data: bytearray, random: np.random.Generator) -> bytearray:
    return data[: _places(data, random, 1)[0]]


def work(pipe: Connection) -> None:
    """Read the files whose paths come through a pipe, and answer what became of each."""
    from echocare_core.errors import UnreadableFrames
    from echocare_core.frames import read_frames

    resource.setrlimit(resource.RLIMIT_AS, (4 * MEGABYTES << 20, 4 * MEGABYTES << 20))
    while True:
        path = pipe.recv()
        try:
            pixels = read_frames(path).pixels
            for number in sorted({*range(min(len(pixels), FRAMES_READ)), len(pixels) - 1}):
                picture = pixels[number]
                if picture.dtype != np.uint8 or picture.shape[2:] != (3,):
                    raise TypeError("no uint8 RGB picture")
            answer = "frames", ""
        except UnreadableFrames as fault:
            leaked = any(part in str(fault) for part in PATIENT_NAME.split("^"))
            answer = ("fault", "names the patient") if leaked else ("refused", str(fault))
        except Exception as fault:  # noqa: BLE001  (whatever it is, it is what is looked for)
            answer = "fault", repr(fault)
        pipe.send((*answer, peak_mb()))


def peak_mb() -> float:
    """The most memory this process has held; ru_maxrss would count that of the process it was started from."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Worker:
    """One process that reads files, started again when it dies."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def read(self, path: Path, seconds: float) -> tuple[str, str, float]:
        """("frames" | "refused" | "fault", why, peak memory of the process in MB)."""
        self.pipe.send(path)
        try:
            if self.pipe.poll(seconds):
                return self.pipe.recv()
            why = f"no answer after {seconds:.0f} s"
        except (EOFError, ConnectionError):
            self.process.join()
            why = f"the process died ({self.process.exitcode})"
        self.stop()
        self._start()
        return "fault", why, 0.0

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def mutations(seeds: list[Path], files: int, seed: int, folder: Path) -> Iterator[tuple[Path, Path]]:
    """(whole file, mutated file), one at a time; the same ones for the same seed."""
    contents = [seed.read_bytes() for seed in seeds]
    for number in range(files):
        chosen = number % len(seeds)
        path = folder / "mutated"
        path.write_bytes(mutate(contents[chosen], np.random.default_rng([seed, number])))
        yield seeds[chosen], path


def run(
    files: int, keep: Path | None = None, seconds: float = SECONDS, quiet: bool = True, seed: int = SEED
) -> dict[str, Any]:
    """Read mutated files one after the other.

    Returns:
        Counts of outcomes, the faults, and the peak memory of the reading process in MB.
    """
    outcomes: Counter[str] = Counter()
    faults: list[dict[str, str]] = []
    peak = slowest = 0.0
    with TemporaryDirectory() as place:
        (seeds_in := Path(place, "seeds")).mkdir()
        seeds = write_seeds(seeds_in)
        worker = Worker()
        worker.read(seeds[0], 60)  # importing takes its time once
        whole = {seed.name: worker.read(seed, 60)[:2] for seed in seeds}
        pairs = mutations(seeds, files, seed, Path(place))
        for original, path in pairs if quiet else track(pairs, total=files):
            started = time.perf_counter()
            outcome, why, memory = worker.read(path, seconds)
            slowest, peak = max(slowest, time.perf_counter() - started), max(peak, memory)
            outcomes[outcome] += 1
            if outcome == "fault":
                faults.append({"file": original.name, "why": why})
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{len(faults):03d}_{original.name}").write_bytes(path.read_bytes())
                if why.startswith(("no answer", "the process")):
                    worker.read(seeds[0], 60)
        worker.stop()
    return {
        "files": files,
        "outcomes": dict(outcomes),
        "faults": faults,
        "peak_mb": round(peak),
        "slowest_s": round(slowest, 2),
        "whole_files_refused": sorted(name for name, (outcome, _) in whole.items() if outcome != "frames"),
    }


def main(
    files: Annotated[int, typer.Option(help="How many mutated files.")] = 5000,
    seed: Annotated[int, typer.Option(help="Of the mutations.")] = SEED,
    keep: Annotated[Path | None, typer.Option(help="Folder for files that made a fault.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the summary.")] = None,
) -> None:
    """Read mutated files, print what became of them, exit with 1 if one did harm."""
    summary = run(files, keep, quiet=False, seed=seed)
    table = Table("outcome", "files", title=f"{files} mutated files, seed {seed}")
    for outcome, count in sorted(summary["outcomes"].items()):
        table.add_row(outcome, str(count))
    console = Console()
    console.print(table)
    console.print(f"peak memory {summary['peak_mb']} MB, slowest file {summary['slowest_s']} s")
    for fault in summary["faults"]:
        console.print(f"{fault['file']}: {fault['why']}", markup=False)
    if out is not None:
        out.write_text(json.dumps(summary, indent=2), encoding="utf-8")
    raise typer.Exit(bool(summary["faults"]))


if __name__ == "__main__":
    typer.run(main)
