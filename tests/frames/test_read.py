"""A file is read by its content; anything else is refused in one sentence."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.frames.read import FORMATS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["scan.dcm", "IM0001", "scan.png", "scan.jpg.bak"])
def test_dicom_is_known_by_its_content(tmp_path, name):
    pixels = marked(2)
    np.testing.assert_array_equal(read_frames(write_ultrasound(tmp_path / name, pixels)).pixels, pixels)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_pictures_are_known_by_their_content(tmp_path, file_format):
    Image.fromarray(marked()[0]).save(tmp_path / "scan.dcm", file_format)
    assert read_frames(tmp_path / "scan.dcm").size == (24, 32)


def test_a_path_may_be_text(tmp_path):
    assert len(read_frames(str(write_ultrasound(tmp_path / "a", marked())))) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7 Doe^Jane", "PDF"),
        (b"PK\x03\x04" + b"\0" * 200, "ZIP"),
        (b"RIFF\0\0\0\0WAVE", "RIFF file, but neither AVI nor WebP"),
        (b"Doe^Jane;1970-01-31\n" * 20, "another format"),
        (b"\x08\x00\x05\x00", "another format"),
        (b"\x08\x00", "another format"),
    ],
)
def test_other_files_are_refused_by_name_without_quoting_them(tmp_path, content, what):
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(UnreadableFrames, match=f"notes is not {FORMATS} .*{what}") as caught:
        read_frames(tmp_path / "notes")
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize(
    "page",
    [
        *("README.md", "docs/own-export.md", "data_manifests/README.md"),
        *("bundles/breast_lesion_segmentation/docs/README.md", "bundles/fetal_head_segmentation/docs/README.md"),
    ],
)
def test_a_page_that_lists_formats_lists_those_that_are_read(page):
    assert FORMATS in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.dcm").touch()
    with pytest.raises(UnreadableFrames, match=r"a\.dcm is empty"):
        read_frames(tmp_path / "a.dcm")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="is a folder"):
        read_frames(tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.dcm does not exist"):
        read_frames(tmp_path / "a.dcm")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = write_ultrasound(tmp_path / "a.dcm", marked())

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableFrames, match=r"a\.dcm cannot be opened \(Permission denied\)"):
        read_frames(path)


def test_no_damage_to_a_file_ends_in_another_error(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(marked()[0]).save(stream, "JPEG")
    whole = [write_ultrasound(tmp_path / "a", marked(3), frame_time_ms=40, spacing_mm=(0.2, 0.2)).read_bytes()]
    whole.append(stream.getvalue())
    random = np.random.default_rng(7)
    for _ in range(300):
        data = bytearray(whole[random.integers(2)])
        for place in random.integers(0, min(len(data), 1400), 8):
            data[place] = random.integers(256)
        (tmp_path / "b").write_bytes(bytes(data)[: random.integers(100, len(data) + 1)])
        with contextlib.suppress(UnreadableFrames):
            assert read_frames(tmp_path / "b").pixels[0].dtype == np.uint8


@pytest.mark.parametrize("fault", [MemoryError, RecursionError, UserWarning, AssertionError])
def test_whatever_a_reader_raises_is_about_the_file(tmp_path, monkeypatch, fault):
    def fails(path):
        raise fault("NAME^OF A PATIENT")

    monkeypatch.setattr("echocare_core.frames.read.read_image", fails)
    (tmp_path / "IM1").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UnreadableFrames, match=f"^IM1 ends its reader with a {fault.__name__}; it is damaged"):
        read_frames(tmp_path / "IM1")
