"""A wheel carries all that the package needs where there is no clone, bundles included, and no results of anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import echocare_core
from echocare_core.checks.files import files_of

REPOSITORY = Path(__file__).parents[1]
PACKAGE = Path(echocare_core.__file__).parent
BUNDLES = sorted(path.parents[1] for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))
LARGEST_BYTES = 100 * 1024 * 1024  # that the Python Package Index takes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the repository in which a bundle was used."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(REPOSITORY / name, copy / name)
    for name in ("echocare_core", "bundles"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "eval"))
    (copy / "bundles" / BUNDLES[0].name / "eval").mkdir()
    (copy / "bundles" / BUNDLES[0].name / "eval" / "results.csv").write_text("of a patient")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", str(out), str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [path] = out.iterdir()
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Files in the wheel, without those that only tell of it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_it_carries_every_bundle_and_nothing_that_was_made_with_it(names: set[str]) -> None:
    wanted = {f"echocare_core/{path.relative_to(REPOSITORY).as_posix()}" for one in BUNDLES for path in files_of(one)}

    assert {name for name in names if name.startswith("echocare_core/bundles/")} == wanted


def test_it_carries_every_other_file_of_the_package(names: set[str]) -> None:
    package = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    assert {name for name in names if not name.startswith("echocare_core/bundles/")} == {
        path.relative_to(PACKAGE.parent).as_posix() for path in package
    }


def test_a_package_index_takes_it(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_BYTES


def test_without_a_clone_its_bundles_are_found(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "empty").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "XDG_DATA_HOME": str(tmp_path)}

    command = [sys.executable, "-m", "echocare_core", "bundles"]
    done = subprocess.run(command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    place, *lines = done.stdout.splitlines()
    assert place == f"{tmp_path / 'installed' / 'echocare_core' / 'bundles'}:"
    assert [line.split()[0] for line in lines] == [bundle.name for bundle in BUNDLES]
