"""Every bundle answers through the service, with the numbers, masks and DICOM objects of `echocare predict`."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from inline_worker import InlineWorker
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
    dicom = describe_bundle(bundle, {"engine": "torch"})["writes_dicom"]
    results = echocare.predict(bundle, file, tmp_path / "out", settings={**PLAIN, **({"dicom": True} if dicom else {})})
    with service_of({bundle: InlineWorker(bundle, limits, PLAIN)}, limits) as (client, _):
        asked = {"files": "all", "dicom": dicom}
        answer = client.post(f"/predict/{bundle.name}", params=asked, files={"file": (file.name, file.read_bytes())})
        described = client.get("/bundles").json()

    assert answer.status_code == 200, answer.text
    answered = answer.json()["results"]
    assert [one["row"] for one in answered] == json.loads(json.dumps([dict(row) for row in results]))
    sent = {one["name"]: base64.b64decode(one["base64"]) for result in answered for one in result["files"]}
    assert [name for name, content in sent.items() if content != (tmp_path / "out" / name).read_bytes()] == []
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.dcm")}
    assert {name for name in sent if name.endswith(".dcm")} == written
    assert described[0]["weights_sha256"] == answered[0]["row"]["weights_sha256"]
    assert described[0]["intended_use"]


@pytest.mark.parametrize("part", ["labels", "outputs", "engine", "version"])
def test_it_is_described(part: str, bundle: Path) -> None:
    assert part in describe_bundle(bundle, {"engine": "torch"})
