"""A PACS that misbehaves: what can be repaired is, the rest ends in one sentence that names no patient."""

import csv
import logging
import shutil
import subprocess
import sys
import traceback
from datetime import date
from itertools import count
from threading import Event
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest
from pydicom import dcmread
from small_pacs import DATE, MULTIPART, PATIENT_ID, STUDY, Answer, SmallPacs, running, searched, wrapped
from typer.testing import CliRunner
from ultrasound_files import PATIENT_NAME, marked, write_ultrasound

from echocare_core.cli import app
from echocare_core.errors import EchoCareError, OutputError, PacsError, SettingsError
from echocare_core.frames import read_export
from echocare_core.pacs.fetch import fetch
from echocare_core.pacs.fetched import SET_ASIDE, STATE
from echocare_core.pacs.query import StudyQuery

QUERY = StudyQuery(patients=(PATIENT_ID,))
CREDENTIALS = [f"ECHOCARE_PACS_{name}" for name in ("USER", "PASSWORD", "TOKEN", "CERTIFICATE", "KEY")]
UNSAID = (PATIENT_ID, PATIENT_NAME.partition("^")[0], "19700131")


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch, tmp_path):
    """No waiting between attempts, and nothing from the environment of whoever runs the tests."""
    monkeypatch.setattr("echocare_core.pacs.web_session.BACKOFF_S", 0)
    monkeypatch.setattr("echocare_core.pacs.web_session.LONGEST_WAIT_S", 0)
    monkeypatch.setattr("echocare_core.pacs.dicomweb.WAITS_S", (0, 0, 0))
    for name in (*CREDENTIALS, "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def files(tmp_path):
    (tmp_path / "stored").mkdir()
    one = {"PatientID": PATIENT_ID}
    return [write_ultrasound(tmp_path / "stored" / str(n), marked(n + 1), attributes=one) for n in range(3)]


@pytest.fixture
def pacs(files):
    with running(SmallPacs(files)) as small:
        yield small


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def times(number, answer):
    """Give this answer to the first so many requests for an object, or for a search with `of` = "search"."""
    left = iter(range(number))

    def misbehave(path, headers):
        return answer if "/instances/" in path and next(left, None) is not None else None

    return misbehave


def on_search(answer):
    return lambda path, headers: answer if path.endswith("/studies") else None


def objects(out):
    return sorted(path.read_bytes() for path in out.glob("*/*.dcm"))


def sorted_bytes(files):
    return sorted(path.read_bytes() for path in files)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_and_waited_for_a_minute_at_most(status, pacs, files, out, monkeypatch):
    waits_s = []
    monkeypatch.setattr("time.sleep", waits_s.append)
    monkeypatch.setattr("echocare_core.pacs.web_session.LONGEST_WAIT_S", 60)
    pacs.misbehave = times(2, Answer(status, Retry_After="9999"))
    assert fetch(pacs.address, out, QUERY).fetched == 3
    assert objects(out) == sorted_bytes(files)
    assert max(waits_s) == 60


def test_a_server_that_stays_busy_ends_the_fetch_which_goes_on_later(pacs, files, out):
    calls = []

    def first_only(path, headers):
        calls.append("/instances/" in path)
        return Answer(503) if sum(calls) > 1 and calls[-1] else None

    pacs.misbehave = first_only
    with pytest.raises(PacsError, match=r"too busy or down \(503, after several attempts\)"):
        fetch(pacs.address, out, QUERY)
    pacs.misbehave = lambda path, headers: None

    done = fetch(pacs.address, out, QUERY)

    assert (done.fetched, done.already_there) == (2, 1)
    assert objects(out) == sorted_bytes(files)


@pytest.mark.parametrize("announced", [None, 0], ids=["whole answer", "length unknown"])
def test_an_object_cut_off_on_the_way_is_fetched_again(announced, pacs, files, out):
    cut = wrapped(files[0].read_bytes()).body[:-60]
    pacs.misbehave = times(2, Answer(200, cut, MULTIPART, announced))
    assert fetch(pacs.address, out, QUERY).fetched == 3
    assert objects(out) == sorted_bytes(files)


def test_an_object_whose_length_was_announced_and_did_not_come_is_fetched_again(pacs, files, out):
    body = files[0].read_bytes()
    pacs.misbehave = times(2, Answer(200, body[:-60], "application/dicom", len(body)))
    assert fetch(pacs.address, out, QUERY).fetched == 3
    assert objects(out) == sorted_bytes(files)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, b"--abc\r\n\r\nDICM", MULTIPART), "was cut off on the way 3 times"),
        (Answer(200, b"<html>Please log in</html>"), "something else than DICOM, such as a web page"),
        (wrapped(b"<html>Please log in</html>"), "no DICOM file, or as another object"),
        (Answer(403), "not given to these credentials (403)"),
        (Answer(404), "not there any more (404)"),
        (Answer(406), "neither as stored nor converted (406)"),
        (Answer(500, b"CANARY-4711"), "could not be had from the server (500)"),
    ],
)
def test_an_object_that_cannot_be_had_is_set_aside_and_the_others_come(answer, reason, pacs, files, out):
    bad = next(iter(pacs.files))
    pacs.misbehave = lambda path, headers: answer if path.endswith(f"/{bad}") else None

    done = fetch(pacs.address, out, QUERY)

    [aside] = done.set_aside
    assert done.fetched == 2
    assert reason in aside.reason
    assert objects(out) == sorted_bytes(path for uid, path in pacs.files.items() if uid != bad)
    [row] = csv.DictReader((out / SET_ASIDE).read_text().splitlines())
    assert (row["file"], row["instance_uid"], row["reason"]) == (aside.source, bad, aside.reason)
    assert [path.name for path in (out / STATE).glob("unfinished*")] == []


