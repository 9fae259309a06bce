"""A watch takes what arrives until it is told to end; what it cannot do is one sentence."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from result_objects import STUDY
from small_pacs import SmallPacs, running
from typer.testing import CliRunner

from echocare_core.arrivals import worker
from echocare_core.arrivals.studies import WatchOrders
from echocare_core.arrivals.watch import STATE, watch
from echocare_core.cli import app
from echocare_core.errors import OutputError, PacsDown
from echocare_core.lock import FolderLock

BUNDLE = "fetal_head_segmentation"
ORDERS = WatchOrders((BUNDLE,))
PREDICTS = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from result_objects import write_results
write_results(Path(sys.argv[4]))
"""
FAILS = "import sys; sys.exit('BundleError: It has no pixels. Export it again.')"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(worker, "COMMAND", PREDICTS)
    monkeypatch.setattr("echocare_core.pacs.web_session.BACKOFF_S", 0)


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox" / "study").mkdir(parents=True)
    (tmp_path / "inbox" / "study" / "IM1").write_bytes(b"1")
    return tmp_path / "inbox"


def test_what_arrived_is_predicted_on_and_stored(inbox, tmp_path):
    with running(SmallPacs([], [STUDY])) as pacs:
        states = watch(inbox, tmp_path / "out", WatchOrders((BUNDLE,), pacs.address), quiet_s=0, once=True)
    assert states == {"study": "done"}
    written = tmp_path / "out" / "study" / BUNDLE / "dicom"
    assert sorted(pacs.stored.values()) == sorted(path.read_bytes() for path in written.iterdir())
    assert (inbox / "study" / "IM1").read_bytes() == b"1"


def test_the_command_says_what_it_did_and_ends_with_one_where_something_failed(inbox, tmp_path, monkeypatch):
    words = ["watch", str(inbox), str(tmp_path / "out"), "--bundles", BUNDLE, "--quiet", "0", "--once"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert f"study {BUNDLE}: predicted." in done.stdout
    assert "Studies: 1 done." in done.stdout
    monkeypatch.setattr(worker, "COMMAND", FAILS)
    (inbox / "study" / "IM2").write_bytes(b"2")
    failed = CliRunner().invoke(app, words)
    assert failed.exit_code == 1
    assert f"study {BUNDLE}: failed. BundleError: It has no pixels. Export it again." in failed.stdout


def test_a_single_look_says_what_it_leaves_as_it_still_arrives(inbox, tmp_path):
    said = []
    assert watch(inbox, tmp_path / "out", ORDERS, once=True, say=said.append) == {}
    assert said == [
        "Left for later: something came to 1 study less than 30 s ago. Give the same command again then, or a shorter "
        "--quiet."
    ]


def test_loose_files_are_said_once(inbox, tmp_path):
    (inbox / "loose.dcm").touch()
    said = []
    watch(inbox, tmp_path / "out", ORDERS, quiet_s=0, once=True, say=said.append)
    assert said[0] == f"1 loose file in {inbox} left alone: a study is a folder or a ZIP archive there."


@pytest.mark.parametrize("out", ["inbox", "inbox/out", "."])
def test_results_that_would_lie_in_the_inbox_or_around_it_are_refused(out, inbox, tmp_path):
    with pytest.raises(OutputError, match="needed"):
        watch(inbox, tmp_path / out, ORDERS, once=True)


def test_an_inbox_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"No folder at .*; needed that in which studies arrive"):
        watch(tmp_path / "inbox", tmp_path / "out", ORDERS, once=True)


def test_two_watches_with_the_same_results_are_one_too_many(inbox, tmp_path):
    (tmp_path / "out" / STATE).mkdir(parents=True)
    with FolderLock(tmp_path / "out" / STATE), pytest.raises(OutputError, match="in use by another run"):
        watch(inbox, tmp_path / "out", ORDERS, once=True)


def test_an_inbox_that_goes_away_is_told_and_looked_for_again(inbox, tmp_path, monkeypatch):
    waits_s, said, really = [], [], time.sleep

    def sleep(seconds):
        if seconds < 1:  # of the process that predicts
            return really(seconds)
        waits_s.append(seconds)
        if len(waits_s) == 1:
            inbox.rename(tmp_path / "away")
        elif len(waits_s) == 2:
            (tmp_path / "away").rename(inbox)
        else:
            raise SystemExit
        return None

    monkeypatch.setattr("echocare_core.arrivals.watch.time.sleep", sleep)
    with pytest.raises(SystemExit):
        watch(inbox, tmp_path / "out", ORDERS, quiet_s=0, say=said.append)
    assert waits_s == [5, 60, 5]
    assert [line for line in said if "cannot be read" in line and "Tried again in 60 s." in line]


def test_an_orthanc_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(PacsDown, match="cannot be reached"):
        watch(tmp_path / "inbox", tmp_path / "out", ORDERS, orthanc="http://127.0.0.1:9")


def test_a_watch_ends_when_it_is_told_to(tmp_path):
    (tmp_path / "inbox").mkdir()
    words = ["watch", str(tmp_path / "inbox"), str(tmp_path / "out"), "--bundles", BUNDLE]
    process = subprocess.Popen([sys.executable, "-m", "echocare_core", *words])
    while not (tmp_path / "out" / STATE).exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert list((tmp_path / "out" / STATE).iterdir()) == []
