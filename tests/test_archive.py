"""A packed bundle is complete, is the same every time, and holds no results of patients."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner
from warm_python import run_python

import echocare_core as echocare
from echocare_core.bundle import shipped_folder
from echocare_core.checks.files import files_of
from echocare_core.cli import app
from echocare_core.errors import BundleError, OutputError

HEAD = "fetal_head_segmentation"
EXPORT = Path(echocare.__file__).parent / "demo" / "export" / "FETAL"
PATIENT = "Doe_Jane"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A bundle that was used, with results in it."""
    folder = Path(shutil.copytree(shipped_folder() / HEAD, tmp_path / "used" / HEAD))
    for name in (f"eval/{PATIENT}.png", f"docs/{PATIENT}.dcm", f"{PATIENT}/notes.txt", "models/checkpoint.pt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(PATIENT)
    return folder


@pytest.fixture
def without_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks have tests of their own, and take seconds."""
    monkeypatch.setattr("echocare_core.archive.check_passes", lambda _: None)


@pytest.mark.usefixtures("without_checks")
def test_only_what_a_bundle_is_made_of_is_packed(copy: Path, tmp_path: Path) -> None:
    packed = echocare.pack(copy, tmp_path / "out.zip")

    with zipfile.ZipFile(packed.path) as archive:
        names = archive.namelist()
        assert {archive.read(f"{HEAD}/{name}") for name in ("LICENSE", "models/model.pt")} == {
            (copy / name).read_bytes() for name in ("LICENSE", "models/model.pt")
        }
    original = [path for path in (shipped_folder() / HEAD).rglob("*") if path.is_file() and "eval" not in path.parts]
    assert names == sorted(f"{HEAD}/{path.relative_to(shipped_folder() / HEAD).as_posix()}" for path in original)
    assert packed.left_out == {"eval/": 1, "docs/": 1, "elsewhere": 1, "models/": 1}
    assert PATIENT.encode() not in packed.path.read_bytes()


@pytest.mark.usefixtures("without_checks")
def test_a_bundle_gives_the_same_bytes_whenever_and_wherever_it_is_packed(copy: Path, tmp_path: Path) -> None:
    first = echocare.pack(shipped_folder() / HEAD, tmp_path / "first.zip")
    os.utime(copy / "LICENSE", (time.time() - 9e6,) * 2)
    (copy / "LICENSE").chmod(0o600)

    second = echocare.pack(copy, tmp_path / "second.zip")

    assert first.path.read_bytes() == second.path.read_bytes()
    assert second.sha256 == hashlib.sha256(second.path.read_bytes()).hexdigest()
    assert second.size_bytes == second.path.stat().st_size


@pytest.mark.usefixtures("without_checks")
def test_an_earlier_file_is_replaced_only_when_asked(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_text("mine")

    with pytest.raises(OutputError, match=r"out\.zip is there already"):
        echocare.pack(copy, tmp_path / "out.zip")
    assert (tmp_path / "out.zip").read_text() == "mine"
    echocare.pack(copy, tmp_path / "out.zip", overwrite=True)

    assert zipfile.is_zipfile(tmp_path / "out.zip")


@pytest.mark.usefixtures("without_checks")
def test_a_file_that_cannot_be_written_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())

    with pytest.raises(OutputError, match=r"cannot take the zip file \(No such file .*Make that folder first"):
        echocare.pack(copy, tmp_path / "no such folder" / "out.zip")
    with pytest.raises(OutputError, match=r"does not end in \.zip"):
        echocare.pack(copy, tmp_path / "out.tar")

    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("without_checks")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_never_replaced_by_a_zip(overwrite: bool, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "out.zip").mkdir()

    with pytest.raises(OutputError, match=r"out\.zip is a folder; needed the name of a file"):
        echocare.pack(copy, tmp_path / "out.zip", overwrite=overwrite)


def test_a_bundle_that_fails_a_check_is_not_packed(copy: Path, tmp_path: Path) -> None:
    card = copy / "models" / "model.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "sha256": "00"}))

    with pytest.raises(BundleError, match=r"fails 1 of the checks, first 'checksum'"):
        echocare.pack(copy, tmp_path / "out.zip")

    assert not (tmp_path / "out.zip").exists()


def test_a_packed_bundle_passes_the_checks_and_runs_where_it_is_unpacked(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["pack", str(copy)])
    assert ran.exit_code == 0, ran.output
    [path] = tmp_path.glob(f"{HEAD}_v*.zip")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in ran.output
    assert "1 in eval/" in ran.output
    assert PATIENT not in ran.output.replace(str(tmp_path), "")
    shutil.rmtree(copy)

    shutil.unpack_archive(path, tmp_path / "unpacked")

    folder = tmp_path / "unpacked" / HEAD
    assert len(files_of(folder)) == len(files_of(shipped_folder() / HEAD))
    assert [finding for finding in echocare.check(folder) if finding.outcome == "failed"] == []
    words = ["--config_file", folder / "configs" / "inference.json", "--dataset_dir", EXPORT, "--output_dir", "out"]
    done = run_python("-m", "monai.bundle", "run", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
