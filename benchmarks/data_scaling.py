"""What a data set costs as it grows: CPU seconds to start, memory, and images per CPU second.

    python benchmarks/data_scaling.py --out data_scaling.json

Each line is measured in a process of its own, which opens the data and then reads the files of `--reads` images in the
order of a pretraining, without decoding them. `shards` reads tar files; `table` has the CSV as a pandas DataFrame;
`list` has what `read_table` gives, a dictionary for each row. Memory is what the process has more at the end than
before. All rows stand for the same 1,000 small JPEG files (for shards, one tar file under many names), so no disk is
waited for: the speed is that of finding an image and its file, and CPU time leaves out what else the machine does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from echocare_core.frames.manifest import read_table
from echocare_core.pretraining.data.order import MixedOrder
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import LIST, ShardReader, write_shards

FILES = 1000  # images that differ, and images in a shard
WINDOW_SHARDS = 8
BATCH = 192
SIDE = 64
ROWS = [10_000, 100_000, 4_500_000]
KINDS = ["shards", "table", "list"]
Read = Callable[[int], bytes]


def main(
    out: Annotated[Path | None, typer.Option(help="JSON file for the numbers.")] = None,
    rows: Annotated[list[int], typer.Option(help="Images of the data set, a multiple of 1,000.")] = ROWS,
    reads: Annotated[int, typer.Option(help="Images to read in each process.")] = 50_000,
) -> None:
    """Measure every kind of data with every number of rows, and print and write the comparison."""
    cases = [(kind, count) for count in rows for kind in KINDS]
    with tempfile.TemporaryDirectory() as name:
        write_images(Path(name) / "images")
        measured = [measure_alone(kind, count, reads, Path(name)) for kind, count in track(cases, "Measuring")]
    if out:
        out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    show(measured)


def write_images(folder: Path) -> None:
    """Write the small JPEG files."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(FILES):
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)).save(folder / f"{number:03d}.jpg")


def write_shard_folder(folder: Path, images: Path, rows: int) -> None:
    """Write one shard of all files, give it as many names as it takes for `rows` images, and list them."""
    write_shards(
        (ShardSample(path.name, "liver", path.stem, path.read_bytes) for path in sorted(images.iterdir())), folder
    )
    (first,) = json.loads((folder / LIST).read_text(encoding="utf-8"))["shards"]
    names = [f"shard-{number:06d}.tar" for number in range(rows // FILES)]
    for name in names[1:]:
        os.link(folder / names[0], folder / name)
    listed = {"images": rows, "shards": [{**first, "file": name} for name in names]}
    (folder / LIST).write_text(json.dumps(listed), encoding="utf-8")


def write_table(folder: Path, images: Path, rows: int) -> None:
    """Write a table whose rows name the files in turn, each row by a path of its own."""
    for number in range(rows // FILES):
        (folder / f"{number:06d}").symlink_to(images)
    with (folder / "table.csv").open("w", encoding="utf-8") as table:
        table.write("image,group,split\n")
        table.writelines(f"{row // FILES:06d}/{row % FILES:03d}.jpg,{row // 10},train\n" for row in range(rows))


def measure_alone(kind: str, rows: int, reads: int, folder: Path) -> dict[str, Any]:
    """Write the data and measure it in a new process."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        write = write_shard_folder if kind == "shards" else write_table
        write(Path(name), folder / "images", rows)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            return process.submit(measure, kind, rows, reads, Path(name)).result()


def measure(kind: str, rows: int, reads: int, folder: Path) -> dict[str, Any]:
    """Open the data, read images, and tell what it took."""
    before, start = resident_bytes(), time.process_time()
    read = OPEN[kind](folder)
    order = MixedOrder([rows], [1.0], windows=[WINDOW_SHARDS * FILES if kind == "shards" else 1], seed=0)
    opened = time.process_time()
    for first in range(0, reads, BATCH):
        for row in order(np.arange(first, min(first + BATCH, reads)))[1].tolist():
            read(row)
    return {
        "kind": kind,
        "rows": rows,
        "start_cpu_seconds": opened - start,
        "memory_mb": (resident_bytes() - before) / 1e6,
        "images_per_cpu_second": reads / (time.process_time() - opened),
    }


def open_shards(folder: Path) -> Read:
    """Read from shards."""
    reader = ShardReader(folder)
    return lambda row: reader[row][0]


def open_table(folder: Path) -> Read:
    """Read the files that a DataFrame names."""
    images = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)["image"]
    return lambda row: (folder / images.iat[row]).read_bytes()


def open_list(folder: Path) -> Read:
    """Read the files that a list of dictionaries names."""
    items = read_table(folder, "train", masks=False)
    return lambda row: Path(str(items[row]["image"])).read_bytes()


OPEN = {"shards": open_shards, "table": open_table, "list": open_list}


def resident_bytes() -> int:
    """Bytes of this process that are in memory."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def show(measured: list[dict[str, Any]]) -> None:
    """Print a line for each case."""
    table = Table(
        "images", "data", "CPU seconds to start", "memory, MB", "images per CPU second", title="Data as it grows"
    )
    for one in measured:
        numbers = f"{one['start_cpu_seconds']:.3f}", f"{one['memory_mb']:,.1f}", f"{one['images_per_cpu_second']:,.0f}"
        table.add_row(f"{one['rows']:,}", one["kind"], *numbers)
    Console(width=100).print(table)


if __name__ == "__main__":
    typer.run(main)
