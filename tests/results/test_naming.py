from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest

from echocare_core.results.naming import FrameNames, safe_path


@pytest.mark.parametrize("source", ["STUDY1/IM0001", "a b/scan.dcm", "été/心.png", "DICOM/.hidden"])
def test_an_ordinary_path_is_kept(source: str):
    assert FrameNames()(source, 3) == f"{source}_f0003"


@pytest.mark.parametrize("source", ["../x", "a/../../x", "/etc/x", "..", "", "C:\\x", "..\\x", "./../x"])
def test_no_source_leaves_the_folder(source: str):
    path = safe_path(source)
    assert ".." not in PurePosixPath(path).parts
    assert ".." not in PureWindowsPath(path).parts
    assert not PurePosixPath(path).is_absolute()
    assert not PureWindowsPath(path).drive
    assert path


@pytest.mark.parametrize("source", ["a:b", "a?", "x./y", "x /y", "con.dcm", "lpt1", "tab\there", "bad\udcff"])
def test_a_name_illegal_on_windows_is_changed(source: str):
    path = safe_path(source)
    assert path != source
    assert not set(':?*"<>|\\\t') & set(path)
    assert not any(
        part.endswith((".", " ")) or part.lower().split(".")[0] in ("con", "lpt1") for part in path.split("/")
    )
    path.encode("utf-8")


def test_a_very_long_name_fits_a_file_system():
    assert max(len(part.encode()) for part in FrameNames()("心" * 200, 0).split("/")) < 240


@pytest.mark.parametrize(
    "pair",
    [("scan.dcm", "scan.png"), ("a:b", "a?b"), ("a:b", "a_b"), ("A.png", "a.png"), ("../x", "x"), ("e\u0301", "é")],
)
def test_two_sources_never_share_a_file(pair: tuple[str, str]):
    names = FrameNames()
    first, second = (names(source, 0).casefold() for source in pair)
    assert first != second


def test_all_frames_of_a_source_get_the_same_name():
    names = FrameNames()
    names("a.png", 0)
    assert names("A.png", 0).removesuffix("_f0000") == names("A.png", 1).removesuffix("_f0001")


def test_a_changed_name_does_not_depend_on_what_came_before():
    names = FrameNames()
    names("a?b", 0)
    assert names("a:b", 0) == FrameNames()("a:b", 0)


def test_a_cine_and_a_frame_never_share_a_file():
    names = FrameNames()
    assert names("IM1", None) == "IM1_cine"
    assert names("IM1_cine", 0) != names("IM1", None) != names("IM1", 0)
