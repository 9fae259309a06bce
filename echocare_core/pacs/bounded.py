"""Answers of a server that end: bounded in bytes and in time, whatever the server sends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from echocare_core.errors import NotRetrieved, PacsError

LARGEST_SEARCH = 64 << 20  # bytes of one page of DICOM JSON: 500 studies take about 1 MB, a server without pages more
LARGEST_OBJECT = 8 << 30  # bytes; an hour of uncompressed colour cine has less
LONGEST_S = 3600.0  # for one answer, which may come from tape
PIECE = 1 << 20


class BoundedAdapter(HTTPAdapter):
    """Reads no more of an answer than such an answer can have: an object where DICOM was asked for, else a search."""

    def build_response(self, req: requests.PreparedRequest, resp: HTTPResponse) -> requests.Response:
        """The answer of requests around one of urllib3, whose body is bounded."""
        is_object = 'type="application/dicom"' in req.headers.get("Accept", "")
        return super().build_response(req, _BoundedBody(resp, is_object))


class _BoundedBody:
    """A response of urllib3 that stops; what it does not define itself is that response's."""

    def __init__(self, response: HTTPResponse, is_object: bool) -> None:
        self._response = response
        self._is_object = is_object
        self._left = LARGEST_OBJECT if is_object else LARGEST_SEARCH
        self._until = time.monotonic() + LONGEST_S

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def stream(self, amt: int = PIECE, decode_content: bool = True) -> Iterator[bytes]:
        """The body piece by piece, each as it comes, so that one that trickles in is seen to.

        Raises:
            NotRetrieved: an object does not end.
            PacsError: an answer to a search does not end.
        """
        while piece := self._response.read1(amt, decode_content=decode_content):
            self._left -= len(piece)
            if self._left < 0 or time.monotonic() > self._until:
                self._response.close()
                raise self._endless()
            yield piece

    def _endless(self) -> Exception:
        minutes = f"{LONGEST_S / 60:.0f} minutes"
        if self._is_object:
            return NotRetrieved(f"does not end after {LARGEST_OBJECT >> 30} GiB or {minutes}. Export it from the PACS.")
        return PacsError(
            f"An answer to a search does not end after {LARGEST_SEARCH >> 20} MiB or {minutes}. Name fewer days, or "
            "the studies; if that does not help, look at the server's log."
        )
