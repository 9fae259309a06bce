"""A browser without a window for tests of pages: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FAULTS = ("error", "warning")  # messages of a page that nobody should see


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser; without one, the test is skipped. It ends with its module: an event loop runs as long as it does."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file in a window of its own; what the page complains of fails the test."""
    contexts, complaints = [], []

    def open_one(path: Path, address: str = "", *, width: int = 1280, height: int = 900, **settings: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in FAULTS else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        page.goto(f"{path.as_uri()}{address}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
