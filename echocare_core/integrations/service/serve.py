"""The service from its start to its end."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from echocare_core.bundle import find_bundle, read_card
from echocare_core.errors import SettingsError
from echocare_core.integrations.service.app import Service, build_app
from echocare_core.integrations.service.bearer import Token, check_host
from echocare_core.integrations.service.folders import service_folder
from echocare_core.integrations.service.guard import LOG
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.queue import ModelQueue
from echocare_core.integrations.service.worker import Worker

MOST_CONNECTIONS = 512


def run_service(
    bundles: Sequence[str | Path],
    *,
    host: str,
    port: int,
    token: Token,
    limits: Limits,
    settings: Mapping[str, Any],
) -> None:
    """Serve bundles until the process is told to end; see `echocare_core.integrations.service.serve`."""
    check_host(host, token)
    folders = _folders(bundles)
    with _listening(host, port) as listening, service_folder() as folder, ThreadPoolExecutor(len(folders)) as threads:
        workers = {name: Worker(bundle, settings, limits, folder) for name, bundle in folders.items()}
        _log_to_stderr()
        LOG.info("Loads %s", ", ".join(folders))
        try:
            for _ in threads.map(Worker.start, workers.values()):
                pass  # each is loaded, or raises
            queues = {name: ModelQueue(worker, limits, threads) for name, worker in workers.items()}
            service = Service(folders, queues, limits, token, folder)
            LOG.info("Serves %s on %s", ", ".join(folders), _address(host, listening))
            config = uvicorn.Config(
                build_app(service), log_config=None, access_log=False, server_header=False,
                limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=int(limits.seconds) + 5,
            )  # fmt: skip
            _Server(config, service).run(sockets=[listening])
        finally:
            for worker in workers.values():
                worker.stop()


class _Server(uvicorn.Server):
    """uvicorn's server, which refuses what waits as soon as it is told to end; what is worked on is answered."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.close()
        super().handle_exit(sig, frame)


def _folders(bundles: Sequence[str | Path]) -> dict[str, Path]:
    """Folders of bundles by name, each complete enough to be served."""
    folders = [find_bundle(bundle) for bundle in bundles]
    names = [folder.name for folder in folders]
    if not folders or len(set(names)) < len(names):
        raise SettingsError(f"Bundles to serve are {', '.join(names) or 'none'}; needed one or more, each once.")
    for folder in folders:
        read_card(folder)
    return dict(zip(names, folders, strict=True))


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens, so that a port that is taken is known before anything is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host.strip("[]"), port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"{host} port {port} cannot be listened on ({reason}); needed a free one. Choose another with --port."
        ) from error
    with listening:
        yield listening


def _address(host: str, listening: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"


def _log_to_stderr() -> None:
    if not LOG.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
