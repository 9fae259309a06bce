"""Bundles are found by name where users and this package keep them, and nowhere else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import echocare_core as echocare
from echocare_core.bundle import bundle_folders, check_needed_version, find_bundle, shipped_folder, user_folder
from echocare_core.errors import BundleError

HEAD = "fetal_head_segmentation"
MAJOR, MINOR, *_ = echocare.__version__.split(".")


@pytest.fixture
def export_with_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an export with folders that look like bundles, whose configuration writes a file."""
    for folder in (Path("surprise"), Path(HEAD), Path("bundles", "surprise")):
        (tmp_path / folder / "configs").mkdir(parents=True)
        (tmp_path / folder / "configs" / "metadata.json").write_text("{}")
        code = f"$open({str(tmp_path / 'written')!r}, 'w')"
        (tmp_path / folder / "configs" / "inference.json").write_text(
            json.dumps({"dataset_dir": "", "output_dir": "", "overwrite": False, "run": [code], "initialize": [code]})
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_does_not_run_what_stands_in_the_current_folder(export_with_a_bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"No bundle 'surprise'; found .*fetal_head_segmentation"):
        echocare.predict("surprise", export_with_a_bundle, export_with_a_bundle / "out")

    assert not (export_with_a_bundle / "written").exists()


def test_a_shipped_name_means_the_shipped_bundle_inside_an_export_too(export_with_a_bundle: Path) -> None:
    assert find_bundle(HEAD) == (shipped_folder() / HEAD).resolve()
    assert "surprise" not in [folder.name for folder in echocare.list_bundles()]


@pytest.mark.parametrize("path", [f"./{HEAD}", f"{HEAD}/", f"bundles/../{HEAD}", Path("bundles", "surprise")])
def test_a_path_is_taken_as_it_stands(path: str | Path, export_with_a_bundle: Path) -> None:
    assert find_bundle(path) == Path(path).resolve()


def test_a_bundle_named_by_its_path_does_run(export_with_a_bundle: Path) -> None:
    with pytest.raises(Exception, match="evaluator"):
        echocare.predict("./surprise", export_with_a_bundle, export_with_a_bundle / "out")

    assert (export_with_a_bundle / "written").exists()


def test_a_dot_is_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped_folder() / HEAD / "docs")

    assert find_bundle("..") == (shipped_folder() / HEAD).resolve()
    with pytest.raises(BundleError, match=r"No bundle '\.'"):
        find_bundle(".")


def test_the_folder_of_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shipped_folder() / HEAD / "configs", tmp_path / HEAD / "configs")
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))

    assert bundle_folders() == [tmp_path, user_folder(), shipped_folder()]
    assert find_bundle(HEAD) == tmp_path / HEAD
    assert tmp_path / HEAD in echocare.list_bundles()


def bundle_that_needs(packages: dict[str, str], folder: Path) -> Path:
    (folder / "configs").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps({"required_packages_version": packages}))
    return folder


@pytest.mark.parametrize("packages", [{"echocare": f"{MAJOR}.{MINOR}.99"}, {}])
def test_a_bundle_for_this_minor_version_is_accepted(packages: dict[str, str], tmp_path: Path) -> None:
    check_needed_version(bundle_that_needs(packages, tmp_path))


@pytest.mark.parametrize("needed", [f"{MAJOR}.{int(MINOR) + 1}.0", f"{int(MAJOR) + 1}.{MINOR}.0"])
def test_a_bundle_for_another_minor_version_is_refused(needed: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=f"made for echocare {needed}, and this is {echocare.__version__}"):
        check_needed_version(bundle_that_needs({"echocare": needed}, tmp_path))


def test_a_bundle_for_another_version_does_not_predict(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder() / HEAD, tmp_path / HEAD)
    metadata = tmp_path / HEAD / "configs" / "metadata.json"
    metadata.write_text(metadata.read_text().replace(f'"echocare": "{echocare.__version__}"', '"echocare": "9.0.0"'))

    with pytest.raises(BundleError, match=r"made for echocare 9\.0\.0"):
        echocare.predict(tmp_path / HEAD, tmp_path, tmp_path / "out")

    assert not (tmp_path / "out").exists()
