"""Fetch one file that the user named, over http or https, with a progress bar."""

from __future__ import annotations

import http.client
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import SplitResult, urlsplit
from urllib.request import Request, urlopen

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from echocare_core.errors import BundleError
from echocare_core.version import __version__

TIMEOUT_S = 60  # to connect, and between two pieces
PIECE_BYTES = 1 << 16
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_address(source: str) -> bool:
    """Whether a source is meant as an address and not as a path, also where a slash of it is missing."""
    return "://" in source or re.match(r"(https?|ftp|file):", source, re.IGNORECASE) is not None


def host_of(address: str) -> str:
    """The part of an address that messages may quote."""
    return _parts_of(address).hostname or "the address"


def download(address: str, path: Path, sha256: str | None) -> Path:
    """Write what an address gives to a file.

    Args:
        address: http or https; it may hold a secret, so that messages quote only its host, and nothing that the server
            or Python says of it.
        path: file to write.
        sha256: what the caller compares the file with; without it, http from another machine is refused.

    Returns:
        `path`.

    Raises:
        BundleError: not http(s), http without `sha256`, or the server does not give the whole file.
        OSError: `path` cannot be written.
    """
    parts = _parts_of(address)
    host = parts.hostname
    if parts.scheme in ("http", "https") and "://" not in address:
        raise BundleError(f"An address has two slashes after {parts.scheme}:; needed {parts.scheme}://HOST/NAME.zip.")
    if parts.scheme not in ("http", "https") or not host:
        raise BundleError("Only http and https addresses are fetched; give one of these, a zip file or a folder.")
    if parts.scheme == "http" and host not in LOOPBACK and sha256 is None:
        raise BundleError(f"{host} is asked over http, which anyone on the way can change; give --sha256.")
    with path.open("wb") as file, closing(_pieces_of(address, parts.scheme, host)) as pieces:
        for piece in pieces:
            file.write(piece)
    return path


def _parts_of(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # whose text quotes the address
        raise BundleError("The address has no readable host; needed one such as https://HOST/NAME.zip.") from None


def _pieces_of(address: str, scheme: str, host: str) -> Generator[bytes, None, None]:
    """What an address gives. Errors of whoever writes the pieces are not caught here."""
    try:
        yield from _answer_of(address, scheme, host)
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError and its kin are OSError
        raise _refusal(host, _reason_of(error)) from None


def _answer_of(address: str, scheme: str, host: str) -> Iterator[bytes]:
    request = Request(address, headers={"User-Agent": f"echocare/{__version__}"})
    columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with urlopen(request, timeout=TIMEOUT_S) as answer, Progress(*columns) as progress:
        if scheme == "https" and urlsplit(answer.geturl()).scheme != "https":
            raise _refusal(host, "it sends to an address that is not https")
        announced = answer.headers.get("Content-Length") or "0"
        if not announced.isdecimal():
            raise _refusal(host, "its Content-Length is no number")
        bar = progress.add_task("downloading", total=int(announced) or None)
        received = 0
        while piece := answer.read(PIECE_BYTES):
            received += len(piece)
            progress.advance(bar, len(piece))
            yield piece
    if int(announced) not in (0, received):
        raise _refusal(host, f"{received} of {announced} bytes came")


def _reason_of(error: Exception) -> str:
    """What went wrong, without the text of the error, in which the address may stand."""
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code}"
    reason = getattr(error, "reason", None)
    cause = reason if isinstance(reason, Exception) else error
    return getattr(cause, "strerror", None) or type(cause).__name__


def _refusal(host: str, reason: str) -> BundleError:
    return BundleError(f"{host} does not give the file ({reason}); check the address and the network.")
