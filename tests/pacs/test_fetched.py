"""The folder of a fetch names its files by its own key, from one fetch to the next."""

import os

import pytest

from echocare_core.errors import OutputError
from echocare_core.pacs.fetched import STATE, FetchedFolder
from echocare_core.pacs.query import Instance

INSTANCE = Instance("1.2.3", "1.2.4", "1.2.5")


def test_names_stay_from_one_fetch_to_the_next(tmp_path):
    assert FetchedFolder(tmp_path / "out").name_of(INSTANCE) == FetchedFolder(tmp_path / "out").name_of(INSTANCE)


def test_names_stay_where_an_earlier_version_wrote_the_key_as_bytes(tmp_path):
    (tmp_path / "out" / STATE).mkdir(parents=True)
    (tmp_path / "out" / STATE / "key").write_bytes(bytes(range(32)))
    assert FetchedFolder(tmp_path / "out").name_of(INSTANCE).startswith("0d1aea7c60e088c1/")


def test_what_a_killed_fetch_left_is_removed_by_the_next_and_a_second_one_is_refused(tmp_path):
    folder = FetchedFolder(tmp_path / "out")
    (tmp_path / "out" / STATE / "unfinished-abc").write_bytes(b"half of an object")
    with folder.held():
        assert not (tmp_path / "out" / STATE / "unfinished-abc").exists()
        with folder.unfinished() as mine:
            with pytest.raises(OutputError, match="in use by another run"):
                FetchedFolder(tmp_path / "out").held().__enter__()
            assert mine.exists()
    assert sorted(os.listdir(tmp_path / "out" / STATE)) == ["index.csv", "key"]