def test_another_object_than_the_one_asked_for_is_set_aside(pacs, files, out):
    pacs.misbehave = lambda path, headers: wrapped(files[0].read_bytes()) if "/instances/" in path else None
    done = fetch(pacs.address, out, QUERY)
    assert [aside.reason.split(".")[0] for aside in done.set_aside] == [
        "came as no DICOM file, or as another object than asked for"
    ] * 2
    assert objects(out) == sorted_bytes(files[:1])


def test_a_whole_object_without_the_multipart_around_it_is_taken(pacs, files, out):
    def bare(path, headers):
        uid = path.rpartition("/")[2]
        return Answer(200, pacs.files[uid].read_bytes(), "application/dicom") if uid in pacs.files else None

    pacs.misbehave = bare
    fetch(pacs.address, out, QUERY)
    assert objects(out) == sorted_bytes(files)


@pytest.mark.parametrize("status", [400, 406, 415])
def test_a_server_that_does_not_give_stored_bytes_is_asked_to_convert_and_that_is_counted(status, pacs, out):
    pacs.misbehave = lambda path, headers: Answer(status) if "transfer-syntax=*" in headers["Accept"] else None
    done = fetch(pacs.address, out, QUERY)
    assert (done.fetched, done.converted) == (3, 3)
    assert (out / STATE / "index.csv").read_text().count(",converted,") == 3


def test_stored_bytes_are_asked_for_first_and_without_compression(pacs, out):
    fetch(pacs.address, out, QUERY)
    asked = [headers for path, headers in pacs.requests if "/instances/" in path]
    assert {headers["Accept"] for headers in asked} == {
        'multipart/related; type="application/dicom"; transfer-syntax=*'
    }
    assert {headers["Accept-Encoding"] for headers in asked} == {"identity"}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(200, b"<html>Please log in</html>"), "no DICOM JSON, but with a web page.*root of its DICOMweb"),
        (Answer(200, b'["3f2a", "8b1c"]', "application/json"), "no DICOM JSON.*root of its DICOMweb"),
        (Answer(200, b'{"error": "CANARY-4711"}', "application/json"), "no DICOM JSON"),
        (Answer(200, b"[" * 100_000, "application/json"), "no DICOM JSON"),
        (Answer(404), r"no DICOMweb search \(404\).*root of its DICOMweb"),
        (Answer(403), r"does not let these credentials search \(403\)"),
        (Answer(413), r"too much for one search \(413\). Name fewer days"),
        (
            Answer(500, b"CANARY-4711"),
            r"cannot do this search: studies by ModalitiesInStudy, PatientID, limit 500 \(500 Internal Server Error\), "
            r"and asked more plainly studies by PatientID \(500 Internal Server Error\)",
        ),
        (Answer(302, Location="/dicom-web/studies"), "sends from one address to the next"),
        (searched({"0020000D": STUDY, "00100020": "ID-of-another"}), "not asked for.*must heed PatientID"),
        (searched(), "has no US object for the 0 studies and 1 patients"),
    ],
)
def test_a_search_that_fails_ends_in_one_sentence(answer, sentence, pacs, out):
    pacs.misbehave = on_search(answer)
    with pytest.raises(PacsError, match=sentence):
        fetch(pacs.address, out, QUERY)
    assert pacs.objects_asked_for == 0


def test_studies_of_other_days_than_asked_for_are_refused(pacs, out):
    with pytest.raises(PacsError, match="must heed StudyDate"):
        fetch(pacs.address, out, StudyQuery(since=date(2025, 1, 1)))
    assert fetch(pacs.address, out, StudyQuery(since=date.fromisoformat(DATE))).fetched == 3


