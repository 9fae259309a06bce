"""What a request sends, written to files piece by piece as it comes, so that it is never whole in memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from echocare_core.disk import explained
from echocare_core.frames.inputs import TABLES
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.limits import MIB, Limits

UNNAMED = "upload"
LONGEST_NAME = 80  # characters
LARGEST_HEADERS = 1 << 14  # bytes of the headers of one part
ADVICE = "Send files as curl -F file=@NAME does, or one file as the body."


async def receive(
    content_type: str, length: str | None, pieces: AsyncIterator[bytes], folder: Path, limits: Limits
) -> tuple[Path, ...]:
    """Write the files of a request into a folder, under names that do no harm.

    Args:
        content_type: of the request: multipart/form-data with files; anything else is one file.
        length: Content-Length, where it is known.
        pieces: of the body.
        folder: an empty one.
        limits: of the service.

    Returns:
        Paths of the files, in the order in which they came.

    Raises:
        Refused: too large, too many, too slow, none, a table, or no form as browsers send it.
        OutputError: the disk has no room.
    """
    if length is not None and length.isdecimal() and int(length) > limits.upload_mib * MIB:
        raise _too_large(limits)
    files = _Files(folder, limits)
    sink = _Form(content_type, files) if content_type.lower().startswith("multipart/") else _Body(files)
    try:
        with explained(folder.parent, "what was sent"):
            await asyncio.wait_for(_write(pieces, sink, limits), limits.seconds)
    except (TimeoutError, asyncio.TimeoutError):
        raise Refused(
            408,
            "TooSlow",
            f"The request did not arrive in {limits.seconds:g} s; needed all of it. Send it again, in parts.",
        ) from None
    except FormParserError as error:
        raise _no_form("The body is no form as it says") from error
    finally:
        files.close()
    if not files.paths:
        raise Refused(400, "NothingSent", f"The request holds no file; needed one or more. {ADVICE}")
    return tuple(files.paths)


async def _write(pieces: AsyncIterator[bytes], sink: _Form | _Body, limits: Limits) -> None:
    received = 0
    async for piece in pieces:
        received += len(piece)
        if received > limits.upload_mib * MIB:
            raise _too_large(limits)
        sink.write(piece)
    sink.end()


class _Files:
    """Files that are written one after the other."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self.paths: list[Path] = []
        self._file: BinaryIO | None = None

    def begin(self, name: str) -> None:
        """Begin the next one."""
        if len(self.paths) == self._limits.files:
            raise Refused(
                413,
                "TooManyFiles",
                f"The request holds more than {self._limits.files} files; needed fewer. Send a ZIP archive of them.",
            )
        path = self._folder / safe_name(name)
        taken = {one.name.lower() for one in self.paths}
        if path.name.lower() in taken:
            path = path.with_name(f"{len(self.paths) + 1}_{path.name}")
        if path.suffix.lower() in TABLES:
            raise Refused(
                415,
                "TableSent",
                "A table was sent, which names files of this machine; needed the images themselves. Send those.",
            )
        self._file = path.open("xb")
        self.paths.append(path)

    def write(self, data: bytes) -> None:
        """Write on."""
        if self._file is not None:
            self._file.write(data)

    def close(self) -> None:
        """End the last one."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _Body:
    """A body that is one file."""

    def __init__(self, files: _Files) -> None:
        self._files, self._begun = files, False

    def write(self, piece: bytes) -> None:
        if piece and not self._begun:
            self._files.begin(UNNAMED)
            self._begun = True
        self._files.write(piece)

    def end(self) -> None:
        self._files.close()


class _Form:
    """A form (RFC 7578) whose parts are files."""

    def __init__(self, content_type: str, files: _Files) -> None:
        self._files, self._ended = files, False
        self._field, self._value, self._size = b"", b"", 0
        self._headers: dict[str, str] = {}
        boundary = _parameter(content_type, "content-type", "boundary")
        if not content_type.lower().startswith("multipart/form-data") or not boundary:
            raise _no_form("The body is multipart without being a form")
        callbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._add(field=data[start:end]),
            "on_header_value": lambda data, start, end: self._add(value=data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_file,
            "on_part_data": lambda data, start, end: files.write(data[start:end]),
            "on_part_end": files.close,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def write(self, piece: bytes) -> None:
        if piece:
            self._parser.write(piece)

    def end(self) -> None:
        if not self._ended:
            raise _no_form("The body ends before its last boundary")

    def _begin_part(self) -> None:
        self._headers, self._size = {}, 0

    def _add(self, field: bytes = b"", value: bytes = b"") -> None:
        self._size += len(field) + len(value)
        if self._size > LARGEST_HEADERS:
            raise _no_form("A part has headers without end")
        self._field, self._value = self._field + field, self._value + value

    def _end_header(self) -> None:
        name = self._field.decode("latin-1").strip().lower()
        self._headers[name] = self._value.decode("utf-8", "replace")
        self._field, self._value = b"", b""

    def _begin_file(self) -> None:
        disposition = self._headers.get("content-disposition", "")
        name = _parameter(disposition, "content-disposition", "filename")
        if name is None:
            raise _no_form("A part of the form is no file")
        self._files.begin(name)

    def _end(self) -> None:
        self._ended = True


def safe_name(name: str) -> str:
    """A name of a file without folders and signs that mean something to a system, a shell or a page."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = re.sub(r"[^\w.-]+", "_", last).lstrip(".-") or UNNAMED
    stem, dot, suffix = kept.rpartition(".")
    return f"{stem[: LONGEST_NAME - 10]}{dot}{suffix[:9]}" if dot else kept[:LONGEST_NAME]


def _parameter(header: str, of: str, name: str) -> str | None:
    message = Message()
    message[of] = header.replace("\r", "").replace("\n", "")
    found = message.get_param(name, header=of)
    return found if found is None or isinstance(found, str) else found[2]  # (charset, language, value) of RFC 5987


def _no_form(found: str) -> Refused:
    return Refused(400, "NoForm", f"{found}; needed multipart/form-data with files. {ADVICE}")


def _too_large(limits: Limits) -> Refused:
    return Refused(
        413,
        "TooLarge",
        f"The request is larger than {limits.upload_mib} MiB; needed less. Send it in parts, or ask who runs the "
        "service for a higher limit.",
    )
