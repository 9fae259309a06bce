"""What the service says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from echocare_core.checksum import sha256_of
from echocare_core.integrations.service.app import Service
from echocare_core.integrations.service.job import form_of
from echocare_core.integrations.service.upload import safe_name


def test_it_is_live_and_ready(client: TestClient, service: Service) -> None:
    assert client.get("/health").json() == {"status": "live"}
    assert client.get("/ready").json() == {"ready": True, "models": {"bright": True}}
    service.close()
    assert client.get("/ready").status_code == 503


def test_it_lists_its_models(client: TestClient, small_bundle: Path) -> None:
    [one] = client.get("/bundles").json()

    assert (one["bundle"], one["version"], one["labels"]) == ("bright", "0.1.0", ["nodule"])
    assert one["weights_sha256"] == sha256_of(small_bundle / "models" / "model.pt")
    assert (one["engine"], one["writes_dicom"]) == ("torch", True)


def test_its_page_needs_no_script_and_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")

    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert not re.findall(r"(?:src|href)=\"?https?:", page.text)
    assert all(path in page.text for path in ("/predict/{bundle}", "/bundles", "/health", "/ready", "/metrics"))


def test_its_page_asks_by_the_address_that_was_asked(client: TestClient) -> None:
    page = client.get("/", headers={"Host": "127.0.0.1:8731"})

    assert "curl -F file=@IM000001 &#x27;http://127.0.0.1:8731/predict/bright?files=none&#x27;" in page.text
    assert "memory of the process" in page.text


def test_programs_read_its_description(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    predict = described["paths"]["/predict/{bundle}"]["post"]

    assert {parameter["name"] for parameter in predict["parameters"]} == {"bundle", "frames", "files", "dicom"}
    assert {"200", "401", "413", "422", "503", "504"} <= predict["responses"].keys()
    assert predict["responses"]["200"]["content"]["application/json"]["example"]["results"]
    assert "multipart/form-data" in predict["requestBody"]["content"]


def test_it_counts_requests_and_bytes(client: TestClient, files: Path) -> None:
    body = (files / "still").read_bytes()
    client.post("/predict/bright", content=body)
    client.post("/predict/bright", content=b"x")
    told = client.get("/metrics").text

    assert 'echocare_requests_total{model="bright",status="200"} 1\n' in told
    assert 'echocare_requests_total{model="bright",status="422"} 1\n' in told
    assert f'echocare_received_bytes_total{{model="bright"}} {len(body) + 1}\n' in told
    assert 'echocare_requests_under_way{model="bright"} 0\n' in told
    assert 'echocare_requests_running{model="bright"} 0\n' in told


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", ("json", False)),
        ("*/*", ("json", False)),
        ("text/html, application/json;q=0.5", ("json", False)),
        ("application/json;q=0.5, application/zip", ("zip", False)),
        ("application/dicom", ("dicom", True)),
        ('multipart/related; type="application/dicom"', ("dicom", False)),
        ("application/zip;q=0, application/json", ("json", False)),
    ],
)
def test_the_form_is_that_of_accept(accept: str, form: tuple[str, bool]) -> None:
    assert form_of(accept) == form


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("IM000001", "IM000001"),
        ("../../etc/passwd", "passwd"),
        ("C:\\studies\\a.dcm", "a.dcm"),
        (".hidden", "hidden"),
        ("$@#%a.png", "_a.png"),
        ("", "upload"),
        ("..", "upload"),
        ("a" * 300 + ".nii.gz", "a" * 70 + ".gz"),
    ],
)
def test_a_name_does_no_harm(given: str, kept: str) -> None:
    assert safe_name(given) == kept
