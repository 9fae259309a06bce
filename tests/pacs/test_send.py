"""Results go to a PACS once, as they are; what it refuses, changes, breaks off or has lost is named."""

import csv
import shutil
import stat
import subprocess
import time
from collections.abc import Sequence

import pytest
from result_objects import CAPTURE, ONE_OF_EACH, SEG, SR, STUDY, write_results, write_source
from small_pacs import Answer, SmallPacs, running, told
from small_scp import SmallScp, data_set_of, running_scp
from typer.testing import CliRunner
from ultrasound_files import PATIENT_NAME

from echocare_core.cli import app
from echocare_core.errors import OutputError, PacsDown, PacsError, SettingsError
from echocare_core.lock import FolderLock
from echocare_core.pacs.outcome import outcome_of
from echocare_core.pacs.send import send
from echocare_core.pacs.sent import STATE

UNSAID = ("ID-4711", PATIENT_NAME.partition("^")[0], "19700131", STUDY)
CREDENTIALS = [f"ECHOCARE_PACS_{name}" for name in ("USER", "PASSWORD", "TOKEN", "CERTIFICATE", "KEY")]


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch, tmp_path):
    """No waiting between attempts, and nothing from the environment of whoever runs the tests."""
    monkeypatch.setattr("echocare_core.pacs.web_session.BACKOFF_S", 0)
    monkeypatch.setattr("echocare_core.pacs.send.WAITS_S", (0, 0, 0))
    for name in (*CREDENTIALS, "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def out(tmp_path):
    return write_results(tmp_path / "out")


@pytest.fixture
def web():
    with running(SmallPacs([], [STUDY])) as pacs:
        yield pacs


@pytest.fixture(scope="module")
def server():
    with running_scp(SmallScp()) as one:
        yield one


@pytest.fixture
def scp(server):
    server.begin_anew()
    return server


@pytest.fixture(params=["web", "scp"])
def pacs(request):
    """Both ways of transport."""
    return request.getfixturevalue(request.param)


def objects(out):
    return sorted((out / "dicom").iterdir())


def rows(sent):
    with sent.table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def spoil(pacs, answer: Answer, status: int, times: int = 99, which: Sequence[int] = range(99)):
    """Answer the first so many requests to store so; `which` counts them."""
    came = iter(range(10_000))

    def one(*about):
        if about[1:] == (True,):
            return None
        number = next(came)
        return (answer if isinstance(pacs, SmallPacs) else status) if number < times and number in which else None

    if isinstance(pacs, SmallPacs):
        pacs.misbehave_on_store = one
    else:
        pacs.misbehave = one


def well_again(pacs):
    if isinstance(pacs, SmallPacs):
        pacs.misbehave_on_store = lambda uid, stored: None
    else:
        pacs.misbehave = lambda event: None


def test_every_object_arrives_as_its_file_is(out, web):
    sent = send(out, web.address)
    assert sent.counts == {"stored": len(ONE_OF_EACH)}
    assert sorted(web.stored.values()) == sorted(path.read_bytes() for path in objects(out))


def test_every_object_arrives_by_c_store_as_its_data_set_is(out, scp):
    sent = send(out, scp.address, calling="WARD 7")
    assert sent.counts == {"stored": len(ONE_OF_EACH)}
    assert sorted(scp.stored.values()) == sorted(map(data_set_of, objects(out)))
    assert scp.calling == ["WARD 7"]


def test_what_is_sent_is_said_before(out, pacs):
    write_source(out / "dicom" / "source.dcm")
    said = []

    def say(line):
        assert not pacs.stored
        said.append(line)

    send(out, pacs.address, say=say)
    (line,) = said
    assert line == (
        f"Sends to {pacs.address}: 1 segmentation, 1 structured report, 1 key object selection and 2 secondary "
        "captures of 1 study. Not sent: 1 DICOM file: dicom/source.dcm: it is no result but Ultrasound Image Storage. "
        "Store it with another program if it should be in the PACS."
    )
    assert len(pacs.stored) == len(ONE_OF_EACH)


def test_a_source_image_never_leaves(tmp_path, pacs):
    write_source(tmp_path / "IM1")
    with pytest.raises(OutputError, match="no DICOM object that EchoCare wrote"):
        send(tmp_path, pacs.address)
    assert not pacs.stored


def test_nothing_is_sent_twice(out, pacs):
    send(out, pacs.address)
    again = send(out, pacs.address)
    assert again.counts == {"already there": len(ONE_OF_EACH)}
    assert again.warnings == ()
    assert set(pacs.times.values()) == {1}


def test_without_a_journal_what_the_pacs_has_is_not_sent_again_and_it_is_said_which_it_keeps(out, pacs):
    send(out, pacs.address)
    shutil.rmtree(out / STATE)
    again = send(out, pacs.address)
    assert again.counts == {"already there": len(ONE_OF_EACH)}
    assert "keeps that one" in again.warnings[0].reason
    assert set(pacs.times.values()) == {1}


def test_a_pacs_that_answers_no_search_is_sent_nothing_twice_by_the_journal(out):
    with running_scp(SmallScp(), answers_find=False) as scp:
        send(out, scp.address)
        assert send(out, scp.address).counts == {"already there": len(ONE_OF_EACH)}
    assert set(scp.times.values()) == {1}


def test_another_pacs_gets_its_own(out, web, scp):
    send(out, web.address)
    assert send(out, scp.address).counts == {"stored": len(ONE_OF_EACH)}


def test_an_object_that_is_made_anew_is_sent_anew(out, web):
    send(out, web.address)
    shutil.rmtree(out / "dicom")
    write_results(out)
    assert send(out, web.address).counts == {"stored": len(ONE_OF_EACH)}


@pytest.mark.parametrize("tail", ["\n\0\0\0", "\ndicom://x,ab", "\nnonsense", ""])
def test_a_journal_that_was_cut_off_is_gone_on_with(tail, out):
    with running_scp(SmallScp(), answers_find=False) as scp:
        send(out, scp.address)
        journal = out / STATE / "journal.csv"
        journal.write_text("\n".join(journal.read_text().splitlines()[:-1]) + tail)
        again = [send(out, scp.address).counts for _ in range(2)]
    count = len(ONE_OF_EACH)
    assert again == [{"stored": 1, "already there": count - 1}, {"already there": count}]


REFUSALS = [
    (Answer(413), 0x0122, "larger than the PACS takes", "stores no objects of this kind"),
    (Answer(403), 0x0124, "does not let these credentials store", "does not let this sender store"),
    (Answer(400, b"Doe^Jane"), 0xA900, "cannot read the request", "does not fit its SOP Class"),
    (Answer(418), 0xC001, "refuses it", "cannot understand the object"),
    (Answer(500), 0x0110, "500 Internal Server Error", "failed while it stored it"),
    (Answer(200, b"<html>"), 0x0118, "does not say that it has stored it", "for a reason of its own"),
]


@pytest.mark.parametrize(("answer", "status", "by_web", "by_network"), REFUSALS)
def test_a_refusal_is_named_and_the_others_go(answer, status, by_web, by_network, out, pacs):
    spoil(pacs, answer, status, which=[1] if answer.status < 500 else [1, 2, 3])
    sent = send(out, pacs.address)
    lacking = [aside.source for aside in sent.not_stored]
    if answer.status == 500 and pacs.stored and not isinstance(pacs, SmallPacs):
        assert lacking == ["dicom/001.dcm", "dicom/002.dcm", "dicom/003.dcm"]  # each once: it does not pass
    else:
        assert lacking == ["dicom/001.dcm"]
    assert (by_web if isinstance(pacs, SmallPacs) else by_network) in sent.not_stored[0].reason
    assert len(pacs.stored) == len(ONE_OF_EACH) - len(lacking)
    assert not [word for word in UNSAID if word in str(sent.not_stored)]


def test_what_was_refused_goes_when_it_is_taken(out, pacs):
    spoil(pacs, Answer(403), 0x0124)
    assert send(out, pacs.address).counts == {"refused": len(ONE_OF_EACH)}
    well_again(pacs)
    assert send(out, pacs.address).counts == {"stored": len(ONE_OF_EACH)}


def test_the_reason_of_each_object_in_an_answer_is_read(out, web):
    web.misbehave_on_store = lambda uid, stored: told(failed=[{"00081155": uid, "00081197": 0xC122}], status=409)
    sent = send(out, web.address)
    assert sent.counts == {"refused": len(ONE_OF_EACH)}
    assert "does not take its transfer syntax (0xC122)" in sent.not_stored[0].reason


def test_a_warning_is_told(out, web):
    web.misbehave_on_store = lambda uid, stored: (
        told({"00081155": uid, "00081196": 0xB000}, status=202) if stored else None
    )
    sent = send(out, web.address)
    assert sent.counts == {"stored, with a warning": len(ONE_OF_EACH)}
    assert "changed some of its attributes (coercion) (0xB000)" in sent.warnings[0].reason
    assert sent.not_stored == ()


def test_a_warning_by_c_store_is_told(out, scp):
    scp.misbehave = lambda event: 0xB006
    sent = send(out, scp.address)
    assert sent.counts == {"stored, with a warning": len(ONE_OF_EACH)}
    assert "left out some of its attributes" in sent.warnings[0].reason


def test_an_answer_that_names_nothing_is_believed_where_the_object_is_found(out, web):
    web.misbehave_on_store = lambda uid, stored: Answer(200, b"") if stored else None
    assert send(out, web.address).counts == {"stored": len(ONE_OF_EACH)}


def test_a_pacs_without_room_is_asked_again_for_one_object_and_then_once_for_each(out, scp):
    asked = []
    scp.misbehave = lambda event: asked.append(event) or 0xA700
    sent = send(out, scp.address)
    assert "no room" in sent.not_stored[0].reason
    assert len(asked) == 3 + len(ONE_OF_EACH) - 1


def test_an_object_that_there_was_no_room_for_at_first_is_stored(out, pacs):
    spoil(pacs, Answer(507), 0xA700, times=2)
    assert send(out, pacs.address).counts == {"stored": len(ONE_OF_EACH)}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_tried_again(status, out, web):
    spoil(web, Answer(status), 0, times=2)
    assert send(out, web.address).counts == {"stored": len(ONE_OF_EACH)}
    assert set(web.times.values()) == {1}


def test_that_it_waits_is_said(out, pacs, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.send.WAITS_S", (0, 0.001, 0.001))
    spoil(pacs, Answer(507), 0xA700, times=2)
    said = []
    send(out, pacs.address, say=said.append)
    assert said[1:] == ["The PACS did not take it; tried again in 0.001 s."] * 2


def test_a_server_that_goes_away_in_the_middle_is_said_and_gone_on_with(out, web):
    spoil(web, Answer(503), 0, which=range(2, 99))
    with pytest.raises(PacsDown, match=r"too busy or down .* 2 of 5 objects are there\."):
        send(out, web.address)
    with (out / "sent.csv").open() as file:
        assert [row["outcome"] for row in csv.DictReader(file)] == ["stored"] * 2 + ["not sent"] * 3
    well_again(web)
    assert send(out, web.address).counts == {"already there": 2, "stored": 3}
    assert set(web.times.values()) == {1}


def test_an_answer_that_is_lost_doubles_nothing(out, web):
    """The object was stored, and the connection broke before the answer came."""
    lost = iter(range(2))
    web.misbehave_on_store = lambda uid, stored: (
        Answer(200, b"{", announced=5000) if stored and next(lost, None) is not None else None
    )
    sent = send(out, web.address)
    assert not sent.not_stored
    assert set(web.times.values()) == {1}


def test_an_association_that_is_dropped_is_made_anew(out, scp):
    left = iter(range(2))
    scp.misbehave = lambda event: event.assoc.abort() or 0x0110 if next(left, None) is not None else None
    assert send(out, scp.address).counts == {"stored": len(ONE_OF_EACH)}
    assert len(scp.calling) == 3
    assert set(scp.times.values()) == {1}


def test_a_peer_that_stalls_is_left_and_tried_again(out, scp, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.cstore.ANSWER_S", 0.6)
    left = iter(range(1))
    scp.misbehave = lambda event: time.sleep(1.2) if next(left, None) is not None else None
    assert not send(out, scp.address).not_stored
    assert len(scp.stored) == len(ONE_OF_EACH)


def test_a_peer_that_stalls_for_ever_ends_the_sending(out, scp, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.cstore.ANSWER_S", 0.4)
    scp.misbehave = lambda event: time.sleep(0.8) or 0xA700
    with pytest.raises(PacsDown, match=r"did not answer within 0.4 s.* 0 of 5 objects are there"):
        send(out, scp.address)


def test_a_kind_that_the_peer_does_not_take_is_named_and_the_others_go(out):
    with running_scp(SmallScp(), classes=(SR, CAPTURE)) as scp:
        sent = send(out, scp.address)
    assert [aside.source for aside in sent.not_stored] == ["dicom/000.dcm", "dicom/002.dcm", "dicom/004.dcm"]
    assert "takes no segmentation in the transfer syntax it has" in sent.not_stored[0].reason


def test_a_peer_that_knows_another_title_is_one_sentence(out):
    refusal = pytest.raises(PacsError, match=r"does not accept this side \(Called AE title not recognised\)")
    with running_scp(SmallScp(), called="OTHER") as scp, refusal:
        send(out, scp.address)
    assert not scp.stored


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/dicom-web", "dicom://X@127.0.0.1:9"])
def test_a_pacs_that_is_not_there_is_one_sentence(url, out):
    with pytest.raises(PacsDown, match=r"cannot be reached.* 0 of 5 objects are there"):
        send(out, url)


def test_a_study_that_the_pacs_does_not_have_gets_no_results(out, pacs):
    pacs.studies.clear()
    sent = send(out, pacs.address)
    assert sent.counts == {"not sent": len(ONE_OF_EACH)}
    assert "does not have the study it belongs to" in sent.not_stored[0].reason
    assert not pacs.stored
    assert send(out, pacs.address, new_studies=True).counts == {"stored": len(ONE_OF_EACH)}


def test_what_was_deleted_in_the_pacs_stays_so(out, pacs):
    send(out, pacs.address)
    pacs.stored.clear()
    sent = send(out, pacs.address)
    assert sent.counts == {"not sent": len(ONE_OF_EACH)}
    assert "was deleted there" in sent.not_stored[0].reason
    assert send(out, pacs.address, new_studies=True).counts == {"stored": len(ONE_OF_EACH)}


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_server_that_sends_elsewhere_gets_nothing(status, out, web):
    web.misbehave_on_store = lambda uid, stored: Answer(status, Location="/dicom-web/other")
    with pytest.raises(PacsError, match=rf"takes no objects \({status}\)"):
        send(out, web.address)


@pytest.mark.parametrize(
    "url",
    [
        "dicom://127.0.0.1:104",
        "dicom://PACS@127.0.0.1",
        "dicom://A_TITLE_THAT_IS_TOO_LONG@127.0.0.1:104",
        "dicom://USER:SECRET@127.0.0.1:104",
        "dicom://PACS@127.0.0.1:104/path",
        "dicom://PACS@127.0.0.1:port",
        "ftp://127.0.0.1",
        "pacs",
        "https://user:SECRET@127.0.0.1/dicom-web",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(url, out):
    with pytest.raises(SettingsError, match="needed") as refusal:
        send(out, url)
    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize("calling", ["", " ", "A" * 17, "A\\B", "Ä"])
def test_a_calling_title_that_is_none_is_refused(calling, out):
    with pytest.raises(SettingsError, match="calling AE title"):
        send(out, "dicom://PACS@127.0.0.1:104", calling=calling)


@pytest.mark.parametrize("scheme", ["http", "dicom"])
def test_another_machine_without_encryption_is_said(scheme, out, caplog, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.cstore.CONNECT_S", 0.1)
    monkeypatch.setattr("echocare_core.pacs.web_session.TIMEOUT_S", (0.1, 0.1))
    with pytest.raises(PacsError):
        send(out, f"{scheme}://PACS@192.0.2.1:9" if scheme == "dicom" else "http://192.0.2.1:9/dicom-web")
    assert "is not encrypted" in caplog.text


def test_the_association_is_encrypted_where_that_is_asked_for(out, tmp_path):
    pem = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out", tmp_path / "ca.pem",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + (tmp_path / "ca.pem").read_text())
    with running_scp(SmallScp(), certificate=pem) as scp:
        assert send(out, scp.address, ca_bundle=tmp_path / "ca.pem").counts == {"stored": len(ONE_OF_EACH)}
        with pytest.raises(PacsError):
            send(write_results(tmp_path / "other", [SEG]), scp.address)


def test_two_at_once_in_one_folder_are_one_too_many(out, web):
    send(out, web.address)
    with FolderLock(out / STATE), pytest.raises(OutputError, match="in use by another run"):
        send(out, web.address)


def test_the_table_says_what_became_of_each_object_and_is_for_its_owner_alone(out, web):
    sent = send(out, web.address)
    assert [row["file"] for row in rows(sent)] == [f"dicom/{number:03d}.dcm" for number in range(5)]
    assert {row["outcome"] for row in rows(sent)} == {"stored"}
    written = [sent.table, *(out / STATE).iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert not [word for word in UNSAID if word in sent.table.read_text()]


def test_the_command_says_what_it_did(out, web):
    done = CliRunner().invoke(app, ["send", str(out), web.address])
    assert done.exit_code == 0
    assert f"Sends to {web.address}: 1 segmentation" in done.stdout
    assert "Objects: 5 stored." in done.stdout


def test_the_command_ends_with_one_where_something_was_not_stored(out, web):
    spoil(web, Answer(403), 0)
    done = CliRunner().invoke(app, ["send", str(out), web.address])
    assert done.exit_code == 1
    assert "Objects: 5 refused." in done.stdout
    assert "dicom/004.dcm: the PACS does not let these credentials store" in done.output


@pytest.mark.parametrize(
    ("status", "name", "words"),
    [
        (0x0000, "stored", ""),
        (0xA701, "refused", "has no room or too much to do"),
        (0xA9FF, "refused", "does not fit its SOP Class"),
        (0xC999, "refused", "cannot understand"),
        (0xB123, "stored, with a warning", "stored it with a warning"),
        (0x9999, "refused", "a reason of its own"),
    ],
)
def test_a_status_is_told_in_words(status, name, words):
    outcome = outcome_of(status)
    assert outcome.name == name
    assert words in outcome.detail
    assert not status or f"(0x{status:04X})" in outcome.detail
