"""What is installed is pinned, listed, and under the licences that the page says."""

from __future__ import annotations

import configparser
import re
import runpy
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "installing.md").read_text(encoding="utf-8")
LOCK = (REPOSITORY / "requirements.lock.txt").read_text(encoding="utf-8")
EXTRAS = ("bundles", "itk", "nifti", "openvino", "pacs", "parquet", "privacy", "service", "video")


def requirements(section: str, name: str) -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    return [Requirement(line) for line in setup[section][name].split("\n") if line.strip()]


NEEDED = [
    *requirements("options", "install_requires"),
    *(one for extra in EXTRAS for one in requirements("options.extras_require", extra)),
]


def pins(text: str) -> list[Requirement]:
    """Requirements of a file, without hashes and comments."""
    lines = (line.split(" --hash")[0].rstrip(" \\") for line in text.splitlines())
    return [Requirement(line) for line in lines if re.match(r"[A-Za-z]", line)]


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-older.txt"])
def test_what_is_tested_is_allowed(name: str) -> None:
    tested = {canonicalize_name(pin.name): pin for pin in pins((REPOSITORY / name).read_text(encoding="utf-8"))}
    for needed in NEEDED:
        [version] = tested[canonicalize_name(needed.name)].specifier
        assert needed.specifier.contains(version.version), needed


def test_what_monai_label_is_tested_with_is_allowed() -> None:
    text = (REPOSITORY / "constraints-label.txt").read_text(encoding="utf-8")
    tested = {canonicalize_name(pin.name): pin for pin in pins(text)}
    for needed in (*requirements("options", "install_requires"), *requirements("options.extras_require", "bundles")):
        [version] = tested[canonicalize_name(needed.name)].specifier
        assert needed.specifier.contains(version.version), needed


def test_the_lock_pins_all_that_is_needed_as_it_is_tested() -> None:
    locked: dict[str, set[str]] = {}
    for pin in pins(LOCK):
        [version] = pin.specifier
        locked.setdefault(canonicalize_name(pin.name), set()).add(version.version)
    tested = {canonicalize_name(pin.name): pin for pin in pins((REPOSITORY / "constraints.txt").read_text())}
    for needed in NEEDED:
        name = canonicalize_name(needed.name)
        [version] = tested[name].specifier
        assert version.version in locked[name]
        assert all(needed.specifier.contains(one) for one in locked[name])


def test_every_package_of_the_lock_has_a_hash_and_no_place() -> None:
    entries = re.split(r"^(?=[A-Za-z])", LOCK, flags=re.MULTILINE)[1:]

    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert not re.search(r"://|--(extra-)?index|--find-links|@ ", LOCK)
    assert len(LOCK) < 300_000


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    """What `.ci/sbom.py` defines."""
    return runpy.run_path(str(REPOSITORY / ".ci" / "sbom.py"))


def test_the_bill_of_materials_lists_what_is_installed_and_needed(sbom: dict[str, Any]) -> None:
    bill = sbom["bill_of_materials"]()
    versions = {component["name"]: component["version"] for component in bill["components"]}
    refs = {component["bom-ref"] for component in [bill["metadata"]["component"], *bill["components"]]}

    assert bill == sbom["bill_of_materials"]()
    assert {name: versions.get(name) for name in map(canonicalize_name, ("torch", "monai", "numpy", "pydicom"))} == {
        name: distribution(name).version for name in ("torch", "monai", "numpy", "pydicom")
    }
    assert {entry["ref"] for entry in bill["dependencies"]} == refs
    assert {one for entry in bill["dependencies"] for one in entry["dependsOn"]} <= refs
    assert all(component["licenses"] for component in bill["components"] if component["name"] in ("torch", "av"))


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_page_says_the_licences_that_packages_have(extra: str, sbom: dict[str, Any]) -> None:
    [row] = re.findall(rf"^\| `{extra}` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    said = {words.split()[0]: words.split()[1] for words in row.split(";")[0].split(", ")}

    assert said.keys() == {needed.name for needed in requirements("options.extras_require", extra)}
    for name, licence in said.items():
        assert any(licence.lower() in one.lower() for one in sbom["licences_of"](distribution(name))), name


def test_the_page_tells_of_gpl_that_a_wheel_carries() -> None:
    """Of the libraries in the wheel itself, on Linux, as auditwheel names them."""
    carried = {path.name.split("-")[0] for path in distribution("av").files or () if path.parts[0] == "av.libs"}

    for library in ("x264", "x265"):
        assert f"lib{library}" in carried or not carried
        assert library in PAGE
