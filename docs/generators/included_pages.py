"""Pages of the site that are written elsewhere in the repository, with their links mended for where they now stand."""

from __future__ import annotations

import os
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def page_of(source: Path) -> Path | None:
    """Where a file of the repository stands on the site; None where it is no page of it."""
    if source.name == "README.md" and source.parent.name == "docs":
        return DOCS / "bundles" / f"{source.parents[1].name}.md"
    pages = {
        "CHANGELOG.md": "project/changelog.md",
        "CONTRIBUTING.md": "project/contributing.md",
        "SECURITY.md": "project/security.md",
        "benchmarks/README.md": "project/benchmarks.md",
        "data_manifests/README.md": "project/data.md",
        "echocare_core/demo/ATTRIBUTION.md": "project/demo-images.md",
    }
    name = pages.get(source.relative_to(REPOSITORY).as_posix())
    return DOCS / name if name else None


def sources() -> list[Path]:
    """Every Markdown file of the repository that is a page of the site, but for those in docs/."""
    found = [path for path in REPOSITORY.glob("*.md") if page_of(path)]
    folders = ("benchmarks", "data_manifests", "echocare_core/demo", "bundles/*/docs")
    return found + [path for folder in folders for path in sorted(REPOSITORY.glob(f"{folder}/*.md")) if page_of(path)]


def moved_text(source: Path, page: Path) -> str:
    """The text of a page, its links leading to other pages of the site, or to the file itself where it is none."""

    def mend(link: re.Match[str]) -> str:
        named, place = link[1], link[2] or ""
        target = Path(os.path.normpath(source.parent / named))
        there = page_of(target) or (target if target.is_relative_to(DOCS) else None)
        mended = os.path.relpath(there or target, page.parent)
        return f"]({Path(mended).as_posix()}{place if there else ''})"

    return LINK.sub(mend, source.read_text(encoding="utf-8"))
