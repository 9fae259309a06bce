"""Write what the site says but nobody writes by hand: bundles, included pages, API, tables and pictures."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import api_pages
import architecture_picture
import augmentation_picture
import reader_table
from bundle_table import HEAD, bundle_row
from cards import bundle_folders, read_json
from included_pages import DOCS, moved_text, page_of, sources

from echocare_core.demo import run_demo

FOLDERS = ("bundles", "project", "api", "generated")  # all that is in them is generated, and ignored by git


def write_pages() -> None:
    """Write them anew, so that nothing of an earlier build stays."""
    for folder in FOLDERS:
        shutil.rmtree(DOCS / folder, ignore_errors=True)
    for source in sources():
        page = page_of(source)
        _write(page, moved_text(source, page))
    for folder in bundle_folders():
        page = DOCS / "bundles" / f"{folder.name}.md"
        _write(page, page.read_text(encoding="utf-8") + bundle_facts(folder))
    _write(DOCS / "bundles" / "index.md", bundles_page())
    _write(DOCS / "generated" / "architecture.md", architecture_picture.architecture_page())
    _write(DOCS / "generated" / "augmentations.md", augmentation_picture.augmentations_table())
    augmentation_picture.write_augmentations(DOCS / "generated")
    _write(DOCS / "generated" / "transfer-syntaxes.md", reader_table.reader_table())
    for name in ("python", "configuration", "modules"):
        _write(DOCS / "api" / f"{name}.md", getattr(api_pages, f"{name}_page")())


def write_demo() -> None:
    """Run the demo, whose own report is shown on the first page."""
    run_demo(DOCS / "generated" / "site" / "demo")


def bundles_page() -> str:
    """The README's table, and the list that the site's navigation is made of."""
    rows = "".join(map(bundle_row, bundle_folders()))
    table = re.sub(r"\(bundles/(\w+)/docs/README.md\)", r"(\1.md)", HEAD + rows)
    names = "\n".join(folder.name for folder in bundle_folders())
    return f"# Bundles\n\n{_HOW_MEASURED}\n\n{table}\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def bundle_facts(folder: Path) -> str:
    """What metadata and card say of a bundle, as the last section of its page."""
    metadata, card = read_json(folder / "configs" / "metadata.json"), read_json(folder / "models" / "model.json")
    facts = {
        "Version": metadata["version"],
        "Intended use": metadata["intended_use"],
        "Input": metadata.get("image_classes"),
        "Output": metadata.get("pred_classes"),
        "Made for": ", ".join(f"{name} {metadata[f'{key}_version']}" for name, key in _LIBRARIES.items()),
        "Origin of the weights": card.get("origin"),
        "Trained on": card.get("data"),
        "Licence": card.get("licence"),
        "SHA-256 of the weights": f"`{card['sha256']}`" if card else None,
        "Training": _settings(card.get("training", {})),
        "References": "; ".join(metadata.get("references", [])),
    }
    rows = "".join(f"| {name} | {value} |\n" for name, value in facts.items() if value)
    changes = "".join(f"- {version}: {text}\n" for version, text in metadata["changelog"].items())
    return f"\n## Card\n\n| | |\n|---|---|\n{rows}\n## Versions\n\n{changes}"


_HOW_MEASURED = """Mean on images that took no part in training or choosing, with 95 % bootstrap intervals over
patients. The plain network was trained from scratch on the same images with the same settings."""
_LIBRARIES = {"MONAI": "monai", "PyTorch": "pytorch", "numpy": "numpy"}


def _settings(training: dict[str, Any]) -> str:
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in training.items())


def _write(page: Path, text: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
