"""Put a bundle where it is found by name: from a zip file, a folder, or an address that the user gives."""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocare_core.bundle import METADATA, bundle_folders, read_metadata
from echocare_core.checks import check_passes
from echocare_core.checks.files import files_of
from echocare_core.checksum import sha256_of
from echocare_core.disk import explained
from echocare_core.download import download, host_of, is_address
from echocare_core.errors import BundleError, OutputError
from echocare_core.results.staging import Staging

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
WRITTEN = "the bundle"  # as messages name it
DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, OSError)  # of an archive
ADVICE = "Get it again, or make it with `echocare pack`"


def install(source: str | Path, *, overwrite: bool = False, sha256: str | None = None) -> Path:
    """Put a bundle into $ECHOCARE_BUNDLES or, where that is not set, into the user's own folder.

    It is moved there whole, after every check has passed. The checks build its network as its configuration says, which
    is code: install only what you would run.

    Args:
        source: a zip file, such as `echocare_core.pack` writes, the folder of a bundle, or an http(s) address of a zip.
        overwrite: replace a bundle of that name that was installed earlier.
        sha256: what the zip file must have, in hexadecimal; needed for http without s.

    Returns:
        The folder of the bundle.

    Raises:
        BundleError: the source is no bundle, cannot be fetched, has another sha256, or fails a check.
        OutputError: a bundle of that name is installed, or the folder cannot be written.
    """
    target = bundle_folders()[0]
    with _prepared(target) as staging:
        bundle = _bring(str(source), staging.path, sha256)
        if (target / bundle.name).exists() and not overwrite:
            raise OutputError(f"{target / bundle.name} is there already; say --overwrite to replace it.")
        check_passes(bundle, _shown(str(source)))
        staging.move_in([bundle.name])
    return target / bundle.name


def _shown(source: str) -> str:
    """A source as messages may quote it: of an address, which may hold a secret, its host alone."""
    return host_of(source) if is_address(source) else source


@contextmanager
def _prepared(target: Path) -> Iterator[Staging]:
    """A hidden folder beside the bundles; nothing stays of it if anything fails."""
    staging = Staging(target, WRITTEN)
    try:
        with explained(target, WRITTEN):
            yield staging
    except BaseException:
        staging.discard()
        raise


def _bring(source: str, folder: Path, sha256: str | None) -> Path:
    """The bundle of a source, in a folder of its own name inside `folder`."""
    if is_address(source):
        return _unpack(download(source, folder / "bundle.zip", sha256), folder, sha256)
    if Path(source).is_file():
        return _unpack(Path(source), folder, sha256)
    if (Path(source) / METADATA).is_file():
        if sha256 is not None:
            raise BundleError("A folder has no sha256; give the zip file, or leave --sha256 out.")
        return _copy(Path(source), folder)
    raise BundleError(
        f"{source} is no zip file and no folder with {METADATA.as_posix()}; needed one of them, or an http(s) address."
    )


def _unpack(path: Path, folder: Path, sha256: str | None) -> Path:
    _check_archive(path, folder, sha256)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "unpacked")
    bundles = [found.parent.parent for found in (folder / "unpacked").rglob(METADATA.as_posix())]
    if len(bundles) != 1:
        raise BundleError(f"{path.name} holds {len(bundles)} bundles; needed one {METADATA.as_posix()}. {ADVICE}.")
    return _copy(bundles[0], folder)


def _check_archive(path: Path, folder: Path, sha256: str | None) -> None:
    """Read all of a zip file before any of it is unpacked, so that its errors are not taken for those of the disk."""
    try:
        found = sha256_of(path)
        if sha256 is not None and found != sha256.lower():
            raise BundleError(f"{path.name} has the sha256 {found}, not the one that was given. {ADVICE}.")
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive.infolist(), folder, path.name)
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("Bad CRC-32 of an entry")
    except DAMAGES as error:
        raise BundleError(f"{path.name} is no whole zip file ({error}); needed one. {ADVICE}.") from error


def _check_entries(entries: list[zipfile.ZipInfo], folder: Path, name: str) -> None:
    """Raise BundleError where an entry would land outside the folder, is a link, or all are larger than the disk."""
    for entry in entries:
        parts = entry.filename.rstrip("/").split("/")
        if {"", ".", ".."} & set(parts) or re.search(r"[\\:\0]", entry.orig_filename):
            raise BundleError(f"{name} has an entry that leaves its folder; it is not safe to unpack. {ADVICE}.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise BundleError(f"{name} has an entry that is a link; it is not safe to unpack. {ADVICE}.")
    needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(folder).free
    if needed > free:
        raise BundleError(f"{name} unpacks to {needed} bytes, and {free} are free; needed room for it. Free some.")


def _copy(bundle: Path, folder: Path) -> Path:
    """Copy what a bundle is made of into a folder of the bundle's name."""
    name = str(read_metadata(bundle).get("bundle_name"))
    if not NAME.fullmatch(name):
        raise BundleError(f"The bundle_name in {METADATA.as_posix()} is no plain name; needed letters, digits and _.")
    for file in files_of(bundle):
        place = folder / name / file.relative_to(bundle)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    return folder / name
