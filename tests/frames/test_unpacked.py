"""A ZIP archive of an export is read where it lies, within bounds, and leaves nothing behind."""

import gc
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import OutputError, UnreadableFrames
from echocare_core.frames import read_export, unpacked
from echocare_core.inventory.inspection import inspect_export


@pytest.fixture
def still(tmp_path):
    """The bytes of one ultrasound object."""
    return write_ultrasound(tmp_path / "still", marked()).read_bytes()


@pytest.fixture
def other(tmp_path):
    """The bytes of another."""
    return write_ultrasound(tmp_path / "other", marked()).read_bytes()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, empty."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.fixture
def pack(tmp_path, temporary):
    """Writes EXPORT.zip of some entries, names or what zipfile knows of them, to their bytes."""

    def write(entries, name="EXPORT.zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, data in entries.items():
                archive.writestr(entry, data)
        return tmp_path / name

    return write


def aside(export):
    return {one.source: one.reason.split(" ", 1)[1] for one in export.set_aside}


def test_files_of_an_archive_are_called_by_its_name_and_theirs(pack, still, other):
    export = read_export(pack({"ST1/IM2": still, "ST1/IM1": other, "notes.txt": b"nothing"}))
    assert [export.source_of(frames) for frames in export.files] == ["EXPORT.zip/ST1/IM1", "EXPORT.zip/ST1/IM2"]
    assert (export.files[0].pixels[0] == marked()[0]).all()
    assert list(aside(export)) == ["EXPORT.zip/notes.txt"]


def test_an_archive_beside_other_inputs_is_one_of_them(pack, still, other, tmp_path):
    export = read_export([tmp_path / "still", pack({"IM1": other})])
    assert [export.source_of(frames) for frames in export.files] == ["still", "EXPORT.zip/IM1"]


def test_the_inventory_of_an_archive_is_that_of_its_folder(pack, still, tmp_path):
    for name in ("A/IM1", "B/notes"):
        (tmp_path / "folder" / name).parent.mkdir(parents=True)
        (tmp_path / "folder" / name).write_bytes(still if name == "A/IM1" else b"nothing")
    path = pack({"A/IM1": still, "B/notes": b"nothing"})
    by_chance = {"splits": None}  # of an inventory that nobody keeps
    assert {**inspect_export(path), **by_chance} == {**inspect_export(tmp_path / "folder"), **by_chance}
    with pytest.raises(OutputError, match=r"EXPORT\.zip is a ZIP archive, whose files no table can name"):
        inspect_export(path, tmp_path / "out")


def test_nothing_stays_of_an_archive_that_nobody_reads_any_more(pack, still, temporary):
    export = read_export(pack({"IM1": still}))
    assert [stat.S_IMODE(one.stat().st_mode) for one in temporary.iterdir()] == [0o700]
    del export
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_what_another_needs_is_not(pack, still, temporary):
    there = read_export(pack({"IM1": still}))
    (temporary / "echocare-zip-left" / "files").mkdir(parents=True)
    (temporary / "echocare-zip-left" / ".echocare-lock").touch()
    read_export(pack({"IM1": still}, "other.zip"))
    assert len(there.files[0].pixels[0]) == 24
    assert not (temporary / "echocare-zip-left").exists()


def test_backslashes_between_folders_are_read_as_slashes(pack, still, other):
    export = read_export(pack({"ST1\\": b"", "ST1\\IM1.dcm": still, "ST1\\SE2\\IM1.dcm": other, "ST1/IM1.dcm": other}))
    assert [export.source_of(frames) for frames in export.files] == [
        "EXPORT.zip/ST1/IM1.dcm",
        "EXPORT.zip/ST1/SE2/IM1.dcm",
    ]
    assert aside(export)["EXPORT.zip/ST1/IM1.dcm"].startswith("has the name of another file or folder of its archive")


@pytest.mark.parametrize(
    "name", ["../out", "/out", "a/../../out", "..\\out", "C:/out", "C:\\out", "\\out", "a\\..\\out"]
)
def test_a_name_that_leads_out_is_set_aside_and_the_rest_is_read(pack, still, name, tmp_path):
    export = read_export(pack({name: still, "IM1": still}))
    assert [export.source_of(frames) for frames in export.files] == ["EXPORT.zip/IM1"]
    [reason] = aside(export).values()
    assert reason == "has a name that leads out of its archive. It was not unpacked; export it again."
    assert [path.name for path in tmp_path.rglob("*out*") if path.parent == tmp_path or path.name == "out"] == []


def test_names_with_a_dot_or_two_slashes_between_folders_are_read(pack, still, other):
    export = read_export(pack({"./IM1": still, "A//.\\IM2": other}))
    assert [export.source_of(frames) for frames in export.files] == ["EXPORT.zip/IM1", "EXPORT.zip/A/IM2"]
    assert not export.set_aside


def test_a_name_longer_than_the_disk_takes_is_set_aside_and_the_rest_is_read(pack, still):
    long, deep = "x" * 300 + ".dcm", "/".join(["y" * 200] * 30)
    export = read_export(pack({long: still, deep: still, "IM1": still}))
    assert [export.source_of(frames) for frames in export.files] == ["EXPORT.zip/IM1"]
    assert all(reason.startswith("has a name that is longer than this machine") for reason in aside(export).values())
    assert f"EXPORT.zip/{long}" in aside(export)


def test_links_encrypted_archived_and_repeated_entries_are_set_aside(pack, still):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("IM1", still)
    path = pack({link: b"/etc/passwd", "IM1": still, "inner.zip": inner.getvalue(), "secret": still})
    data = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):  # APPNOTE 4.3.7 and 4.3.12: bit 0 is "encrypted"
        data[data.rindex(mark) + flags] |= 1
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("IM1", b"another")

    found = aside(read_export(path))

    assert found["EXPORT.zip/link"].startswith("is a link inside an archive")
    assert found["EXPORT.zip/secret"].startswith("is encrypted. Unpack its archive with the password")
    assert "it begins like a ZIP archive; unpack it first" in found["EXPORT.zip/inner.zip"]
    assert found["EXPORT.zip/IM1"].startswith("has the name of another file or folder of its archive")


