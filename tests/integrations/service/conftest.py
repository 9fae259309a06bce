"""A small bundle, what it says of a few files by `predict`, and a service that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_worker import InlineWorker
from output_bundle import write_output_bundle
from service_client import service_of
from starlette.testclient import TestClient
from ultrasound_files import marked, write_ultrasound

from echocare_core.integrations.service.app import Service
from echocare_core.integrations.service.limits import Limits

KINDS = ("mask", "boxes", "points", "scores", "activation", "picture", "text", "number", "embedding")
LIMITS = Limits(upload_mib=2, unpacked_mib=8, files=4, frames=12, seconds=20, waiting=2)


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that gives every kind of output, of frames."""
    folder = write_output_bundle(tmp_path_factory.mktemp("service") / "bright", KINDS)
    config = json.loads((folder / "configs" / "inference.json").read_text())
    (folder / "configs" / "inference.json").write_text(json.dumps({**config, "label_names": ["nodule"]}))
    return folder


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A still and a cine of six frames."""
    folder = tmp_path_factory.mktemp("files")
    write_ultrasound(folder / "still", marked(1, 96, 128), spacing_mm=(0.5, 0.5))
    write_ultrasound(folder / "cine", marked(6, 96, 128), frame_time_ms=40.0)
    return folder


@pytest.fixture(scope="session")
def worker(small_bundle: Path) -> InlineWorker:
    return InlineWorker(small_bundle, LIMITS, {"device": "cpu"})


@pytest.fixture
def running(small_bundle: Path, worker: Any) -> Iterator[tuple[TestClient, Service]]:
    with service_of({small_bundle: worker}, LIMITS) as both:
        yield both


@pytest.fixture
def client(running: tuple[TestClient, Service]) -> TestClient:
    return running[0]


@pytest.fixture
def service(running: tuple[TestClient, Service]) -> Service:
    return running[1]
