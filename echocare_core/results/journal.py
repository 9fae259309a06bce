"""What a run has done so far, line by line beside its pictures, so that one that was stopped goes on.

Each line is the checksum of what follows it, and JSON: first what the run is made of, then a step for each batch. A
line that was cut off, or whose pictures are not what they were, ends what counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from echocare_core.atomic import replacing
from echocare_core.checksum import sha256_of
from echocare_core.results.values import decode, encode
from echocare_core.types import Details, SetAside

JOURNAL = "journal.jsonl"
_CHECKSUM_DIGITS = 16


@dataclass(frozen=True)
class Step:
    """What one batch of frames or clips left.

    Attributes:
        tried: how many of the data set's items were tried, up to here.
        inputs: checksum of the files they stand in (`progress.Trail`).
        rows: of the table.
        details: of each row.
        parts: what cines and studies need of each item.
        set_aside: frames that were not used.
        pictures: path of each file that was written, relative to the hidden folder -> SHA-256.
    """

    tried: int
    inputs: str
    rows: tuple[dict[str, object], ...] = ()
    details: tuple[Details, ...] = ()
    parts: tuple[Any, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)


class Journal:
    """The journal of a run.

    Args:
        folder: the hidden folder with what is prepared.
        run: what the results depend on beside the files (`progress.checksum_of_run`).

    Attributes:
        earlier: steps of an earlier run made of the same, as far as they are whole.
        is_other: whether there are steps of a run that was made of something else.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder, self._path, self._run = folder, folder / JOURNAL, run
        lines = list(_lines_of(self._path)) if self._path.exists() else []
        is_same = bool(lines) and lines[0] == {"run": run}
        self.earlier = tuple(self._steps(lines[1:])) if is_same else ()
        self.is_other = len(lines) > 1 and not is_same

    def begin(self, kept: Sequence[Step]) -> None:
        """Write the journal anew with the steps that count, and remove the files of all others."""
        lines = _line({"run": self._run}) + "".join(_line(_encoded(step)) for step in kept)
        with replacing(self._path) as unfinished:
            unfinished.write_text(lines, encoding="ascii")
        wanted = {JOURNAL, *(name for step in kept for name in step.pictures)}
        for path in self._folder.rglob("*"):
            if path.is_file() and path.relative_to(self._folder).as_posix() not in wanted:
                path.unlink()

    def add(self, step: Step) -> None:
        """Write a step behind the others."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(_line(_encoded(step)))

    def _steps(self, lines: Sequence[Any]) -> Iterator[Step]:
        with suppress(KeyError, TypeError, ValueError):  # it was written by another version
            for line in lines:
                step = Step(**{name: decode(value) for name, value in line.items()})
                if any(checksum_of(self._folder / name) != known for name, known in step.pictures.items()):
                    return
                yield step


def checksum_of(path: Path) -> str:
    """SHA-256 of a file, "" where it is not there."""
    return sha256_of(path) if path.is_file() else ""


def _encoded(step: Step) -> dict[str, Any]:
    return {one.name: encode(getattr(step, one.name)) for one in fields(step)}


def _line(content: Any) -> str:
    text = json.dumps(content)
    return f"{_checksum(text)} {text}\n"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:_CHECKSUM_DIGITS]


def _lines_of(path: Path) -> Iterator[Any]:
    """The content of each line, up to the first that is not whole."""
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            checksum, _, text = line.rstrip("\n").partition(" ")
            if not line.endswith("\n") or not text.isascii() or checksum != _checksum(text):
                return
            yield json.loads(text)
