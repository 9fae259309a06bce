"""In a real PACS, by both ways: what was sent comes back equal, in its study, once, whatever happened on the way."""

import signal
import subprocess
import sys
from itertools import count

import pytest
from orthanc import MISSING, an_orthanc, delete_study, store
from pydicom import dcmread
from result_objects import ONE_OF_EACH, SEG, STUDY, write_results, write_source
from small_scp import data_set_of

from echocare_core.pacs.dicomweb import DicomWeb
from echocare_core.pacs.outgoing import find_outgoing
from echocare_core.pacs.query import Instance
from echocare_core.pacs.send import send
from echocare_core.pacs.sent import SentJournal

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
COUNT = len(ONE_OF_EACH)
MANY, AFTER = 14, 5
KILLED = f"""
import os, signal, sys
from itertools import count
from echocare_core.pacs.send import send
from echocare_core.pacs.sent import SentJournal
noted, add = count(1), SentJournal.add
def killed(journal, one, outcome):  # between the PACS's word and the note of it, where it costs most
    os.kill(os.getpid(), signal.SIGKILL) if next(noted) == {AFTER} else add(journal, one, outcome)
SentJournal.add = killed
send(sys.argv[1], sys.argv[2])
"""
WAYS = ("web", "dicom")
NUMBERS = count(1)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with an_orthanc(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture
def study(orthanc, tmp_path):
    """A new study in the PACS, with one image."""
    uid = f"{STUDY}.{next(NUMBERS)}"
    store(orthanc.web, [write_source(tmp_path / "source.dcm", uid)])
    return uid


@pytest.fixture
def out(tmp_path, study):
    return write_results(tmp_path / "out", study=study)


@pytest.fixture
def many(tmp_path, study):
    return write_results(tmp_path / "many", [SEG] * MANY, study=study)


def in_study(orthanc, study):
    """UIDs of what QIDO-RS finds in a study."""
    client = DicomWeb(orthanc.web)._client
    return sorted(item["00080018"]["Value"][0] for item in client.search_for_instances(study, limit=500))


def fetched(orthanc, one, folder):
    path = folder / one.instance_uid
    DicomWeb(orthanc.web).download(Instance(one.study_uid, one.series_uid, one.instance_uid), path)
    return path


@pytest.mark.parametrize("way", WAYS)
def test_what_was_sent_comes_back_equal_and_in_its_study(way, orthanc, study, out, tmp_path):
    sent = send(out, getattr(orthanc, way))
    assert sent.counts == {"stored": COUNT}
    objects, _ = find_outgoing(out)
    for one in objects:
        same = fetched(orthanc, one, tmp_path)
        assert data_set_of(same) == data_set_of(one.path)
        assert dcmread(same) == dcmread(one.path)
        assert dcmread(same).file_meta.TransferSyntaxUID == one.transfer_syntax
    assert set(in_study(orthanc, study)) > {one.instance_uid for one in objects}
    assert len(in_study(orthanc, study)) == COUNT + 1


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_sending_twice_doubles_nothing(first, second, orthanc, study, out):
    send(out, getattr(orthanc, first))
    assert send(out, getattr(orthanc, second)).counts == {"already there": COUNT}
    assert len(in_study(orthanc, study)) == COUNT + 1


@pytest.mark.parametrize("way", WAYS)
def test_of_one_uid_the_first_copy_stays_and_that_is_said(way, orthanc, study, out, tmp_path):
    one = find_outgoing(out)[0][0]
    send(out, getattr(orthanc, way))
    first = data_set_of(one.path)
    dataset = dcmread(one.path)
    dataset.InstanceNumber = 4711
    dataset.save_as(one.path)
    again = send(out, getattr(orthanc, way))
    assert again.counts == {"already there": COUNT}
    assert [told.source for told in again.warnings] == [one.name]
    assert "keeps that one" in again.warnings[0].reason
    assert data_set_of(fetched(orthanc, one, tmp_path)) == first != data_set_of(one.path)


@pytest.mark.parametrize("way", WAYS)
def test_a_study_that_was_deleted_meanwhile_is_not_made_anew(way, orthanc, study, out):
    delete_study(orthanc, study)
    assert send(out, getattr(orthanc, way)).counts == {"not sent": COUNT}
    assert in_study(orthanc, study) == []


@pytest.mark.parametrize("way", WAYS)
def test_killed_in_the_middle_and_resumed_nothing_is_lost_or_doubled(way, orthanc, study, many):
    url = getattr(orthanc, way)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(many), url], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-1000:]
    assert len(in_study(orthanc, study)) == 1 + AFTER
    assert send(many, url).counts == {"already there": AFTER, "stored": MANY - AFTER}
    assert len(in_study(orthanc, study)) == 1 + MANY


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_is_stopped_in_the_middle_and_started_again_gets_all(way, orthanc, study, many, monkeypatch):
    noted, add = count(1), SentJournal.add

    def add_and_stop(journal, one, outcome):
        add(journal, one, outcome)
        if next(noted) == AFTER:
            orthanc.stop(within_s=1)

    class Waits(tuple):  # between two attempts, the server starts again
        def __iter__(self):
            yield 0
            orthanc.start()
            yield 0

    monkeypatch.setattr(SentJournal, "add", add_and_stop)
    monkeypatch.setattr("echocare_core.pacs.web_session.BACKOFF_S", 0)
    monkeypatch.setattr("echocare_core.pacs.send.WAITS_S", Waits())
    assert send(many, getattr(orthanc, way)).counts == {"stored": MANY}
    assert next(noted) == MANY + 1
    assert len(in_study(orthanc, study)) == 1 + MANY
