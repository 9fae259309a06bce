"""Make the pictures of the report page that the documentation shows anew, from the demo (CC BY 4.0 images).

    python docs/generators/page_pictures.py

It needs Debian's chromium and Playwright. The pictures are kept in the repository, so that the site is built without.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from echocare_core.demo import run_demo

STATIC = Path(__file__).parents[1] / "_static"
QUALITY = 82  # of WebP: letters stay sharp, and each is below 150 KB

SHOTS: dict[str, dict[str, Any]] = {
    "report-list": {"address": "", "width": 1280, "height": 980, "scheme": "light"},
    "report-case": {"address": "#case-8", "width": 1280, "height": 980, "scheme": "light"},
    "report-dark": {"address": "#case-9", "width": 1280, "height": 980, "scheme": "dark"},
    "report-phone": {"address": "#case-8", "width": 400, "height": 980, "scheme": "light"},
}


def take_pictures(page_path: Path, browser: Any) -> None:
    """One picture for each entry above."""
    for name, shot in SHOTS.items():
        size = {"width": shot["width"], "height": shot["height"]}
        context = browser.new_context(viewport=size, color_scheme=shot["scheme"])
        page = context.new_page()
        page.goto(f"{page_path.as_uri()}{shot['address']}")
        if shot["address"]:
            page.get_by_role("slider", name="Frame").fill("5")
            page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        save_screenshot(page.screenshot, STATIC / f"{name}.webp")
        context.close()


def save_screenshot(screenshot: Callable[[], bytes], path: Path) -> None:
    """What a browser shows, as WebP."""
    Image.open(BytesIO(screenshot())).convert("RGB").save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        run_demo(Path(folder) / "demo")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take_pictures(Path(folder) / "demo" / "report.html", browser)
        browser.close()
