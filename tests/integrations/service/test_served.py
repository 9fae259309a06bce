"""A bundle that is served runs on the engine that the command would take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from output_bundle import write_output_bundle

import echocare_core as echocare
from echocare_core.demo import EXPORT
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Job
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.served import ServedBundle
from echocare_core.prediction import installed_engine

NAME = "fetal_head_segmentation"


def test_dicom_of_a_bundle_that_writes_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    bundle = write_output_bundle(tmp_path / "bright", ["number"])
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    config["evaluator"]["handlers"][0].pop("dicom")
    config.pop("dicom")
    (bundle / "configs" / "inference.json").write_text(json.dumps(config))

    with pytest.raises(Refused, match="bright writes no DICOM objects"):
        ServedBundle(bundle, {"device": "cpu"}, Limits()).answer(Job((), tmp_path, "dicom"))


def test_it_runs_on_openvino_where_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="the engine comes with an extra")
    monkeypatch.setattr("tempfile.tempdir", None)
    file = next(path for path in sorted((EXPORT / "FETAL").rglob("IM*")) if path.stat().st_size > 10_000)
    served = ServedBundle(NAME, {}, Limits())
    answer = served.answer(Job((file,), tmp_path))
    results = echocare.predict(NAME, file, tmp_path / "out", settings=installed_engine(NAME))

    [one] = json.loads(answer.path.read_text(encoding="utf-8"))["results"]
    assert served.about["engine"] == installed_engine(NAME).get("engine", "torch")
    assert one["row"] == json.loads(json.dumps(dict(results.rows[0])))
