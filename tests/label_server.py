"""A MONAI Label server for the tests, started as users start it, and asked over REST alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import itk
import numpy as np
import requests
from numpy.typing import NDArray
from orthanc import ENDS_WITH_THE_TESTS
from requests_toolbelt.multipart.decoder import MultipartDecoder

STARTS_WITHIN_S, TRAINS_WITHIN_S = 180, 180


class Server:
    """What a viewer does with a server.

    Attributes:
        address: of it, such as http://127.0.0.1:8000.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy between this machine and itself

    def get(self, path: str, **parameters: Any) -> Any:
        """JSON of a GET."""
        return self.session.get(self.address + path, params=parameters, timeout=60).json()

    def post(self, path: str, body: Any = None, **parameters: Any) -> requests.Response:
        """The answer to a POST of JSON."""
        return self.session.post(self.address + path, params=parameters, json=body, timeout=TRAINS_WITHIN_S)

    def ask(self, bundle: str, image: str = "", file: Path | None = None, **asked: Any) -> requests.Response:
        """An inference, of a picture of the studies or of an uploaded file; `asked` are its parameters."""
        output = {"output": asked.pop("output")} if "output" in asked else {}
        parts: dict[str, Any] = {"params": (None, json.dumps(asked))}
        if file:
            parts["file"] = (file.name, file.read_bytes())
        address = f"{self.address}/infer/{bundle}"
        return self.session.post(address, params={"image": image, **output}, files=parts, timeout=60)

    def mask(self, folder: Path, *request: Any, **asked: Any) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """The mask of an inference, as ITK reads it, (height, width, ...), and what stands beside it."""
        answer = self.ask(*request, **asked)
        assert answer.status_code == 200, answer.text
        numbers, picture = MultipartDecoder.from_response(answer).parts
        name = picture.headers[b"Content-Disposition"].decode().split('filename="')[1].strip('"')
        (folder / name).write_bytes(picture.content)
        return itk.array_from_image(itk.imread(str(folder / name))), json.loads(numbers.content)

    def save(self, image: str, label: Path, **info: Any) -> requests.Response:
        """A finished mask, as a viewer submits it."""
        parts = {"params": (None, json.dumps(info)), "label": (label.name, label.read_bytes())}
        where = {"image": image, "tag": "final"}
        return self.session.put(f"{self.address}/datastore/label", params=where, files=parts, timeout=60)

    def train(self, bundle: str, **request: Any) -> dict[str, Any]:
        """A training in the background, to its end: its status and the last lines of its log."""
        assert self.post(f"/train/{bundle}", request).status_code == 200
        until = time.monotonic() + TRAINS_WITHIN_S
        while self.get("/train/")["status"] in ("SUBMITTED", "RUNNING") and time.monotonic() < until:
            time.sleep(0.5)
        done: dict[str, Any] = self.get("/train/")
        return done


@contextmanager
def running_server(studies: str | Path, bundles: Sequence[str | Path], app: Path, *options: str) -> Iterator[Server]:
    """Run `echocare label` on a free port of 127.0.0.1, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*ENDS_WITH_THE_TESTS, sys.executable, "-m", "echocare_core", "label", str(studies)]
    words = ["--bundles", ",".join(map(str, bundles)), "--app", str(app), "--port", str(port), *options]
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    log = app.with_name(f"{app.name}.log")
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, *words], stdout=written, stderr=written, env={**os.environ, "PYTHONPATH": paths}
        )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        _wait_for(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            server.get("/info/")
        except requests.RequestException:
            time.sleep(0.3)
        else:
            return
    raise RuntimeError(f"The server did not start (exit code {process.poll()}):\n{log.read_text()[-3000:]}")
