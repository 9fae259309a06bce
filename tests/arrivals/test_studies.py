"""Each study is predicted on once and stored once, whatever ends the watch in between."""

import csv
import json
import shutil
import stat

import pytest
from result_objects import SEG, SR, STUDY, write_object
from small_pacs import Answer, SmallPacs, running

from echocare_core.arrivals.inbox import Inbox
from echocare_core.arrivals.record import RECORD, WATCHED_CSV, Records
from echocare_core.arrivals.studies import Studies, WatchOrders
from echocare_core.errors import BundleError, SettingsError

ONE, TWO = "fetal_head_segmentation", "breast_lesion_segmentation"


def write_two(out):
    for sop_class in (SEG, SR):
        write_object(out / "dicom" / f"{sop_class}.dcm", sop_class)


class Predicting:
    """Writes two objects in place of a prediction; fails or ends where it is told so.

    Attributes:
        calls: (bundle, name of the study) of each.
        failing: what is raised, by bundle.
        writing: what writes the results to their folder.
    """

    def __init__(self):
        self.calls, self.failing, self.writing = [], {}, write_two

    def __call__(self, bundle, source, out, options=()):
        self.calls.append((bundle, source.name))
        if bundle in self.failing:
            raise self.failing[bundle]
        shutil.rmtree(out / "dicom", ignore_errors=True)
        self.writing(out)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.web_session.BACKOFF_S", 0)
    monkeypatch.setattr("echocare_core.pacs.send.WAITS_S", (0,))
    monkeypatch.setattr("echocare_core.arrivals.studies.AGAIN_S", 0)


@pytest.fixture
def predicting():
    return Predicting()


@pytest.fixture
def inbox(tmp_path):
    for study in ("first", "second"):
        (tmp_path / "inbox" / study).mkdir(parents=True)
        (tmp_path / "inbox" / study / "IM1").write_bytes(study.encode())
    return tmp_path / "inbox"


@pytest.fixture
def pacs():
    with running(SmallPacs([], [STUDY])) as small:
        yield small


@pytest.fixture
def begin(tmp_path, inbox, predicting):
    """Begin a watch anew, as after a restart."""

    def begin(bundles=(ONE,), send_to=None, said=None):
        (tmp_path / "out").mkdir(exist_ok=True)
        records = Records(tmp_path / "out", (said if said is not None else []).append)
        return Studies(Inbox(inbox, 0, once=True), records, WatchOrders(bundles, send_to), predicting)

    return begin


def happened(tmp_path):
    with (tmp_path / "out" / WATCHED_CSV).open(newline="") as file:
        return [(row["study"], row["bundle"], row["outcome"]) for row in csv.DictReader(file)]


def test_each_study_is_predicted_on_once_by_each_bundle(begin, predicting):
    studies = begin((ONE, TWO))
    studies.look()
    studies.look()
    begin((ONE, TWO)).look()
    assert predicting.calls == [(ONE, "first"), (TWO, "first"), (ONE, "second"), (TWO, "second")]
    assert studies.states == {"first": "done", "second": "done"}


def test_what_arrives_later_is_taken_later(begin, predicting, inbox):
    studies = begin()
    studies.look()
    (inbox / "third").mkdir()
    (inbox / "third" / "IM1").write_bytes(b"third")
    studies.look()
    assert predicting.calls[2:] == [(ONE, "third")]


def test_a_study_whose_files_have_changed_is_predicted_on_anew_and_one_that_was_copied_anew_is_not(
    begin, predicting, inbox
):
    studies = begin()
    studies.look()
    (inbox / "first" / "IM2").write_bytes(b"more")
    same = (inbox / "second" / "IM1").read_bytes()
    (inbox / "second" / "IM1").unlink()
    (inbox / "second" / "IM1").write_bytes(same)
    studies.look()
    assert predicting.calls[2:] == [(ONE, "first")]


def test_results_are_stored_in_the_pacs_once(begin, pacs):
    begin(send_to=pacs.address).look()
    assert len(pacs.stored) == 4
    begin(send_to=pacs.address).look()
    assert set(pacs.times.values()) == {1}


def test_a_bundle_that_fails_is_named_and_the_others_go_on(begin, predicting, tmp_path, pacs):
    predicting.failing[ONE] = BundleError("IM1 has no pixels. Export it again.")
    said = []
    studies = begin((ONE, TWO), pacs.address, said)
    studies.look()
    studies.look()
    assert studies.states == {"first": "failed", "second": "failed"}
    assert [outcome for outcome in happened(tmp_path) if outcome[0] == "first"] == [
        ("first", ONE, "failed"),
        ("first", TWO, "predicted"),
        ("first", TWO, "sent"),
    ]
    assert f"first {ONE}: failed. IM1 has no pixels. Export it again." in said[0]
    assert len(predicting.calls) == 4


