"""A bundle is installed whole or not at all, from where the user says and nowhere else."""

from __future__ import annotations

import errno
import functools
import hashlib
import http.server
import io
import json
import shutil
import stat
import threading
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from typer.testing import CliRunner

import echocare_core as echocare
from echocare_core.bundle import shipped_folder
from echocare_core.checks import Check, card
from echocare_core.checks.files import files_of
from echocare_core.cli import app
from echocare_core.errors import BundleError, OutputError

HEAD = "fetal_head_segmentation"


@pytest.fixture(autouse=True)
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to install into; not there yet."""
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path / "mine" / "bundles"))
    return tmp_path / "mine" / "bundles"


@pytest.fixture
def without_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks have tests of their own, and take seconds."""
    monkeypatch.setattr("echocare_core.installation.check_passes", lambda *_: None)
    monkeypatch.setattr("echocare_core.archive.check_passes", lambda _: None)


@pytest.fixture
def archive(tmp_path: Path, without_checks: None) -> Path:
    """A packed bundle."""
    return echocare.pack(shipped_folder() / HEAD, tmp_path / "head.zip").path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Gives the files of a folder, and of what is called short.zip all but the end.

    It sends whoever asks for moved.zip to a file of this machine, and calls the length of unsized.zip "abc".
    """

    def do_GET(self) -> None:
        """Called by the base class."""
        name, _, query = self.path.partition("?")
        if name == "/moved.zip":
            self.send_response(302)
            self.send_header("Location", f"file:///etc/passwd?{query}")
            self.end_headers()
        elif name == "/unsized.zip":
            self.send_response(200)
            self.send_header("Content-Length", "abc")
            self.end_headers()
        else:
            super().do_GET()

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:  # type: ignore[override]
        """Called by the base class to send a file."""
        outputfile.write(source.read()[:-1000] if self.path == "/short.zip" else source.read())


@pytest.fixture
def server(archive: Path) -> Iterator[str]:
    """Address of a web server with the archive."""
    handler = functools.partial(Handler, directory=str(archive.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_installed_zip_is_found_by_name(archive: Path, bundles: Path) -> None:
    folder = echocare.install(archive)

    assert folder == bundles / HEAD
    assert echocare.find_bundle(HEAD) == folder
    assert [path.name for path in bundles.iterdir()] == [HEAD]


def test_a_zip_a_folder_and_an_address_install_the_same_files(
    archive: Path, server: str, bundles: Path, without_checks: None
) -> None:
    from_zip = files(echocare.install(archive))
    from_folder = files(echocare.install(shipped_folder() / HEAD, overwrite=True))
    from_address = files(echocare.install(f"{server}/head.zip", overwrite=True))

    assert from_zip == from_folder == from_address
    assert from_zip == {
        path.relative_to(shipped_folder() / HEAD).as_posix(): path.read_bytes()
        for path in files_of(shipped_folder() / HEAD)
    }
    assert [path.name for path in bundles.iterdir()] == [HEAD]


def test_results_in_a_folder_are_not_installed_with_it(tmp_path: Path, without_checks: None) -> None:
    used = Path(shutil.copytree(shipped_folder() / HEAD, tmp_path / "renamed"))
    (used / "eval").mkdir()

    assert not (echocare.install(used) / "eval").exists()


def test_an_installed_bundle_is_replaced_only_when_asked(archive: Path, bundles: Path) -> None:
    licence = echocare.install(archive) / "LICENSE"
    licence.write_text("mine")

    with pytest.raises(OutputError, match=r"is there already; say --overwrite"):
        echocare.install(archive)
    assert licence.read_text() == "mine"
    echocare.install(archive, overwrite=True)

    assert licence.read_text() != "mine"
    assert [path.name for path in bundles.iterdir()] == [HEAD]


def repacked(archive: Path, name: str, content: bytes = b"", mode: int = 0o100644) -> Path:
    """The archive with one more entry."""
    path = archive.with_name("other.zip")
    shutil.copyfile(archive, path)
    with zipfile.ZipFile(path, "a") as packed:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename, entry.external_attr = name, mode << 16
        packed.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../outside", 0o100644),
        (f"{HEAD}/../../outside", 0o100644),
        ("/outside", 0o100644),
        ("C:/outside", 0o100644),
        ("..\\outside", 0o100644),
        ("outside", stat.S_IFLNK | 0o777),
    ],
)
def test_an_entry_that_would_leave_the_folder_is_refused(name: str, mode: int, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not safe to unpack"):
        echocare.install(repacked(archive, name, b"/etc", mode))

    assert not list(tmp_path.rglob("outside"))
    assert not (tmp_path / "mine").exists()


def test_a_zip_that_is_cut_off_is_refused(archive: Path, bundles: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-1_000_000])

    with pytest.raises(BundleError, match="is no whole zip file"):
        echocare.install(archive)

    assert not bundles.exists()


def test_a_zip_with_a_damaged_entry_is_refused(archive: Path, bundles: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)

    with pytest.raises(BundleError, match=r"is no whole zip file \(Bad CRC"):
        echocare.install(archive)

    assert not bundles.exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_data_of_any_compression_are_no_fault_of_the_folder(method: int, tmp_path: Path, bundles: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w", method) as packed:
        packed.writestr("heart/configs/metadata.json", bytes(range(256)) * 9)
    content = bytearray((tmp_path / "other.zip").read_bytes())
    content[70:110] = b"\xff" * 40
    (tmp_path / "other.zip").write_bytes(content)

    with pytest.raises(BundleError, match=r"other\.zip is no whole zip file"):
        echocare.install(tmp_path / "other.zip")

    assert not bundles.exists()


def test_a_zip_whose_names_are_no_text_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as packed:
        packed.writestr("größe", "")
    content = (tmp_path / "other.zip").read_bytes()
    (tmp_path / "other.zip").write_bytes(content.replace("öß".encode(), b"\xff" * 4))

    with pytest.raises(BundleError, match=r"other\.zip is no whole zip file"):
        echocare.install(tmp_path / "other.zip")


def test_a_zip_larger_than_the_disk_is_refused(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))

    with pytest.raises(BundleError, match=r"and 1 are free"):
        echocare.install(archive)


@pytest.mark.parametrize("copies", [0, 2])
def test_a_zip_of_no_bundle_or_of_two_is_refused(copies: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bundles.zip", "w") as packed:
        packed.writestr("readme", "")
        for number in range(copies):
            packed.writestr(f"{number}/configs/metadata.json", "{}")

    with pytest.raises(BundleError, match=f"holds {copies} bundles"):
        echocare.install(tmp_path / "bundles.zip")


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden"])
def test_a_bundle_cannot_choose_another_place_by_its_name(name: str, tmp_path: Path, without_checks: None) -> None:
    copy = Path(shutil.copytree(shipped_folder() / HEAD, tmp_path / HEAD))
    metadata = copy / "configs" / "metadata.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "bundle_name": name}))

    with pytest.raises(BundleError, match="no plain name"):
        echocare.install(copy)

    assert not (tmp_path / "mine").exists()


def test_a_bundle_that_fails_a_check_leaves_nothing(tmp_path: Path, bundles: Path) -> None:
    copy = Path(shutil.copytree(shipped_folder() / HEAD, tmp_path / HEAD))
    (copy / "models" / "model.pt").write_bytes(b"other")

    with pytest.raises(BundleError, match=r"fails .* of the checks, first 'checksum'"):
        echocare.install(copy)

    assert not bundles.exists()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_failed_check_names_what_was_given_and_no_hidden_folder(
    zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echocare_core.checks.CHECKS", (Check("package version", card.check_package_version),))
    copy = Path(shutil.copytree(shipped_folder() / HEAD, tmp_path / "given" / HEAD))
    metadata = copy / "configs" / "metadata.json"
    content = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**content, "required_packages_version": {"echocare": "9.0.0"}}))
    source = Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", copy.parent)) if zipped else copy

    with pytest.raises(BundleError, match=r"first 'package version'") as error:
        echocare.install(source)

    assert f"{source} is made for echocare 9.0.0" in str(error.value)
    assert ".echocare" not in str(error.value)
    assert f"echocare check {'FOLDER`, once it is unpacked,' if zipped else f'{copy}`'} shows all" in str(error.value)


def test_another_checksum_than_the_one_that_was_given_is_refused(archive: Path, bundles: Path) -> None:
    found = hashlib.sha256(archive.read_bytes()).hexdigest()

    with pytest.raises(BundleError, match=f"has the sha256 {found}"):
        echocare.install(archive, sha256="00" * 32)

    assert not bundles.exists()
    echocare.install(archive, sha256=found.upper())


def test_a_checksum_for_a_folder_is_refused_and_not_passed_over(without_checks: None) -> None:
    with pytest.raises(BundleError, match=r"A folder has no sha256; give the zip file"):
        echocare.install(shipped_folder() / HEAD, sha256="00" * 32)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://host.example/head.zip", "Only http and https"),
        ("file:///etc/passwd", "Only http and https"),
        ("https:///head.zip", "Only http and https"),
        ("https:/host.example/head.zip?token=secret", r"two slashes after https:; needed https://HOST/NAME\.zip"),
        ("HTTPS:host.example/head.zip", "two slashes after https:"),
        ("http://[::1/head.zip", "The address has no readable host"),
        ("http://host.example/head.zip", r"host.example is asked over http.*give --sha256"),
        ("nowhere.zip", "nowhere.zip is no zip file and no folder"),
    ],
)
def test_a_source_that_is_not_asked_is_refused(address: str, says: str, bundles: Path) -> None:
    with pytest.raises(BundleError, match=says):
        echocare.install(address)

    assert not bundles.exists()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("none.zip", r"\(HTTP status 404\)"),
        ("moved.zip", r"\(HTTP status 302\)"),
        ("with blank.zip", r"\(InvalidURL\)"),
        ("größe.zip", r"\(UnicodeEncodeError\)"),
        ("unsized.zip", r"\(its Content-Length is no number\)"),
    ],
)
def test_an_address_that_gives_no_file_is_told_by_its_host_alone(
    path: str, says: str, server: str, bundles: Path
) -> None:
    with pytest.raises(BundleError, match=rf"127\.0\.0\.1 does not give the file {says}") as error:
        echocare.install(f"{server}/{path}?token=secret")

    assert "secret" not in "".join(traceback.format_exception(error.value.with_traceback(None)))
    assert not bundles.exists()


def test_a_full_disk_is_not_blamed_on_the_network(server: str, bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullFile(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda *_, **__: FullFile())

    with pytest.raises(OutputError, match=r"cannot take the bundle \(No space left on device\).*Free some space"):
        echocare.install(f"{server}/head.zip")

    assert not bundles.exists()


def test_a_download_that_breaks_off_is_told(server: str, archive: Path, bundles: Path) -> None:
    archive.rename(archive.with_name("short.zip"))

    with pytest.raises(BundleError, match=r"127.0.0.1 does not give the file \(.*(bytes came|IncompleteRead)"):
        echocare.install(f"{server}/short.zip")

    assert not bundles.exists()


def test_nobody_at_an_address_is_told(server: str) -> None:
    with pytest.raises(BundleError, match=r"127.0.0.1 does not give the file"):
        echocare.install("http://127.0.0.1:1/head.zip")


def test_the_command_installs_and_says_how_to_run(archive: Path, bundles: Path) -> None:
    ran = CliRunner().invoke(app, ["install", str(archive)])

    assert ran.exit_code == 0, ran.output
    assert f"echocare predict {HEAD} EXPORT OUT" in ran.output
    assert (bundles / HEAD).is_dir()
