"""Where the files of one prediction go, and what an output leaves in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

COMPRESSION = 3  # zlib level: on speckle half the time of the default for a seventh more bytes


@dataclass(frozen=True)
class Entries:
    """What one output adds to its row of `results.csv`.

    Attributes:
        values: column to value.
        files: column to path, relative to the results folder with forward slashes.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """The files of one prediction.

    Attributes:
        folder: the results folder in which its files are prepared.
        name: of the prediction, a relative path without extension such as "STUDY1/IM0001_f0000".
        files: what was written so far, relative to `folder`.
    """

    folder: Path
    name: str
    files: list[str] = field(default_factory=list)

    def save_picture(self, picture: Image.Image, kind: str, suffix: str = "") -> str:
        """Write a PNG into the folder of a kind and return its path relative to the results folder."""
        path = self._path(kind, f"{suffix}.png")
        picture.save(self.folder / path, format="PNG", compress_level=COMPRESSION)
        return path

    def save_text(self, text: str, kind: str, suffix: str) -> str:
        """Write a text as UTF-8 into the folder of a kind and return its path relative to the results folder."""
        path = self._path(kind, f"{suffix}.txt")
        (self.folder / path).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        return path

    def save_as(self, path: str, text: str) -> None:
        """Write a text to a path relative to the results folder."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        self.files.append(path)
        (self.folder / path).write_text(text, encoding="ascii")

    def _path(self, kind: str, ending: str) -> str:
        path = f"{kind}/{self.name}{ending}"
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        self.files.append(path)
        return path

    def clear(self) -> None:
        """Remove what was written."""
        for path in self.files:
            (self.folder / path).unlink(missing_ok=True)
