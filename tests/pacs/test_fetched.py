"""The folder of a fetch names its files by its own key, from one fetch to the next."""

from echocare_core.pacs.fetched import STATE, FetchedFolder
from echocare_core.pacs.query import Instance

INSTANCE = Instance("1.2.3", "1.2.4", "1.2.5")


def test_names_stay_from_one_fetch_to_the_next(tmp_path):
    assert FetchedFolder(tmp_path / "out").name_of(INSTANCE) == FetchedFolder(tmp_path / "out").name_of(INSTANCE)


def test_names_stay_where_an_earlier_version_wrote_the_key_as_bytes(tmp_path):
    (tmp_path / "out" / STATE).mkdir(parents=True)
    (tmp_path / "out" / STATE / "key").write_bytes(bytes(range(32)))
    assert FetchedFolder(tmp_path / "out").name_of(INSTANCE).startswith("0d1aea7c60e088c1/")
