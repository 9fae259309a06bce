"""File names for masks and overlays: inside the results folder, legal on every disk, one per source."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_ILLEGAL = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f\ud800-\udfff]')  # on Windows and exFAT, plus bytes that are no text
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST = 160  # bytes of one component; file systems end at 255, and a mark, frame number and ".png" follow


class FrameNames:
    """Gives every frame and cine a relative path, remembers which source has which.

    A name that had to be changed carries a short mark made from the original, "a_b.dcm~1f0c2a9d", so two sources never
    share a file and one source has the same name in every run. A source that differs from an earlier one only in upper
    and lower case, one file on most USB disks, is marked too.
    """

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}

    def __call__(self, source: str, frame: int | None) -> str:
        """Path without extension, relative and with forward slashes: "STUDY1/IM0001_f0000", of a cine "..._cine"."""
        name = self.of_file(source)
        return f"{name}_cine" if frame is None else f"{name}_f{frame:04d}"

    def of_file(self, source: str) -> str:
        """The same of what is about the whole file: "STUDY1/IM0001"."""
        name = safe_path(source)
        if self._sources.setdefault(_on_disk(name), source) != source:
            name = f"{name}~{_mark(source)}"
        return name


def safe_path(source: str) -> str:
    """The source as a relative path that stays where it is put and is legal on Windows.

    Args:
        source: path with forward slashes; it may be anything, also absolute or with "..".

    Returns:
        The same path where nothing was wrong with it; otherwise with "_" for what was, and a mark at its end.
    """
    parts = [_safe_part(part) for part in source.split("/") if part not in ("", ".")]
    path = "/".join(parts) or "_"
    return path if path == source else f"{path}~{_mark(source)}"


def _safe_part(part: str) -> str:
    part = _ILLEGAL.sub("_", part)
    part = part.encode("utf-8")[:_LONGEST].decode("utf-8", "ignore")
    bare = part.rstrip(". ")  # Windows drops dots and spaces at the end; ".." is nothing but dots
    part = bare + "_" * (len(part) - len(bare))
    return f"_{part}" if _RESERVED.match(part) else part


def _on_disk(name: str) -> str:
    """What a file system that ignores case and normalises letters sees."""
    return unicodedata.normalize("NFC", name).casefold()


def _mark(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:8]