def test_a_server_that_gives_the_same_page_forever_is_left(pacs, out):
    uids = [{"00080018": uid} for uid in pacs.files]
    pacs.misbehave = lambda path, headers: searched(*uids) if path.endswith("/instances") else None
    assert fetch(pacs.address, out, QUERY).fetched == 3


def picky(pacs, refuses=(), most=None, pages=True):
    """Refuse searches with these parameters, give so many items of a series at most, and go on with offset or not."""

    def misbehave(path, headers):
        query = parse_qs(urlsplit(pacs.requests[-1][0]).query)
        if not path.endswith(("/studies", "/series", "/instances")):
            return None
        if any(name in query and value in ("", query[name][0]) for name, value in refuses):
            return Answer(400, PATIENT_ID.encode())
        if not path.endswith("/instances"):
            return None
        start = int(query.get("offset", "0")[0]) if pages else 0
        return searched(*({"00080018": uid} for uid in list(pacs.files)[start:][:most]))

    pacs.misbehave = misbehave


@pytest.mark.parametrize(
    "habits",
    [
        {"most": 1},
        {"refuses": [("ModalitiesInStudy", "")]},
        {"refuses": [("ModalitiesInStudy", ""), ("Modality", ""), ("limit", "")]},
        {"refuses": [("limit", "500")], "most": 2},
        {"refuses": [("offset", "")]},
        {"refuses": [("offset", ""), ("limit", "500")]},
    ],
    ids=["one item a page", "no ModalitiesInStudy", "no filters but the patient", "a lower limit", "no pages", "both"],
)
def test_a_server_that_takes_fewer_parameters_is_asked_without_them(habits, pacs, out):
    picky(pacs, **habits)
    done = fetch(pacs.address, out, QUERY)
    assert (done.fetched, done.set_aside) == (3, ())


def test_what_a_server_refused_is_not_asked_again(pacs, out):
    picky(pacs, [("ModalitiesInStudy", "")])
    fetch(pacs.address, out, StudyQuery(patients=(PATIENT_ID, PATIENT_ID, PATIENT_ID)))
    assert sum("ModalitiesInStudy" in path for path, _ in pacs.requests) == 2  # with both limits


@pytest.mark.parametrize("habits", [{"refuses": [("offset", "")]}, {"pages": False}], ids=["refused", "ignored"])
def test_a_server_that_may_have_more_than_it_gives_is_said(habits, pacs, files, out):
    pacs.files = {f"1.2.3.{n}": files[0] for n in range(40)}
    picky(pacs, most=32, **habits)
    reasons = [aside.reason for aside in fetch(pacs.address, out, QUERY).set_aside if aside.source == "search"]
    assert reasons == [
        "The server stops after 32 objects of a series and does not go on (offset), so there may be more. Name fewer "
        "days, or the studies."
    ]


