"""A folder belongs to one run, until that ends in whatever way."""

from __future__ import annotations

import errno
import os
import platform
from pathlib import Path

import pytest

from echocare_core import lock
from echocare_core.errors import OutputError
from echocare_core.lock import LOCK_FILE, FolderLock, is_abandoned, try_lock

ENDED = 2**22 + 1  # no process has such a number


def test_the_second_run_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(OutputError, match=f"in use by another run .process {os.getpid()} on"):
        FolderLock(tmp_path)


def test_a_folder_is_free_again_and_holds_nothing_of_the_lock(tmp_path: Path) -> None:
    for _ in range(2):
        with FolderLock(tmp_path):
            assert os.listdir(tmp_path) == [LOCK_FILE]
    assert os.listdir(tmp_path) == []


def test_the_lock_of_a_run_that_was_killed_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text(f"{os.getpid()} {platform.node()}")

    FolderLock(tmp_path).release()

    assert os.listdir(tmp_path) == []


def test_a_lock_that_its_holder_deletes_at_that_moment_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter(["deleted"])

    def lock_late(descriptor: int) -> bool | None:
        if next(moments, None):
            (tmp_path / LOCK_FILE).unlink()
        return try_lock(descriptor)

    monkeypatch.setattr(lock, "try_lock", lock_late)
    with FolderLock(tmp_path), pytest.raises(OutputError):
        FolderLock(tmp_path)


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize(
    ("process", "machine", "refused"),
    [(os.getppid(), platform.node(), True), (ENDED, platform.node(), False), (ENDED, "elsewhere", True)],
    ids=["running", "ended", "of another machine"],
)
def test_without_locks_the_process_that_the_file_names_decides(
    tmp_path: Path, process: int, machine: str, refused: bool
) -> None:
    (tmp_path / LOCK_FILE).write_text(f"{process} {machine}")
    if not refused:
        FolderLock(tmp_path).release()
        return
    with pytest.raises(OutputError, match=f"process {process} on {machine}.*delete {LOCK_FILE} in it if that has"):
        FolderLock(tmp_path)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_second_run_is_refused_too(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(OutputError, match="in use"):
        FolderLock(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("no_locks")
def test_without_locks_nothing_counts_as_abandoned(tmp_path: Path) -> None:
    (tmp_path / "part").touch()
    assert not is_abandoned(tmp_path / "part")


def test_a_file_is_abandoned_when_nobody_has_it_locked(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with part.open("w") as file:
        try_lock(file.fileno())
        assert not is_abandoned(part)
    assert is_abandoned(part)
    assert not is_abandoned(tmp_path / "no such file")
