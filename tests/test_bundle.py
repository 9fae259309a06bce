"""Bundles are found by name where users and this package keep them, and nowhere else."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import echocare_core as echocare
from echocare_core.bundle import (
    bundle_folders,
    check_needed_version,
    find_bundle,
    read_card,
    read_metadata,
    running_bundle_root,
    shipped_folder,
    user_folder,
)
from echocare_core.cli import app
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
            json.dumps(
                dict.fromkeys(("dataset_dir", "output_dir", "overwrite", "dataset", "evaluator"), "")
                | {"run": [code], "initialize": [code]}
            )
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
    with pytest.raises(AttributeError, match="state"):
        echocare.predict("./surprise", export_with_a_bundle, export_with_a_bundle / "out")

    assert (export_with_a_bundle / "written").exists()


def test_a_dot_is_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped_folder() / HEAD / "docs")

    assert find_bundle("..") == (shipped_folder() / HEAD).resolve()
    with pytest.raises(BundleError, match=r"No bundle '\.' \(the folder has no configs/metadata\.json\)"):
        find_bundle(".")


def test_the_folder_of_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shipped_folder() / HEAD / "configs", tmp_path / HEAD / "configs")
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))

    assert bundle_folders() == [tmp_path, user_folder(), shipped_folder()]
    assert find_bundle(HEAD) == tmp_path / HEAD
    assert tmp_path / HEAD in echocare.list_bundles()


def bundle_of(metadata: bytes, folder: Path) -> Path:
    """A folder with nothing but metadata."""
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_bytes(metadata)
    return folder


UNREADABLE = [b"[]", b"null", b"{", '{"name": "Größe"}'.encode("latin-1")]


@pytest.mark.parametrize("metadata", UNREADABLE)
def test_metadata_that_cannot_be_read_are_told_with_their_place(metadata: bytes, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"metadata\.json is .*; .*restore the bundle") as error:
        read_metadata(bundle_of(metadata, tmp_path))

    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("metadata", [*UNREADABLE, b'{"version": null, "task": []}'])
def test_a_broken_bundle_does_not_hide_the_others(
    metadata: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))
    bundle_of(metadata, tmp_path / "broken")

    shown = CliRunner().invoke(app, ["bundles"])

    assert shown.exit_code == 0
    assert "  broken " in shown.output
    assert f"  {HEAD} " in shown.output


def test_bundles_are_listed_under_the_folder_where_each_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))
    bundle_of(b'{"version": "0.0.9", "task": "Mine"}', tmp_path / HEAD)

    lines = CliRunner().invoke(app, ["bundles"]).output.splitlines()

    assert [line.split() for line in lines[lines.index(f"{tmp_path}:") + 1 :][:1]] == [[HEAD, "0.0.9", "Mine"]]
    assert f"{shipped_folder()}:" in lines
    assert sum(line.startswith(f"  {HEAD} ") for line in lines) == 1


def copy_of_the_head_bundle(folder: Path, **changes: object) -> Path:
    """A copy with other entries in its metadata."""
    copy = Path(shutil.copytree(shipped_folder() / HEAD, folder / HEAD))
    metadata = copy / "configs" / "metadata.json"
    metadata.write_text(json.dumps({**read_metadata(copy), **changes}))
    return copy


@pytest.mark.parametrize("title", [None, "", ["Fetal head"]])
def test_a_card_needs_a_title_that_can_be_printed(title: object, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"lacks name; needed as text for the report"):
        read_card(copy_of_the_head_bundle(tmp_path, name=title))


def bundle_that_needs(packages: object, folder: Path) -> Path:
    return bundle_of(json.dumps({"required_packages_version": packages}).encode(), folder)


@pytest.mark.parametrize("packages", [{"echocare": f"{MAJOR}.{MINOR}.99"}, {"echocare": None}, {}, None, ["echocare"]])
def test_a_bundle_for_this_minor_version_or_for_none_is_accepted(packages: object, tmp_path: Path) -> None:
    check_needed_version(bundle_that_needs(packages, tmp_path))


@pytest.mark.parametrize("needed", [f"{MAJOR}.{int(MINOR) + 1}.0", f"{int(MAJOR) + 1}.{MINOR}.0"])
def test_a_bundle_for_another_minor_version_is_refused(needed: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=f"made for echocare {needed}, and this is {echocare.__version__}"):
        check_needed_version(bundle_that_needs({"echocare": needed}, tmp_path))


def test_a_bundle_for_another_version_does_not_predict(tmp_path: Path) -> None:
    copy = copy_of_the_head_bundle(tmp_path, required_packages_version={"echocare": "9.0.0"})

    with pytest.raises(BundleError, match=r"made for echocare 9\.0\.0"):
        echocare.predict(copy, tmp_path, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_bundle_for_another_version_does_not_run_with_monai_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of_the_head_bundle(tmp_path, required_packages_version={"echocare": "9.0.0"})
    monkeypatch.setattr(sys, "path", [sys.path[0], str(copy), *sys.path[1:]])

    with pytest.raises(BundleError, match=r"made for echocare 9\.0\.0"):
        running_bundle_root(HEAD)
    with pytest.raises(BundleError, match=r"made for echocare 9\.0\.0"):
        read_card(copy)


@pytest.mark.parametrize("content", [b"{", b"[]", "Größe".encode("latin-1")])
def test_an_inference_that_cannot_be_read_is_told(content: bytes, tmp_path: Path) -> None:
    copy = copy_of_the_head_bundle(tmp_path)
    (copy / "configs" / "inference.json").write_bytes(content)

    with pytest.raises(BundleError, match=r"inference\.json is .*; .*restore the bundle"):
        echocare.predict(copy, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("entry", ["dataset", "evaluator", "run"])
def test_an_inference_with_nothing_to_run_is_told(entry: str, tmp_path: Path) -> None:
    copy = copy_of_the_head_bundle(tmp_path)
    inference = copy / "configs" / "inference.json"
    config = json.loads(inference.read_text())
    del config[entry]
    inference.write_text(json.dumps(config))

    with pytest.raises(BundleError, match=rf"inference\.json has no {entry}; needed to predict"):
        echocare.predict(copy, tmp_path, tmp_path / "out")
