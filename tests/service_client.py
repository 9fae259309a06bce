"""The service in the process of the test, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from echocare_core.integrations.service.app import Service, build_app
from echocare_core.integrations.service.bearer import Token
from echocare_core.integrations.service.folders import service_folder
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.queue import ModelQueue


@contextmanager
def service_of(
    workers: Mapping[Path, Any], limits: Limits, *, token: str | None = None
) -> Iterator[tuple[TestClient, Service]]:
    """A client, and the service that it asks.

    Args:
        workers: what answers for each folder of a bundle.
        limits: of requests.
        token: that requests carry.
    """
    with service_folder() as folder, ThreadPoolExecutor(len(workers)) as threads:
        queues = {bundle.name: ModelQueue(worker, limits, threads) for bundle, worker in workers.items()}
        folders = {bundle.name: bundle for bundle in workers}
        service = Service(folders, queues, limits, Token(token), folder)
        with TestClient(build_app(service), base_url="http://127.0.0.1") as client:
            yield client, service
