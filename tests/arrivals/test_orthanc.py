"""Studies that have come to a real Orthanc, whole, come to the watched folder, each once."""

import time

import pytest
from orthanc import MISSING, an_orthanc, delete_study, store
from result_objects import STUDY, write_object, write_source

from echocare_core.arrivals.orthanc import OrthancFeed
from echocare_core.errors import OutputError, PacsDown, PacsError

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with an_orthanc(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture
def feed(orthanc, tmp_path):
    """Of what comes from now on."""
    return OrthancFeed(orthanc.rest, tmp_path / "inbox", tmp_path / "position")


def send_study(orthanc, folder, number, images=2, **attributes):
    files = [write_source(folder / f"{number}-{image}", f"{STUDY}.{number}", **attributes) for image in range(images)]
    store(orthanc.web, files)


def came(feed, tmp_path, studies, seconds=60):
    """Names of the studies and how many objects each has, once so many are there."""
    until = time.monotonic() + seconds
    while True:
        said = list(feed.bring())
        there = {path.name: len(list(path.iterdir())) for path in (tmp_path / "inbox").glob("[0-9a-f]*")}
        if len(there) >= studies or time.monotonic() > until:
            assert said == []
            return there
        time.sleep(0.1)


def test_a_study_comes_once_it_is_stable_and_is_not_fetched_again_for_its_results(orthanc, feed, tmp_path):
    send_study(orthanc, tmp_path, 1)
    (name,) = came(feed, tmp_path, 1)
    assert came(feed, tmp_path, 1) == {name: 2}
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "inbox" / name).iterdir()}
    store(orthanc.web, [write_object(tmp_path / "seg.dcm", study=f"{STUDY}.1")])
    position = (tmp_path / "position").read_text()
    until = time.monotonic() + 60
    while "StableStudy" not in changes_since(orthanc, position) and time.monotonic() < until:
        time.sleep(0.1)
    list(feed.bring())
    assert (tmp_path / "position").read_text() != position
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "inbox" / name).iterdir()} == files


def changes_since(orthanc, position):
    from orthanc import direct

    with direct.open(f"{orthanc.rest}/changes?since={position}", timeout=5) as answer:
        return answer.read().decode()


def test_what_came_while_nobody_asked_comes_later(orthanc, feed, tmp_path):
    send_study(orthanc, tmp_path, 2)
    time.sleep(2)
    again = OrthancFeed(orthanc.rest, tmp_path / "inbox", tmp_path / "position")
    assert list(came(again, tmp_path, 1).values()) == [2]


def test_what_is_there_already_comes_where_that_is_asked_for(orthanc, feed, tmp_path):
    send_study(orthanc, tmp_path, 3)
    came(feed, tmp_path, 1)
    fresh = OrthancFeed(orthanc.rest, tmp_path / "inbox", tmp_path / "fresh")
    assert list(fresh.bring()) == []
    backlog = OrthancFeed(orthanc.rest, tmp_path / "all", tmp_path / "from_the_start", backlog=True)
    list(backlog.bring())
    assert len(list((tmp_path / "all").glob("[0-9a-f]*"))) >= 1


def test_studies_without_ultrasound_and_deleted_ones_are_passed_over(orthanc, feed, tmp_path):
    send_study(orthanc, tmp_path, 4, Modality="CT")
    send_study(orthanc, tmp_path, 5)
    time.sleep(2)
    delete_study(orthanc, f"{STUDY}.5")
    send_study(orthanc, tmp_path, 6, images=1)
    assert list(came(feed, tmp_path, 1).values()) == [1]


def test_an_inbox_is_made_and_one_with_something_else_in_it_is_left_alone(orthanc, feed, tmp_path):
    assert (tmp_path / "inbox").is_dir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").touch()
    with pytest.raises(OutputError, match="holds something else"):
        OrthancFeed(orthanc.rest, tmp_path / "mine", tmp_path / "position")


def test_what_is_no_orthanc_is_one_sentence(orthanc, tmp_path, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.web_session.BACKOFF_S", 0)
    with pytest.raises(PacsError, match="does not answer as Orthanc does"):
        OrthancFeed(orthanc.web, tmp_path / "inbox", tmp_path / "position")
    with pytest.raises(PacsDown, match="cannot be reached"):
        OrthancFeed("http://127.0.0.1:9", tmp_path / "inbox", tmp_path / "position")
