"""Make the pictures of docs/tasks.md anew: the page of a run of each task, on images of the demo (CC BY 4.0) and
on a simulated heart.

    python docs/generators/task_pictures.py

It needs Debian's chromium and Playwright. The pictures are kept in the repository, so that the site is built without.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from page_pictures import STATIC, save_screenshot
from playwright.sync_api import sync_playwright

from echocare_core.demo import EXPORT
from echocare_core.phantom.write import write_cines
from echocare_core.prediction import predict

HEART, SEED = "heart", 7  # the simulated cine, and the patients among which it is the first
WIDTH = 1280  # px


class Shot(NamedTuple):
    """One picture.

    Attributes:
        bundle: what is run.
        source: file of the demo's export; `HEART` for the simulated cine.
        height: of the picture in pixels.
        case: number on the page: 1 for the first, which is the study where a bundle says something of that.
        frame: that is shown of a cine, from 0; None of a still.
    """

    bundle: str
    source: str
    height: int
    case: int = 1
    frame: int | None = None


SHOTS = {
    "task-segmentation": Shot("breast_lesion_segmentation", "BREAST/ST000003/SE000001/IM000001", 760),
    "task-classification": Shot("breast_lesion_classification", "BREAST/ST000004/SE000001/IM000001", 760, case=2),
    "task-detection": Shot("organ_detection", "FETAL/ST000006/SE000001/IM000001", 760),
    "task-landmarks": Shot("fetal_head_landmarks", "FETAL/ST000006/SE000001/IM000001", 760),
    "task-ejection": Shot("ejection_fraction_regression", HEART, 1560, frame=5),
    "task-report": Shot("breast_report_generation", "BREAST/ST000003/SE000001/IM000001", 1000),
}


def take_pictures(folder: Path, browser: Any) -> None:
    """One picture for each entry above; results are written to a folder."""
    write_cines(folder / HEART, [None], SEED)
    for name, shot in SHOTS.items():
        source = folder / HEART / "0000.mha" if shot.source == HEART else EXPORT / shot.source
        predict(shot.bundle, str(source), folder / name)
        page = browser.new_page(viewport={"width": WIDTH, "height": shot.height}, color_scheme="light")
        page.goto(f"{(folder / name / 'report.html').as_uri()}#case-{shot.case}")
        if shot.frame is not None:
            page.get_by_role("slider", name="Frame").fill(str(shot.frame))
        page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        save_screenshot(page.screenshot, STATIC / f"{name}.webp")
        page.close()


if __name__ == "__main__":
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take_pictures(Path(folder), browser)
        browser.close()