def test_an_entry_that_is_damaged_is_set_aside(pack, still):
    path = pack({"IM1": still, "IM2": os.urandom(4000)})
    data = bytearray(path.read_bytes())
    place = data.index(b"IM2") + 500
    data[place : place + 8] = bytes(8)
    path.write_bytes(data)
    assert aside(read_export(path))["EXPORT.zip/IM2"].startswith("cannot be unpacked: it is damaged")


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MOST_FILES", 1, "is a ZIP archive of 2 files; 1 are read"),
        ("MOST_BYTES", 1000, "unpacks to 1 MiB; 0 are read"),
        ("RATIO_FROM_BYTES", 1000, "unpacks to 1 MiB, 100 times its own size"),
    ],
)
def test_an_archive_beyond_its_bounds_is_refused_before_it_is_unpacked(
    pack, still, monkeypatch, temporary, limit, value, said
):
    path = pack({"IM1": still, "zeros": bytes(1 << 20)})
    monkeypatch.setattr(unpacked, limit, value)
    with pytest.raises(UnreadableFrames, match=said):
        read_export(path)
    gc.collect()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("share", [0.3, 0.95])
def test_an_archive_that_is_cut_short_is_refused(pack, still, share):
    path = pack({"IM1": still})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UnreadableFrames, match=r"EXPORT\.zip is a damaged ZIP archive, or cut short"):
        read_export(path)


def test_an_empty_archive_is_refused_by_its_name(pack):
    with pytest.raises(UnreadableFrames, match=r"EXPORT\.zip is empty: no file was found in it"):
        read_export(pack({}))


def test_an_archive_in_a_folder_is_set_aside(pack, still, tmp_path):
    pack({"IM1": still})
    found = aside(read_export(tmp_path))
    assert "it begins like a ZIP archive" in found["EXPORT.zip"]
    assert Path(tmp_path / "EXPORT.zip").is_file()
