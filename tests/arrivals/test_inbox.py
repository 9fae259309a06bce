"""A study is taken when all of it has come."""

import os
import shutil
import time

import pytest

from echocare_core.arrivals.inbox import Inbox


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def put(path, content=b"1", age_s=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (path.stat().st_mtime - age_s,) * 2)
    return path


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def later(monkeypatch):
    """The time of day, as the disks of the test will have it 100 seconds from now."""
    at = time.time() + 100
    monkeypatch.setattr("echocare_core.arrivals.inbox.time.time", lambda: at)


def names(inbox):
    return [arrival.name for arrival in inbox.complete()]


def test_a_study_to_which_something_came_just_now_waits(tmp_path, clock):
    put(tmp_path / "a" / "1")
    assert names(Inbox(tmp_path, 30, once=True, clock=clock)) == []


def test_a_study_to_which_nothing_came_for_long_enough_is_taken(tmp_path, clock, later):
    put(tmp_path / "a" / "deep" / "1")
    put(tmp_path / "b.zip")
    assert names(Inbox(tmp_path, 30, once=True, clock=clock)) == ["a", "b.zip"]


def test_a_copy_that_keeps_the_old_times_of_its_files_waits_too(tmp_path, clock):
    old = put(tmp_path / "old", age_s=9999)
    (tmp_path / "inbox" / "a").mkdir(parents=True)
    shutil.copy2(old, tmp_path / "inbox" / "a" / "1")
    assert names(Inbox(tmp_path / "inbox", 30, once=True, clock=clock)) == []


def test_what_is_seen_to_grow_waits_whatever_the_clock_of_its_disk_says(tmp_path, clock, later):
    inbox = Inbox(tmp_path, 30, clock=clock)
    put(tmp_path / "a" / "1")
    assert names(inbox) == []
    clock.now += 20
    put(tmp_path / "a" / "2")
    assert names(inbox) == []
    clock.now += 20
    assert names(inbox) == []
    clock.now += 10
    assert names(inbox) == ["a"]


def test_hidden_and_empty_folders_and_loose_files_are_no_studies(tmp_path, clock, later):
    put(tmp_path / ".echocare-fetch" / "key")
    put(tmp_path / "loose.dcm")
    (tmp_path / "empty").mkdir()
    inbox = Inbox(tmp_path, 0, once=True, clock=clock)
    assert names(inbox) == []
    assert inbox.loose() == 1


def test_the_content_of_a_copy_is_the_same_and_of_other_bytes_another(tmp_path, clock, later):
    put(tmp_path / "a" / "1", b"same")
    put(tmp_path / "b" / "1", b"same", age_s=50)
    put(tmp_path / "c" / "1", b"not!")
    a, b, c = Inbox(tmp_path, 0, once=True, clock=clock).complete()
    assert a.content() == b.content() != c.content()
    assert len({one.stamp for one in (a, b, c)}) == 3
