"""What the site says about the code is read from the code."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import echocare_core
import echocare_core.transforms.augmentation as augmentation

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "docs" / "generators"))

import api_pages  # noqa: E402
import architecture_picture  # noqa: E402
import augmentation_picture  # noqa: E402
import included_pages  # noqa: E402
import reader_table  # noqa: E402
from cards import bundle_folders, metric_name  # noqa: E402


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of three parts: `write` imports `read` in two modules, and both import `errors`."""
    folder = tmp_path / "package"
    for name, text in {
        "errors.py": '"""Faults."""',
        "read/__init__.py": '"""Files to numbers."""\nfrom echocare_core.errors import Fault',
        "write/__init__.py": '"""Numbers to files."""\nfrom echocare_core import errors',
        "write/one.py": "from echocare_core.read import a",
        "write/two.py": "def late():\n    from echocare_core.read.deep import b",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(architecture_picture, "PACKAGE", folder)
    monkeypatch.setattr(architecture_picture, "part_names", lambda: ["errors", "read", "write"])
    return folder


def test_the_picture_has_an_arrow_for_each_pair_of_parts_with_its_modules(package: Path) -> None:
    picture = ElementTree.fromstring(architecture_picture.architecture_svg())

    assert [title.text for title in picture.iter("title")] == ["write imports read: 2 modules"]
    assert [text.text for text in picture.iter("text")] == ["read", "write"]


def test_what_all_may_use_is_named_below_the_picture(package: Path) -> None:
    page = architecture_picture.architecture_page()

    assert "Not drawn: `errors`" in page
    assert "| `read` | Files to numbers. |" in page


def test_every_part_of_the_package_is_in_the_order_that_is_drawn() -> None:
    parts = {path.stem for path in architecture_picture.PACKAGE.iterdir() if (path / "__init__.py").is_file()}

    assert parts <= set(architecture_picture.part_names())


def test_every_augmentation_is_shown_on_the_phantom_and_said_with_its_title() -> None:
    sheet, table = augmentation_picture.draw_augmentations(), augmentation_picture.augmentations_table()

    tiles = -(-(1 + len(augmentation.__all__)) // augmentation_picture.COLUMNS)
    assert sheet.height == tiles * (augmentation_picture.SIDE + augmentation_picture.TITLE)
    assert re.findall(r"^\| `(\w+)` \| \w", table, flags=re.MULTILINE) == list(augmentation_picture.SHOWN)
    assert sorted(augmentation_picture.SHOWN) == sorted(augmentation.__all__)


def test_the_table_of_transfer_syntaxes_has_them_in_the_standards_words() -> None:
    table = reader_table.reader_table()

    assert "| JPEG Baseline (Process 1) | `1.2.840.10008.1.2.4.50` | imagecodecs |" in table
    assert "| Explicit VR Little Endian | `1.2.840.10008.1.2.1` | numpy |" in table
    assert "| JPEG XL | `1.2.840.10008.1.2.4.112` | imagecodecs |" in table
    assert table.count("1.2.840.10008.1.2.4.108") == 1  # its fragmentable form has no row of its own


def test_a_link_of_an_included_page_leads_to_the_page_or_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(included_pages, "REPOSITORY", tmp_path)
    monkeypatch.setattr(included_pages, "DOCS", tmp_path / "docs")
    source = tmp_path / "benchmarks" / "README.md"
    source.parent.mkdir()
    source.write_text(
        "[a](../bundles/x/docs/README.md#run) [b](run.py) [c](https://example.org/x) [d](#here) [e](../docs/reader.md)"
    )

    text = included_pages.moved_text(source, tmp_path / "docs" / "project" / "benchmarks.md")

    assert text == (
        "[a](../bundles/x.md#run) [b](../../benchmarks/run.py) [c](https://example.org/x) [d](#here) [e](../reader.md)"
    )


def test_a_number_of_a_card_is_named_with_its_unit() -> None:
    assert metric_name("dice_lesion", ["dice_lesion", "auc"]) == "Dice"
    assert metric_name("dice_mass", ["dice_liver", "dice_mass"]) == "Dice, mass"
    assert metric_name("head_circumference_mm_error", []) == "head circumference error in mm"
    assert metric_name("calibration_error", []) == "calibration error"
    assert metric_name("auc_malignant", []) == "AUC malignant"


@pytest.mark.parametrize("bundle", bundle_folders(), ids=lambda folder: folder.name)
def test_the_api_has_what_the_configurations_of_a_bundle_name(bundle: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in bundle.glob("configs/*.json"))
    page = api_pages.configuration_page()

    assert [name for name in re.findall(r"echocare_core\.[a-z_.]+\.[A-Z]\w+", text) if f":: {name}\n" not in page] == []


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads((REPOSITORY / "docs" / "demo.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]

    assert len(code) == 10
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))

    assert citation["version"] == echocare_core.__version__
