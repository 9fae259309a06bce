"""A bundle that is served runs on the engine that the command would take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from output_bundle import write_output_bundle

from echocare_core.integrations.service import served
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Job
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.served import ServedBundle


def test_dicom_of_a_bundle_that_writes_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    bundle = write_output_bundle(tmp_path / "bright", ["number"])
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    config["evaluator"]["handlers"][0].pop("dicom")
    config.pop("dicom")
    (bundle / "configs" / "inference.json").write_text(json.dumps(config))

    with pytest.raises(Refused, match="bright writes no DICOM objects"):
        ServedBundle(bundle, {"device": "cpu"}, Limits()).answer(Job((), tmp_path, "dicom"))


class AskedError(Exception):
    """What a bundle was to be loaded with."""


@pytest.mark.parametrize(("given", "engine"), [({}, "the installed one"), ({"engine": "torch"}, "torch")])
def test_it_runs_on_the_engine_that_the_command_takes(
    given: dict[str, str], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(bundle: object, settings: object) -> None:
        raise AskedError(settings)

    monkeypatch.setattr(served, "LoadedBundle", load)
    monkeypatch.setattr(served, "installed_engine", lambda bundle: {"engine": "the installed one"})

    with pytest.raises(AskedError) as asked:
        ServedBundle("any", given, Limits())
    assert asked.value.args == ({"engine": engine},)
