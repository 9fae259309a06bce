"""How long the page of a run takes to write and to open, and how large it is.

    python benchmarks/report_page.py --out report_page.json

A run of 2,000 frames, once as stills and once as cines of 100 frames, is written as `echocare predict` writes it,
without the network: the frames are the real ones of the demo (`echocare demo`), 640 px wide and each shifted by another
number of pixels, with an outline and measurements. The memory is that of the process above what it held before the end
of the run. Chromium (Debian's, without a window) opens the page from the disk. The clock starts before the address is
given to it. It stops for "listed" when rows of the list can be seen, for "usable" when a search that was typed into it
has been answered, for "read" when all of the file has been read; then the first case is opened, until its picture is
there. Medians of some rounds, each in a window of its own.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pydicom
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from echocare_core.demo import EXPORT
from echocare_core.frames.read import read_frames
from echocare_core.results import ResultsWriter
from echocare_core.types import BundleCard, Mask, Measurement, Prediction

CARD = BundleCard("heads", "1.0.0", "Fetal heads", "A benchmark.", "ab" * 32)
SIZE = (480, 640)  # height and width of a frame
FRAMES_OF_CINE = 100
MEGABYTE = 1e6


def demo_frames() -> list[np.ndarray]:
    """The first frame of each image of the demo, uint8 RGB of the size above."""
    found = []
    for path in sorted(EXPORT.rglob("IM*")):
        if pydicom.misc.is_dicom(path) and hasattr(pydicom.dcmread(path, stop_before_pixels=True), "Rows"):
            try:
                frame = np.asarray(read_frames(path).pixels[0])
            except Exception:  # noqa: BLE001  (some are broken on purpose)
                continue
            found.append(np.asarray(Image.fromarray(frame).resize(SIZE[::-1], Image.Resampling.BICUBIC)))
    return found


def predictions(frames: int, *, cines: bool) -> Iterator[Prediction]:
    """As many frames, each with an outline that differs."""
    pictures, rows, columns = demo_frames(), *np.mgrid[: SIZE[0], : SIZE[1]]
    for number in range(frames):
        frame = number % FRAMES_OF_CINE if cines else 0
        radius = 80 + number % 70
        mask = (((rows - 240) / 0.8) ** 2 + (columns - 320) ** 2 < radius**2).astype(np.uint8)
        size_mm = 0.6 * radius
        axis = np.array([[240.0, 320.0 - radius], [240.0, 320.0 + radius]])
        yield Prediction(
            f"STUDY{number // 20}/cine{number // FRAMES_OF_CINE}.dcm" if cines else f"STUDY{number // 20}/{number}.dcm",
            (
                Mask(mask, {1: "head"}),
                Measurement("head_circumference", 3 * size_mm, "mm"),
                Measurement("occipitofrontal_diameter", size_mm, "mm", axis),
            ),
            frame=frame,
            image=np.roll(pictures[number % len(pictures)], 3 * number, axis=1),
            frame_time_ms=33.0 * frame if cines else None,
            spacing_mm=(0.3, 0.3),
        )


def write_run(folder: Path, frames: int, *, cines: bool) -> dict[str, float]:
    """Write the run; seconds and memory that the end of it takes, and the size of the page in bytes."""
    with ResultsWriter(folder, CARD) as writer:
        for one in predictions(frames, cines=cines):
            writer.add(one)
        before, start = _peak_bytes(), time.perf_counter()
        writer.finish()
        seconds, most = time.perf_counter() - start, _peak_bytes() - before
    return {"finish_s": seconds, "finish_memory_bytes": most, "page_bytes": (folder / "report.html").stat().st_size}


def _peak_bytes() -> float:
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def open_once(browser: Any, page_path: Path) -> dict[str, float]:
    """Seconds from the address to each step."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, start, times = context.new_page(), time.perf_counter(), {}
    page.goto(page_path.as_uri(), wait_until="commit")
    page.wait_for_selector("table.cases tbody tr")
    times["listed_s"] = time.perf_counter() - start
    page.wait_for_function("document.getElementById('counted') && document.getElementById('counted').textContent")
    before = page.locator("#counted").text_content()
    page.get_by_label("Search").fill("STUDY7/")
    page.wait_for_function("text => document.getElementById('counted').textContent !== text", arg=before)
    times["usable_s"] = time.perf_counter() - start
    page.wait_for_load_state("load")
    times["read_s"] = time.perf_counter() - start
    start = time.perf_counter()
    page.locator("table.cases tbody tr:visible th a").first.click()
    page.wait_for_function("(image => image && image.complete)(document.querySelector('.open .picture img'))")
    times["case_s"] = time.perf_counter() - start
    times["heap_bytes"] = page.evaluate("performance.memory ? performance.memory.usedJSHeapSize : 0")
    context.close()
    return times


def main(
    frames: Annotated[int, typer.Option(help="In each run.")] = 2000,
    rounds: Annotated[int, typer.Option(help="How often each page is opened.")] = 5,
    out: Annotated[Path | None, typer.Option(help="File for the numbers, JSON.")] = None,
) -> None:
    """Write and open both pages, and print what it took."""
    from playwright.sync_api import sync_playwright

    measured: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, cines in (("stills", False), ("cines", True)):
            measured[name] = write_run(Path(folder) / name, frames, cines=cines)
            opened = [open_once(browser, Path(folder) / name / "report.html") for _ in range(rounds)]
            measured[name].update({key: statistics.median(one[key] for one in opened) for key in opened[0]})
            measured[name]["slowest_usable_s"] = max(one["usable_s"] for one in opened)
        browser.close()
    _show(measured, frames)
    if out is not None:
        out.write_text(json.dumps({"frames": frames, "rounds": rounds, **measured}, indent=2) + "\n")


def _show(measured: dict[str, dict[str, float]], frames: int) -> None:
    table = Table("", *measured)
    for key in next(iter(measured.values())):
        values = [numbers[key] for numbers in measured.values()]
        is_size = key.endswith("bytes")
        table.add_row(key, *(f"{value / MEGABYTE:.1f} MB" if is_size else f"{value:.2f}" for value in values))
    table.add_row("page_kB_per_frame", *(f"{one['page_bytes'] / frames / 1e3:.1f}" for one in measured.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
