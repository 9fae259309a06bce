"""The application on a study folder, as MONAI Deploy starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import echocare_core as echocare

pytest.importorskip("holoscan", reason="the MONAI Deploy App SDK is not installed: pip install 'echocare[deploy]'")

APPLICATION = Path(__file__).parents[3] / "docs" / "example_deploy"


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(APPLICATION), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_writes_what_predict_writes_with_its_dicom_objects(bundle: Path, study: Path, tmp_path: Path) -> None:
    done = run("-i", study, "-o", tmp_path / "out", "-m", bundle)
    known = echocare.predict(bundle, study, tmp_path / "known", settings={"dicom": True})

    assert done.returncode == 0, done.stderr[-2000:]
    written = tmp_path / "out" / bundle.name
    assert (written / "results.csv").read_text() == (known.folder / "results.csv").read_text()
    objects = {path.relative_to(known.folder): path.read_bytes() for path in known.folder.glob("dicom/**/*.dcm")}
    assert {path.relative_to(written): path.read_bytes() for path in written.glob("dicom/**/*.dcm")} == objects
    assert len(objects) >= 2
    assert f"  {written / 'dicom'}" in done.stdout.splitlines()


def test_a_folder_without_bundles_is_one_sentence(study: Path, tmp_path: Path) -> None:
    done = run("-i", study, "-o", tmp_path / "out", "-m", study)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "is no bundle and holds none; needed one to run. Name its folder with -m."
    )


def test_a_study_without_images_is_one_sentence(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("-i", tmp_path / "empty", "-o", tmp_path / "out", "-m", bundle)

    assert done.returncode == 1
    assert "UnreadableFrames: empty is empty: no file was found in it." in done.stderr
