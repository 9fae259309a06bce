"""Fetch one file that the user named, over http or https, with a progress bar."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from echocare_core.errors import BundleError
from echocare_core.version import __version__

TIMEOUT_S = 60  # to connect, and between two pieces
PIECE_BYTES = 1 << 16
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_address(source: str) -> bool:
    """Whether a source is an address and not a path."""
    return "://" in source


def download(address: str, path: Path, sha256: str | None) -> Path:
    """Write what an address gives to a file.

    Args:
        address: http or https; it may hold a secret, so that messages quote only its host.
        path: file to write.
        sha256: what the caller compares the file with; without it, http from another machine is refused.

    Returns:
        `path`.

    Raises:
        BundleError: not http(s), http without `sha256`, or the server does not give the whole file.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BundleError("Only http and https addresses are fetched; give one of these, a zip file or a folder.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and sha256 is None:
        raise BundleError(f"{parts.hostname} is asked over http, which anyone on the way can change; give --sha256.")
    try:
        _fetch(address, path, parts.scheme)
    except (OSError, http.client.HTTPException) as error:  # URLError and its kin are OSError
        reason = getattr(error, "reason", None) or error
        raise BundleError(
            f"{parts.hostname} does not give the file ({reason}); check the address and the network."
        ) from error
    return path


def _fetch(address: str, path: Path, scheme: str) -> None:
    request = Request(address, headers={"User-Agent": f"echocare/{__version__}"})
    columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with urlopen(request, timeout=TIMEOUT_S) as answer, path.open("wb") as file, Progress(*columns) as progress:
        if scheme == "https" and urlsplit(answer.geturl()).scheme != "https":
            raise OSError("it sends to an address that is not https")
        size = int(answer.headers.get("Content-Length") or 0)
        bar = progress.add_task("downloading", total=size or None)
        while piece := answer.read(PIECE_BYTES):
            file.write(piece)
            progress.advance(bar, len(piece))
    if size and path.stat().st_size != size:
        raise OSError(f"{path.stat().st_size} of {size} bytes came")
