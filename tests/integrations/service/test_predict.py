"""What the service answers is what `echocare predict` writes, to the last bit."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from starlette.testclient import TestClient

import echocare_core as echocare
from echocare_core.integrations.service.answers import write_answer
from echocare_core.integrations.service.app import Service
from echocare_core.integrations.service.job import Job
from echocare_core.types import Results

URL = "/predict/bright"
PLAIN = {"device": "cpu"}


def send(client: TestClient, *paths: Path, query: str = "", **headers: str) -> Any:
    opened = [("file", (path.name, path.read_bytes())) for path in paths]
    return client.post(f"{URL}{query}", files=opened, headers=headers)


def same_as(results: Results, answered: Any) -> None:
    """Rows, set aside and every embedded file are those of a run."""
    assert [one["row"] for one in answered["results"]] == json.loads(json.dumps([dict(row) for row in results]))
    assert [one["reason"] for one in answered["set_aside"]] == [one.reason for one in results.set_aside]
    embedded = [file for one in answered["results"] for file in one["files"]]
    assert embedded
    for file in embedded:
        assert base64.b64decode(file["base64"]) == (results.folder / file["name"]).read_bytes()


@pytest.mark.parametrize("name", ["still", "cine"])
def test_every_value_and_every_mask_is_that_of_predict(
    name: str, client: TestClient, files: Path, small_bundle: Path, tmp_path: Path
) -> None:
    answer = send(client, files / name)

    assert answer.status_code == 200, answer.text
    same_as(echocare.predict(small_bundle, files / name, tmp_path / "out", settings=PLAIN), answer.json())


def test_the_second_answer_is_that_of_the_first(client: TestClient, files: Path) -> None:
    first, _, again = send(client, files / "still"), send(client, files / "cine"), send(client, files / "still")

    assert again.content == first.content


def test_several_files_are_one_export(client: TestClient, files: Path, small_bundle: Path, tmp_path: Path) -> None:
    given = [files / "still", files / "cine"]

    same_as(echocare.predict(small_bundle, given, tmp_path / "out", settings=PLAIN), send(client, *given).json())


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"ST1/{file.name}")
    return path


def test_an_archive_of_a_study_is_read(client: TestClient, files: Path, small_bundle: Path, tmp_path: Path) -> None:
    archive = zipped(files, tmp_path / "study.zip")

    same_as(echocare.predict(small_bundle, archive, tmp_path / "out", settings=PLAIN), send(client, archive).json())


def test_a_body_is_one_file(client: TestClient, files: Path) -> None:
    answer = client.post(URL, content=(files / "still").read_bytes())

    assert [one["row"]["source"] for one in answer.json()["results"]] == ["upload"]


def test_frames_are_chosen_of_a_cine(client: TestClient, files: Path) -> None:
    answer = send(client, files / "cine", query="?frames=4,0-1")

    assert [one["row"]["frame"] for one in answer.json()["results"]] == [4, 0, 1]


def without_time(content: bytes) -> bytes:
    """A file without the time at which its page was written."""
    return re.sub(rb"<time .*?</time>", b"", content)


def test_a_zip_holds_all_that_predict_writes(
    client: TestClient, files: Path, small_bundle: Path, tmp_path: Path
) -> None:
    answer = send(client, files / "still", accept="application/zip")
    echocare.predict(small_bundle, files / "still", tmp_path / "out", settings=PLAIN)

    written = {
        path.relative_to(tmp_path / "out").as_posix(): without_time(path.read_bytes())
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: without_time(archive.read(name)) for name in archive.namelist()} == written
    assert "report.html" in written


def test_dicom_objects_are_sent_as_parts(client: TestClient, files: Path) -> None:
    answer = send(client, files / "still", accept='multipart/related; type="application/dicom"')
    alone = send(client, files / "still", files / "cine", accept="application/dicom")

    boundary = answer.headers["content-type"].rpartition("boundary=")[2]
    parts = answer.content.split(f"--{boundary}".encode())
    assert "SEG" in {dcmread(io.BytesIO(part.partition(b"\r\n\r\n")[2])).Modality for part in parts[1:-1]}
    assert (alone.status_code, alone.json()["error"]) == (406, "SeveralObjects")


def test_one_dicom_object_is_sent_as_it_is(files: Path, tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    shutil.copy(files / "still", tmp_path / "dicom" / "a.dcm")
    answer = write_answer(Results(tmp_path), tmp_path, Job((), tmp_path, "dicom", single=True))

    assert (answer.path, answer.media_type) == (tmp_path / "dicom" / "a.dcm", "application/dicom")


def test_a_file_that_rows_share_is_sent_once(client: TestClient, files: Path) -> None:
    answered = send(client, files / "cine", query="?files=all&dicom=true").json()["results"]
    columns = [file["column"] for one in answered for file in one["files"]]

    assert columns.count("dicom_seg_file") == 1
    assert columns.count("mask") == len(answered) == 6


@pytest.mark.parametrize(("embedded", "columns"), [("none", set()), ("all", {"mask", "overlay"})])
def test_files_stand_in_json_as_asked(embedded: str, columns: set[str], client: TestClient, files: Path) -> None:
    [one] = send(client, files / "still", query=f"?files={embedded}").json()["results"]

    found = {file["column"] for file in one["files"]}
    assert columns <= found
    assert bool(found) == bool(columns)


def test_outputs_have_their_units_scores_boxes_and_points(client: TestClient, files: Path) -> None:
    [one] = send(client, files / "still").json()["results"]
    outputs = {output["kind"]: output for output in one["outputs"]}

    assert outputs["Measurement"] == {"kind": "Measurement", "name": "bright_area", "value": 24.0, "unit": "px2"}
    assert outputs["Scores"]["answer"] == "benign"
    assert outputs["Scores"]["operating_point"] == {"label": "malignant", "threshold": 0.05}
    assert outputs["Boxes"]["corners_px"][0] == [0.0, 122.0, 4.0, 128.0]
    assert outputs["Points"]["positions_px"][2] == [None, None]  # it was not found
    assert outputs["Embedding"]["nearest"][0]["name"] == "SET image_1"


def test_the_answer_says_how_it_was_made(client: TestClient, files: Path) -> None:
    answer = send(client, files / "still").json()

    assert answer["bundle"] == "_".join(
        (
            "mask",
            "boxes",
            "points",
            "scores",
            "activation",
            "picture",
            "text",
            "number",
            "embedding",
        )
    )
    assert answer["origin"]["engine"] == "torch"
    assert answer["intended_use"] == "Tests."


def test_a_broken_file_beside_good_ones_is_set_aside(client: TestClient, files: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes((files / "still").read_bytes()[:400])
    answer = send(client, files / "still", tmp_path / "broken").json()

    assert [one["source"] for one in answer["set_aside"]] == ["broken"]
    assert len(answer["results"]) == 1


def test_nothing_is_left_of_a_request(client: TestClient, service: Service, files: Path) -> None:
    send(client, files / "still")
    client.post(URL, content=b"nothing that is read")

    assert [path.name for path in service.folder.iterdir()] == [".echocare-lock"]
    assert service.queues["bright"].taken == 0
