"""Every bundle answers through the service, with the numbers and masks of `echocare predict`."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from inline_worker import InlineWorker
from pydicom import dcmread
from service_client import service_of
from test_golden import golden_of

import echocare_core as echocare
from echocare_core.demo import EXPORT
from echocare_core.errors import UnreadableFrames
from echocare_core.integrations.service.bundles import describe_bundle
from echocare_core.integrations.service.limits import Limits

PLAIN = {"engine": "torch", "device": "cpu"}


def file_for(bundle: Path) -> Path:
    """A file of the demo's export that the bundle is meant for: the shortest that has the frames it needs."""
    golden = golden_of(bundle)
    part = golden["export"] if isinstance(golden, dict) else ""
    needed = json.loads((bundle / "configs" / "metadata.json").read_text()).get("needs", {}).get("frames", 1)
    lengths = {path: frames_in(path) for path in sorted((EXPORT / part).rglob("IM*"))}
    return min((path for path in lengths if lengths[path] >= needed), key=lengths.__getitem__)


def frames_in(path: Path) -> int:
    try:
        return len(echocare.read_frames(path))
    except UnreadableFrames:
        return 0


def test_it_answers_what_predict_writes(bundle: Path, tmp_path: Path) -> None:
    file, limits = file_for(bundle), Limits(seconds=120)
    results = echocare.predict(bundle, file, tmp_path / "out", settings=PLAIN)
    with service_of({bundle: InlineWorker(bundle, limits, PLAIN)}, limits) as (client, _):
        answer = client.post(f"/predict/{bundle.name}", files={"file": (file.name, file.read_bytes())})
        described = client.get("/bundles").json()

    assert answer.status_code == 200, answer.text
    answered = answer.json()["results"]
    assert [one["row"] for one in answered] == json.loads(json.dumps([dict(row) for row in results]))
    for file in (file for one in answered for file in one["files"]):
        assert base64.b64decode(file["base64"]) == (tmp_path / "out" / file["name"]).read_bytes()
    assert described[0]["weights_sha256"] == answered[0]["row"]["weights_sha256"]
    assert described[0]["intended_use"]


def test_its_dicom_objects_are_those_of_predict(bundle: Path, tmp_path: Path) -> None:
    file, limits = file_for(bundle), Limits(seconds=120)
    echocare.predict(bundle, file, tmp_path / "out", settings={**PLAIN, "dicom": True})
    written = [dcmread(path) for path in sorted((tmp_path / "out" / "dicom").rglob("*.dcm"))]
    with service_of({bundle: InlineWorker(bundle, limits, PLAIN)}, limits) as (client, _):
        answer = client.post(
            f"/predict/{bundle.name}",
            files={"file": (file.name, file.read_bytes())},
            headers={"accept": 'multipart/related; type="application/dicom"'},
        )

    assert answer.status_code == (200 if written else 406), answer.text
    boundary = answer.headers["content-type"].rpartition("boundary=")[2].encode()
    parts = answer.content.split(b"--" + boundary)[1:-1] if written else []
    sent = [dcmread(io.BytesIO(part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"))) for part in parts]
    assert sent == written


@pytest.mark.parametrize("part", ["labels", "outputs", "engine", "version"])
def test_it_is_described(part: str, bundle: Path) -> None:
    assert part in describe_bundle(bundle, {"engine": "torch"})