def test_a_search_that_finds_no_end_is_left(pacs, out, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.search.MOST_ITEMS", 20)
    numbers = count()
    pacs.misbehave = lambda path, headers: (
        searched({"00080018": f"1.2.{next(numbers)}"}) if "/series/" in path else None
    )
    with pytest.raises(PacsError, match=r"finds more than 20 studies, series and objects, and no end. Name fewer days"):
        fetch(pacs.address, out, QUERY)


def test_an_answer_to_a_search_that_does_not_end_is_left(pacs, out, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.bounded.LARGEST_SEARCH", 1 << 20)
    pacs.misbehave = on_search(Answer(200, b" " * (3 << 20), "application/dicom+json", 0))
    with pytest.raises(PacsError, match="answer to a search does not end after 1 MiB or 60 minutes"):
        fetch(pacs.address, out, QUERY)


def test_an_object_that_does_not_end_is_set_aside_and_the_others_come(pacs, out, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.bounded.LARGEST_OBJECT", 1 << 20)
    bad = next(iter(pacs.files))
    pacs.misbehave = lambda path, headers: wrapped(b"x" * (3 << 20)) if path.endswith(f"/{bad}") else None
    done = fetch(pacs.address, out, QUERY)
    assert done.fetched == 2
    assert [aside.reason.partition(" after")[0] for aside in done.set_aside] == ["does not end"]


def test_an_answer_that_trickles_in_without_end_is_left(pacs, out, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.bounded.LONGEST_S", 0)
    with pytest.raises(PacsError, match="does not end"):
        fetch(pacs.address, out, QUERY)


def test_an_object_whose_file_meta_information_names_another_is_told_by_its_own_uid(pacs, files, out):
    file = files[0]
    stored = dcmread(file)
    stored.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6"
    stored.save_as(file)
    assert fetch(pacs.address, out, QUERY).fetched == 3
    assert objects(out) == sorted_bytes(files)


def test_an_object_without_a_valid_uid_is_set_aside(pacs, out):
    uids = [{"00080018": uid} for uid in (*pacs.files, "../../etc")]
    pacs.misbehave = lambda path, headers: searched(*uids) if path.endswith("/instances") else None
    done = fetch(pacs.address, out, QUERY)
    assert (done.fetched, [aside.source for aside in done.set_aside]) == (3, ["search"])


def test_a_server_that_is_not_there_is_said(out):
    with pytest.raises(PacsError, match=r"127.0.0.1:9/dicom-web cannot be reached"):
        fetch("http://127.0.0.1:9/dicom-web", out, QUERY)


def test_a_server_that_does_not_answer_is_left(pacs, out, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.web_session.TIMEOUT_S", (1, 0.2))
    pacs.misbehave = lambda path, headers: Event().wait(2) or Answer(200)
    with pytest.raises(PacsError, match=r"did not answer within 0.2 s, several times"):
        fetch(pacs.address, out, QUERY)


@pytest.mark.parametrize(
    "address",
    ["pacs.example/dicom-web", "ftp://pacs.example", "https://", "http://host:port/x", "https://[x", "https://h:99999"],
)
def test_an_address_that_is_none_is_refused(address, out):
    with pytest.raises(SettingsError, match="address of the PACS cannot be used"):
        fetch(address, out, QUERY)


@pytest.mark.parametrize("address", ["https://me:CANARY@host/dicom-web", "https://host/dicom-web?key=CANARY"])
def test_credentials_in_an_address_are_refused_and_not_repeated(address, out):
    with pytest.raises(SettingsError, match="holds credentials or a query") as refusal:
        fetch(address, out, QUERY)
    assert "CANARY" not in str(refusal.value)


def demand(pacs, authorization):
    """Answer 401 unless a request comes with this header."""
    pacs.misbehave = lambda path, headers: Answer(401) if headers["Authorization"] != authorization else None


def test_a_server_that_asks_for_credentials_is_told_how_to_give_them(pacs, out):
    demand(pacs, "Bearer secret")
    with pytest.raises(PacsError, match=r"asks for credentials \(401\). Set ECHOCARE_PACS_USER and"):
        fetch(pacs.address, out, QUERY)


def test_a_password_comes_from_the_environment(pacs, out, monkeypatch):
    demand(pacs, "Basic w5xyc3VsYTpwYcOfOndvcmQ=")  # "Ürsula:paß:word" in UTF-8
    monkeypatch.setenv("ECHOCARE_PACS_USER", "Ürsula")
    monkeypatch.setenv("ECHOCARE_PACS_PASSWORD", "paß:word")
    assert fetch(pacs.address, out, QUERY).fetched == 3


def test_a_token_comes_from_the_environment_and_before_a_netrc_file(pacs, out, monkeypatch, tmp_path):
    demand(pacs, "Bearer secret")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("ECHOCARE_PACS_TOKEN", "secret\n")
    assert fetch(pacs.address, out, QUERY).fetched == 3


def test_a_password_comes_from_a_netrc_file(pacs, out, tmp_path):
    demand(pacs, "Basic bWU6bWluZQ==")  # "me:mine"
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    assert fetch(pacs.address, out, QUERY).fetched == 3


def test_wrong_credentials_are_refused_and_not_repeated(pacs, out, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    demand(pacs, "Bearer secret")
    monkeypatch.setenv("ECHOCARE_PACS_TOKEN", "CANARY-token")
    with pytest.raises(PacsError, match=r"does not accept these credentials \(401\)") as refusal:
        fetch(pacs.address, out, QUERY)
    assert "CANARY" not in str(refusal.value) + caplog.text


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("USER", "PASSWORD", "TOKEN"), "Both ECHOCARE_PACS_TOKEN and ECHOCARE_PACS_USER"),
        (("USER",), "Only one of"),
        (("PASSWORD",), "Only one of"),
        (("CERTIFICATE",), "No file at CANARY for ECHOCARE_PACS_CERTIFICATE"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused(names, sentence, out, monkeypatch):
    for name in names:
        monkeypatch.setenv(f"ECHOCARE_PACS_{name}", "CANARY")
    with pytest.raises(SettingsError, match=sentence):
        fetch("http://127.0.0.1:9/dicom-web", out, QUERY)


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody has signed but itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, pem = tmp_path / "key.pem", tmp_path / "certificate.pem"
    how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    whom = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", "-x509", *how, *whom, "-keyout", str(key), "-out", str(pem)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    pem.write_text(pem.read_text() + key.read_text())
    return pem


def test_a_server_that_nobody_vouches_for_is_not_trusted(files, certificate, out):
    with (
        running(SmallPacs(files), certificate) as pacs,
        pytest.raises(PacsError, match=r"cannot be trusted.*--ca-bundle"),
    ):
        fetch(pacs.address, out, QUERY)
    assert pacs.requests == []


def test_a_server_that_the_ca_bundle_vouches_for_is_trusted(files, certificate, out, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())  # what the caller names comes first
    with running(SmallPacs(files), certificate) as pacs:
        assert fetch(pacs.address, out, QUERY, ca_bundle=certificate).fetched == 3


def test_a_ca_bundle_that_is_not_there_is_said(out, tmp_path):
    with pytest.raises(SettingsError, match=r"No file at .*gone.pem for CA bundle"):
        fetch("https://127.0.0.1:9/dicom-web", out, QUERY, ca_bundle=tmp_path / "gone.pem")


def test_an_unencrypted_server_elsewhere_is_warned_of(out, caplog, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.web_session.TIMEOUT_S", (0.1, 0.1))
    with pytest.raises(PacsError):
        fetch("http://pacs.invalid/dicom-web", out, QUERY)
    assert "http://pacs.invalid/dicom-web is not encrypted" in caplog.text


def test_a_folder_that_cannot_be_written_is_said(pacs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file/out cannot take what is fetched"):
        fetch(pacs.address, tmp_path / "file" / "out", QUERY)


def test_without_the_extra_it_is_said_how_to_install_it(out):
    command = (
        "import sys; sys.modules['dicomweb_client'] = None\n"
        "from echocare_core.pacs.fetch import StudyQuery, fetch\n"
        f"fetch('http://127.0.0.1:9/dicom-web', {str(out)!r}, StudyQuery(studies=('1.2',)))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert "PacsError: Asking a PACS needs dicomweb-client, not installed here. Run pip install 'echocare[pacs]'" in (
        done.stderr
    )
    assert not out.exists()


FAULTS = {
    "nothing wrong": lambda path, headers: None,
    "busy": lambda path, headers: Answer(503, PATIENT_ID.encode()),
    "busy object": lambda path, headers: Answer(503) if "/instances/" in path else None,
    "search fails": on_search(Answer(500, PATIENT_ID.encode(), PATIENT_ID)),
    "redirect": on_search(Answer(302, Location=f"/dicom-web/studies?PatientID={PATIENT_ID}")),
    "redirect to nowhere": on_search(Answer(302, Location=f"http://127.0.0.1:9/x?PatientID={PATIENT_ID}")),
    "web page": on_search(Answer(200, PATIENT_ID.encode())),
    "others": on_search(searched({"0020000D": STUDY, "00100020": f"{PATIENT_ID}-b"})),
    "warning": on_search(Answer(200, b"[]", "application/dicom+json", Warning=f'299 pacs "{PATIENT_ID}"')),
    "cut off": lambda path, headers: Answer(200, b"x", MULTIPART, 99) if "/instances/" in path else None,
    "odd": lambda path, headers: Answer(200, b"x", f"text/{PATIENT_ID}") if "/instances/" in path else None,
    "401": lambda path, headers: Answer(401, PATIENT_ID.encode(), WWW_Authenticate=f"Basic realm={PATIENT_ID}"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_patient_is_named_in_an_error_a_log_a_file_name_or_a_list(fault, pacs, files, out, caplog, capfd, tmp_path):
    caplog.set_level(logging.DEBUG)
    pacs.misbehave = FAULTS[fault]
    said = ""
    try:
        done = fetch(pacs.address, out, QUERY)
        said = f"{done} {read_export(out)}" if done.fetched else str(done)
    except EchoCareError as error:
        said = "".join(traceback.format_exception(error))
    patients = tmp_path / "patients"
    patients.write_text(PATIENT_ID)
    shown = CliRunner().invoke(app, ["fetch", pacs.address, str(tmp_path / "again"), "--patients", str(patients)])
    said += f"{shown.output} {shown.exception} {caplog.text} {capfd.readouterr()}"
    for folder in (out, tmp_path / "again"):
        paths = list(folder.rglob("*"))
        said += " ".join(map(str, paths))
        said += " ".join(path.read_text(errors="replace") for path in paths if path.suffix == ".csv")

    assert any(PATIENT_ID in path for path, _ in pacs.requests)
    assert [name for name in UNSAID if name in said] == []
