"""What is refused is refused with a status, a name and what to do; nothing of it reaches the log."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from service_client import service_of
from starlette.testclient import TestClient
from ultrasound_files import PATIENT_NAME, marked, write_ultrasound

from echocare_core.errors import BundleError, OutputError, SettingsError
from echocare_core.integrations.service.app import Service
from echocare_core.integrations.service.bearer import Token, check_host, take_token
from echocare_core.integrations.service.faults import Fault, fault_of
from echocare_core.integrations.service.limits import MIB, Limits

URL = "/predict/bright"
PART = b'--xyz\r\nContent-Disposition: form-data; filename="%s"\r\n\r\n1\r\n'
END = b"--xyz--\r\n"
FORM = {"content-type": "multipart/form-data; boundary=xyz"}


def bomb(megabytes: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(megabytes * MIB))
    return packed.getvalue()


def png() -> bytes:
    written = io.BytesIO()
    Image.radial_gradient("L").save(written, "PNG")
    return written.getvalue()


def with_cine(tmp_path: Path, frames: int) -> bytes:
    return write_ultrasound(tmp_path / "long", marked(frames)).read_bytes()


REFUSED = {
    "nothing": (b"", {}, 400, "NothingSent"),
    "text": (b"some text", {}, 422, "UnreadableFrames"),
    "a form that ends early": (b"--xyz\r\n", FORM, 400, "NoForm"),
    "no form at all": (b"garbage", FORM, 400, "NoForm"),
    "a form without a boundary": (b"x", {"content-type": "multipart/form-data"}, 400, "NoForm"),
    "a field": (PART.replace(b"filename", b"name") + END, FORM, 400, "NoForm"),
    "headers without end": (b"--xyz\r\nA: " + b"b" * 40_000, FORM, 400, "NoForm"),
    "a table": (PART % b"../x.CSV" + END, FORM, 415, "TableSent"),
    "too many files": (PART % b"a" * 5 + END, FORM, 413, "TooManyFiles"),
    "more bytes than may be": (bytes(3 * MIB), {}, 413, "TooLarge"),
    "an archive that unpacks to more": (bomb(9), {}, 413, "TooLarge"),
    "another form of answer": (b"x", {"accept": "text/html, image/png;q=0.9"}, 406, "NotAcceptable"),
    "DICOM of a picture that is none": (png(), {"accept": "application/dicom"}, 406, "NoDicom"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(REFUSED))
def test_it_is_refused_by_name(what: str, client: TestClient, service: Service) -> None:
    body, headers, status, error = REFUSED[what]
    answer = client.post(URL, content=body, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"].endswith(".")
    assert [path.name for path in service.folder.iterdir()] == [".echocare-lock"]
    assert service.queues["bright"].taken == 0


def test_more_bytes_than_said_are_refused_while_they_come(client: TestClient) -> None:
    answer = client.post(URL, content=iter([bytes(MIB)] * 4))  # chunked, without Content-Length

    assert answer.json()["error"] == "TooLarge"


def test_more_frames_than_may_be_are_refused(client: TestClient, tmp_path: Path) -> None:
    answer = client.post(URL, content=with_cine(tmp_path, 13))

    assert answer.status_code == 413
    assert answer.json()["found"] == "The request holds 13 frames"
    assert client.post(f"{URL}?frames=0-11", content=with_cine(tmp_path, 13)).status_code == 200


@pytest.mark.parametrize("frames", ["a", "1-", "-1", "1,,2", "5-999999999", "9" * 30])
def test_frames_that_are_none_are_refused(frames: str, client: TestClient) -> None:
    assert client.post(f"{URL}?frames={frames}", content=b"x").json()["error"] == "WrongFrames"


def test_a_frame_that_is_not_there_is_named(client: TestClient, files: Path) -> None:
    answer = client.post(f"{URL}?frames=9", files={"file": ("IM1", (files / "still").read_bytes())})

    assert answer.status_code == 422
    assert "IM1 has 1 frame; number 9, counted from 0, was asked for" in answer.json()["message"]
    assert "frames.csv" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/docs", 404), ("GET", URL, 405), ("POST", "/predict/none", 404), ("POST", f"{URL}?files=x", 422)],
)
def test_what_is_not_there_is_said_in_the_same_form(method: str, path: str, status: int, client: TestClient) -> None:
    answer = client.request(method, path)

    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message", "found", "needed", "what_to_do"}


def test_the_log_names_no_patient_no_file_and_no_query(
    client: TestClient, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("echocare.service").propagate = True
    with caplog.at_level(logging.INFO, logger="echocare.service"):
        client.post(f"{URL}?frames=0", files={"file": ("Doe^Jane.dcm", (files / "still").read_bytes())})
        client.post(URL, files={"file": ("Doe^Jane.dcm", (files / "still").read_bytes()[:300])})
        client.get("/Doe^Jane?Doe^Jane")

    said = [one.getMessage() for one in caplog.records if one.name != "httpx"]  # of the client, which is the test
    assert "Doe" in PATIENT_NAME
    assert not [line for line in said if "Doe" in line]
    assert [line.split(" ", 1)[1].split()[:3] for line in said] == [
        ["POST", "/predict/{bundle}", "bright"],
        ["POST", "/predict/{bundle}", "bright"],
        ["GET", "?", "404"],
    ]


TOKEN = "0123456789abcdef0123"


@pytest.fixture
def locked(small_bundle: Path, worker: Any) -> Any:
    with service_of({small_bundle: worker}, Limits(seconds=20), token=TOKEN) as (client, _):
        yield client


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"},
                                    {"authorization": TOKEN}, {"authorization": "Bearer \xff"}])  # fmt: skip
def test_without_the_token_nothing_is_answered(header: dict[str, str], locked: TestClient) -> None:
    for path in (URL, "/bundles", "/metrics", "/nothing"):
        raw = {name: value.encode("latin-1") for name, value in header.items()}
        answer = locked.post(path, content=b"x", headers=raw)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert TOKEN not in answer.text


def test_with_the_token_it_answers_by_any_name(locked: TestClient, files: Path) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "host": "echocare.hospital.example"}

    assert locked.post(URL, content=(files / "still").read_bytes(), headers=headers).status_code == 200
    assert locked.get("/health").json() == {"status": "live"}


def test_without_a_token_another_name_of_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/bundles", headers={"host": "evil.example:8000"}).status_code == 421
    assert client.get("/bundles", headers={"host": "localhost:8000"}).status_code == 200
    assert client.get("/bundles", headers={"host": "[::1]:8000"}).status_code == 200


def test_a_page_of_another_site_is_refused(client: TestClient) -> None:
    answer = client.post(URL, content=b"x", headers={"sec-fetch-site": "cross-site"})

    assert (answer.status_code, answer.json()["error"]) == (403, "OtherSite")
    assert client.get("/bundles", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_another_address_needs_a_token() -> None:
    with pytest.raises(SettingsError, match="reverse proxy with TLS"):
        check_host("0.0.0.0", Token(None))
    check_host("0.0.0.0", Token(TOKEN))
    check_host("::1", Token(None))


def test_the_token_is_taken_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOCARE_TOKEN", TOKEN)

    assert take_token(None).is_set
    assert not take_token(None).is_set
    assert TOKEN not in repr(Token(TOKEN))


@pytest.mark.parametrize("secret", ["short", "ä" * 30, "with a\nline of more"])
def test_a_token_that_is_none_is_said(secret: str) -> None:
    with pytest.raises(SettingsError, match=r"openssl rand -hex 32"):
        Token(secret)


def test_a_variable_that_is_named_must_be_set() -> None:
    with pytest.raises(SettingsError, match="NO_SUCH_TOKEN is not set"):
        take_token("NO_SUCH_TOKEN")


@pytest.mark.parametrize("name", ["upload_mib", "frames", "seconds", "waiting"])
def test_a_limit_is_above_zero(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The limit {name} is 0"):
        Limits(**{name: 0})


def test_an_error_nobody_foresaw_tells_its_class_and_line_alone() -> None:
    try:
        raise ValueError("Doe^Jane 19700131")
    except ValueError as error:
        fault = fault_of(error)

    assert "Doe" not in json.dumps([fault.as_json(), fault.where])
    assert fault.where.startswith("ValueError at test_refusals.py:")
    assert fault.status == 500


@pytest.mark.parametrize(("error", "status"), [(BundleError("x"), 500), (OutputError("x"), 507)])
def test_an_error_of_the_package_has_its_status(error: Exception, status: int) -> None:
    assert fault_of(error).status == status


def test_a_sentence_is_told_in_its_parts() -> None:
    told = Fault(422, "TooShort", "a has 9 frames; needed 16. Record a longer loop, or see the list.").as_json()

    assert (told["found"], told["needed"]) == ("a has 9 frames", "16")
    assert told["what_to_do"] == "Record a longer loop, or see the list."