def test_what_failed_is_tried_again_when_a_watch_begins_anew_three_times_in_all(begin, predicting):
    predicting.failing[ONE] = BundleError("It failed.")
    for _ in range(5):
        begin((ONE, TWO)).look()
    assert predicting.calls.count((ONE, "first")) == 3
    assert predicting.calls.count((TWO, "first")) == 1


def test_a_study_on_which_the_process_is_killed_cannot_kill_it_for_ever(begin, predicting):
    class KilledError(Exception):
        """Nothing that is answered, as after SIGKILL."""

    predicting.failing[ONE] = KilledError()
    for _ in range(3):
        with pytest.raises(KilledError):
            begin().look()
    del predicting.failing[ONE]
    begin().look()
    assert predicting.calls == [(ONE, "first")] * 3 + [(ONE, "second")]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_a_watch_that_is_told_to_end_goes_on_where_it_was(end, begin, predicting):
    for _ in range(5):
        predicting.failing[TWO] = end()
        with pytest.raises(end):
            begin((ONE, TWO)).look()
    predicting.failing.clear()
    begin((ONE, TWO)).look()
    assert predicting.calls.count((ONE, "first")) == 1
    assert predicting.calls.count((TWO, "first")) == 6
    assert predicting.calls[-2:] == [(ONE, "second"), (TWO, "second")]


def test_a_pacs_that_is_down_gets_the_results_later_without_another_prediction(begin, predicting, pacs, tmp_path):
    pacs.misbehave_on_store = lambda uid, stored: Answer(503)
    studies = begin(send_to=pacs.address)
    studies.look()
    assert studies.states["first"] == "unsent"
    pacs.misbehave_on_store = lambda uid, stored: None
    studies.look()
    assert studies.states == {"first": "done", "second": "done"}
    assert len(pacs.stored) == 4
    assert len(predicting.calls) == 2


def test_what_was_unsent_is_sent_after_a_restart(begin, predicting, pacs):
    pacs.misbehave_on_store = lambda uid, stored: Answer(503)
    begin(send_to=pacs.address).look()
    pacs.misbehave_on_store = lambda uid, stored: None
    begin(send_to=pacs.address).look()
    assert len(pacs.stored) == 4
    assert len(predicting.calls) == 2


def test_what_the_pacs_refuses_is_told_and_failed(begin, pacs, tmp_path):
    pacs.misbehave_on_store = lambda uid, stored: Answer(403)
    studies = begin(send_to=pacs.address)
    studies.look()
    assert studies.states["first"] == "failed"
    assert ("first", ONE, "not all sent") in happened(tmp_path)


def test_results_without_a_dicom_object_are_done_and_said(begin, predicting, pacs, tmp_path):
    predicting.writing = lambda out: (out / "dicom").mkdir(parents=True) or (out / "dicom" / "without.csv").touch()
    studies = begin(send_to=pacs.address)
    studies.look()
    assert studies.states["first"] == "done"
    assert ("first", ONE, "nothing to send") in happened(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"state": "done", "unknown": 1}), '{"predicted": 5}'])
def test_a_record_that_cannot_be_read_is_begun_anew(text, begin, predicting, tmp_path):
    begin().look()
    (tmp_path / "out" / "first" / RECORD).write_text(text)
    begin().look()
    assert predicting.calls[2:] == [(ONE, "first")]


def test_a_study_that_goes_away_meanwhile_is_left_out(begin, predicting, inbox, monkeypatch):
    monkeypatch.setattr("echocare_core.arrivals.inbox.sha256_of", lambda path: path.with_name("gone").read_bytes())
    begin().look()
    assert predicting.calls == []


def test_what_is_kept_of_studies_is_for_its_owner_alone(begin, tmp_path):
    begin().look()
    kept = [tmp_path / "out" / WATCHED_CSV, tmp_path / "out" / "first" / RECORD]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@pytest.mark.parametrize("bundles", [(), (ONE, f"bundles/{ONE}")])
def test_no_bundle_or_two_of_one_name_are_refused(bundles, begin):
    with pytest.raises(SettingsError, match="needed some that differ"):
        begin(bundles)


def test_an_unknown_bundle_is_refused_before_anything_arrives(begin):
    with pytest.raises(BundleError, match="No bundle 'nothing'"):
        begin(("nothing",))


def test_an_address_that_is_none_is_refused_before_anything_arrives(begin):
    with pytest.raises(SettingsError, match="The address of the PACS cannot be used"):
        begin(send_to="nowhere")
