"""A bundle as one zip file: complete, the same bytes wherever it is made, and nothing but the bundle in it."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echocare_core.atomic import replacing
from echocare_core.bundle import find_bundle, read_metadata
from echocare_core.checks import check_passes
from echocare_core.checks.files import files_of
from echocare_core.disk import explained
from echocare_core.errors import OutputError

NAMED_FOLDERS = ("configs", "docs", "eval", "models")
NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that zip can say


@dataclass(frozen=True)
class PackedBundle:
    """A zip file that was written.

    Attributes:
        path: where it is.
        size_bytes: of the file.
        sha256: of the file, in hexadecimal.
        left_out: files of the folder that are no part of a bundle: their number, for each folder.
    """

    path: Path
    size_bytes: int
    sha256: str
    left_out: Mapping[str, int]


def pack(bundle: str | Path, out: str | Path | None = None, *, overwrite: bool = False) -> PackedBundle:
    """Write a bundle as a zip file that works by itself, with complete weights.

    The same bundle gives the same bytes: entries are sorted, not compressed and without times.

    Args:
        bundle: name or folder of a bundle.
        out: `.zip` file to write, whole or not at all; NAME_vVERSION.zip in the current folder when None.
        overwrite: replace an earlier file.

    Raises:
        BundleError: no such bundle, or it fails a check of `echocare_core.check`.
        OutputError: `out` is there already, is no `.zip` or a folder, or cannot be written.
    """
    folder = find_bundle(bundle)
    metadata = read_metadata(folder)
    path = Path(out or f"{folder.name}_v{metadata.get('version')}.zip")
    if path.suffix != ".zip":
        raise OutputError(f"{path.name} does not end in .zip; needed for a packed bundle. Name it so.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; needed the name of a file. Choose another.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already; a new name is needed. Choose one, or say --overwrite.")
    check_passes(folder)
    with explained(path.parent, "the zip file"), replacing(path) as unfinished:
        _write(folder, unfinished)
    content = path.read_bytes()
    return PackedBundle(path, len(content), hashlib.sha256(content).hexdigest(), _left_out(folder))


def _write(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files_of(folder):
            entry = zipfile.ZipInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}", NO_TIME)
            entry.create_system, entry.external_attr = (
                3,
                0o100644 << 16,
            )  # a plain file of Unix, on every system
            archive.writestr(entry, file.read_bytes())


def _left_out(folder: Path) -> dict[str, int]:
    """Counts only: names of files may be those of patients."""
    left = {path for path in folder.rglob("*") if path.is_file()} - set(files_of(folder))
    places = (path.relative_to(folder).parts[0] for path in left)
    return dict(Counter(f"{place}/" if place in NAMED_FOLDERS else "elsewhere" for place in sorted(places)))
