"""A file is whole or absent, whoever is killed while it is written, and nobody reads it meanwhile who may not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from echocare_core import atomic
from echocare_core.atomic import OWNER_ALONE, replacing


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "latest.pt") as unfinished:
        unfinished.write_text("whole")
        assert not (tmp_path / "latest.pt").exists()
    assert os.listdir(tmp_path) == ["latest.pt"]
    assert (tmp_path / "latest.pt").read_text() == "whole"


def test_an_error_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "latest.pt").write_text("former")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "latest.pt") as unfinished:
        unfinished.write_bytes((tmp_path / "no such file").read_bytes())
    assert os.listdir(tmp_path) == ["latest.pt"]
    assert (tmp_path / "latest.pt").read_text() == "former"


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".latest-unfinished.pt").write_text("half")
    with replacing(tmp_path / "latest.pt") as unfinished:
        assert unfinished.read_text() == ""
    assert os.listdir(tmp_path) == ["latest.pt"]


def test_a_writer_leaves_the_unfinished_file_of_another_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as one, replacing(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "one"


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(atomic, "sync", lambda path: synced.append(f"{path.name} {len(os.listdir(tmp_path))}"))
    with replacing(tmp_path / "a.csv"):
        pass
    assert synced == [".a-unfinished.csv 1", f"{tmp_path.name} 1"]


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    with replacing(tmp_path / "one") as unfinished, replacing(tmp_path / "one") as beside:
        assert mode_of(unfinished) == mode_of(beside) == 0o666 & ~umask
    assert mode_of(tmp_path / "one") == 0o666 & ~umask


def test_a_file_that_names_patients_is_never_open_to_others(tmp_path: Path, umask: int) -> None:
    with replacing(tmp_path / "one", OWNER_ALONE) as unfinished, replacing(tmp_path / "one", OWNER_ALONE) as beside:
        assert mode_of(unfinished) == mode_of(beside) == 0o600
    assert mode_of(tmp_path / "one") == 0o600
