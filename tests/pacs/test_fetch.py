"""Fetched from a real PACS, ultrasound is the same to the byte, each object once."""

import shutil
from datetime import date
from functools import partial

import imagecodecs
import numpy as np
import pytest
from orthanc import MISSING, running_orthanc, store
from pydicom.uid import generate_uid
from typer.testing import CliRunner
from ultrasound_files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    JPEG_2000,
    PATIENT_NAME,
    encapsulated,
    marked,
    write_like,
    write_ultrasound,
)

from echocare_core.cli import app
from echocare_core.errors import OutputError, PacsError
from echocare_core.frames import read_export, read_frames
from echocare_core.pacs.fetch import fetch
from echocare_core.pacs.fetched import STATE
from echocare_core.pacs.query import StudyQuery

STUDY, OTHER_STUDY = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
PATIENT, OTHER_PATIENT = "ID-4711", "ID-4712"
SHIPPED = {
    "rle": "SC_rgb_rle.dcm",
    "rle_cine": "SC_rgb_rle_2frame.dcm",
    "jpeg": "SC_rgb_jpeg_gdcm.dcm",
}
NATIVE = {"implicit": IMPLICIT, "explicit": EXPLICIT, "big_endian": BIG_ENDIAN, "deflated": DEFLATED}
ENCODED = {  # transfer syntax, photometric interpretation, how a frame is encoded
    "jpeg_colour_cine": (JPEG, "YBR_FULL_422", partial(imagecodecs.jpeg8_encode, level=95)),
    "jpeg_2000_cine": (JPEG_2000, "YBR_RCT", partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True)),
}
NAMES = [*SHIPPED, *ENCODED, *NATIVE, "planar"]

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


def identity(study=STUDY, patient=PATIENT, day="20240105", series=1):
    return {
        "PatientID": patient,
        "PatientName": PATIENT_NAME,
        "PatientBirthDate": "19700131",
        "StudyInstanceUID": study,
        "StudyDate": day,
        "SeriesInstanceUID": f"{study}.{series}",
    }


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The files in the PACS: one study in many transfer syntaxes; a CT series in it; another patient's study."""
    folder = tmp_path_factory.mktemp("stored")
    files = {
        name: write_like(shipped, folder / name, SOPInstanceUID=generate_uid(), **identity())
        for name, shipped in SHIPPED.items()
    }
    for name, syntax in NATIVE.items():
        files[name] = write_ultrasound(folder / name, marked(3), transfer_syntax=syntax, attributes=identity())
    pixels = marked(30, 96, 128)
    shape = {"Rows": 96, "Columns": 128, "NumberOfFrames": 30}
    for name, (syntax, photometric, encode) in ENCODED.items():
        stream = encapsulated([encode(frame) for frame in pixels])
        described = {"photometric": photometric, "transfer_syntax": syntax, "attributes": {**identity(), **shape}}
        files[name] = write_ultrasound(folder / name, stream, **described)
    files["planar"] = write_ultrasound(folder / "planar", marked(2), planar=1, attributes=identity())
    ct = {**identity(series=2), "Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}
    files["ct"] = write_ultrasound(folder / "ct", marked(), attributes=ct)
    other = identity(OTHER_STUDY, OTHER_PATIENT, "20240301")
    files["other"] = write_ultrasound(folder / "other", marked(), attributes=other)
    return files


@pytest.fixture(scope="module")
def pacs(stored, tmp_path_factory):
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as address:
        store(address, list(stored.values()))
        yield address


@pytest.fixture(scope="module")
def first_fetch(pacs, tmp_path_factory):
    """The study with many transfer syntaxes, fetched once for all tests that only read it."""
    return fetch(pacs, tmp_path_factory.mktemp("fetched") / "out", StudyQuery(studies=(STUDY,)))


@pytest.fixture
def earlier(first_fetch, tmp_path):
    """A copy of an earlier fetch, to be spoilt."""
    return shutil.copytree(first_fetch.folder, tmp_path / "earlier")


def objects(folder):
    return sorted(folder.glob("*/*.dcm"))


@pytest.mark.parametrize("name", NAMES)
def test_an_object_comes_back_as_it_was_stored_whatever_its_transfer_syntax(name, first_fetch, stored):
    original = stored[name]
    (same,) = [path for path in objects(first_fetch.folder) if path.read_bytes() == original.read_bytes()]
    np.testing.assert_array_equal(read_frames(same).pixels[:], read_frames(original).pixels[:])


def test_a_fetch_is_counted(first_fetch):
    counted = first_fetch.fetched, first_fetch.already_there, first_fetch.converted, first_fetch.set_aside
    assert counted == (len(NAMES), 0, 0, ())


def test_what_was_fetched_is_read_as_an_export(first_fetch, stored):
    export = read_export(first_fetch.folder)
    assert export.number_of_frames == sum(len(read_frames(stored[name])) for name in NAMES)
    assert export.set_aside == ()


def test_series_of_other_modalities_stay_in_the_pacs(first_fetch, stored):
    assert stored["ct"].read_bytes() not in {path.read_bytes() for path in objects(first_fetch.folder)}


def test_nothing_is_fetched_twice(pacs, earlier):
    again = fetch(pacs, earlier, StudyQuery(studies=(STUDY,)))
    assert (again.fetched, again.already_there) == (0, len(NAMES))


def test_a_file_that_is_gone_or_was_changed_is_fetched_again(pacs, earlier):
    gone, flipped, cut = objects(earlier)[:3]
    before = {path: path.read_bytes() for path in objects(earlier)}
    gone.unlink()
    flipped.write_bytes(before[flipped][:-1] + bytes([before[flipped][-1] ^ 1]))
    cut.write_bytes(before[cut][:-100])

    again = fetch(pacs, earlier, StudyQuery(studies=(STUDY,)))

    assert (again.fetched, again.already_there) == (3, len(NAMES) - 3)
    assert {path: path.read_bytes() for path in objects(earlier)} == before


@pytest.mark.parametrize("tail", ["abc", "a/b.dcm,1.2,1.3", "\0\0\0\0"])
def test_an_index_that_was_cut_off_while_it_was_written_is_gone_on_with(tail, pacs, earlier):
    index = earlier / STATE / "index.csv"
    index.write_text("\n".join(index.read_text().splitlines()[:-1]) + "\n" + tail)

    first, second = (fetch(pacs, earlier, StudyQuery(studies=(STUDY,))) for _ in range(2))

    assert (first.fetched, first.already_there) == (1, len(NAMES) - 1)
    assert second.fetched == 0


@pytest.mark.parametrize(
    "query",
    [
        StudyQuery(patients=(OTHER_PATIENT,)),
        StudyQuery(since=date(2024, 2, 1)),
        StudyQuery(since=date(2024, 3, 1), until=date(2024, 3, 1)),
        StudyQuery(studies=(OTHER_STUDY,)),
    ],
)
def test_patients_days_and_studies_narrow_the_search(query, pacs, stored, tmp_path):
    fetch(pacs, tmp_path / "out", query)
    assert [path.read_bytes() for path in objects(tmp_path / "out")] == [stored["other"].read_bytes()]


def test_studies_of_many_patients_are_fetched_together(pacs, tmp_path):
    done = fetch(pacs, tmp_path / "out", StudyQuery(patients=(PATIENT, OTHER_PATIENT, "ID-nobody")))
    assert done.fetched == len(NAMES) + 1


def test_another_modality_can_be_asked_for(pacs, stored, tmp_path):
    fetch(pacs, tmp_path / "out", StudyQuery(studies=(STUDY,), modality="CT"))
    assert [path.read_bytes() for path in objects(tmp_path / "out")] == [stored["ct"].read_bytes()]


def test_a_search_goes_on_over_all_pages(pacs, earlier, monkeypatch):
    monkeypatch.setattr("echocare_core.pacs.search.WAYS", ((True, 3),))
    assert fetch(pacs, earlier, StudyQuery(studies=(STUDY,))).already_there == len(NAMES)


@pytest.mark.parametrize("query", [StudyQuery(studies=("1.2.3",)), StudyQuery(patients=("CANARY",))])
def test_nothing_found_is_said_without_saying_what_was_looked_for(query, pacs, tmp_path):
    with pytest.raises(PacsError, match=r"has no US object for the [01] studies and [01] patients") as refusal:
        fetch(pacs, tmp_path / "out", query)
    assert "1.2.3" not in str(refusal.value)
    assert "CANARY" not in str(refusal.value)


@pytest.mark.parametrize("root", ["", "/app", "/nothing"])
def test_an_address_that_is_not_the_dicomweb_root_is_said(root, pacs, tmp_path):
    with pytest.raises(PacsError, match="Needed is the root of its DICOMweb service"):
        fetch(pacs.removesuffix("/dicom-web") + root, tmp_path / "out", StudyQuery(studies=(STUDY,)))


def test_a_folder_with_something_else_in_it_is_left_alone(pacs, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds something else than an earlier fetch"):
        fetch(pacs, tmp_path, StudyQuery(studies=(STUDY,)))
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_names_of_files_hold_no_uid_and_differ_between_folders(first_fetch, pacs, tmp_path):
    other = fetch(pacs, tmp_path / "out", StudyQuery(studies=(STUDY,)))
    names = [
        {path.relative_to(done.folder).as_posix() for path in objects(done.folder)} for done in (first_fetch, other)
    ]
    assert names[0].isdisjoint(names[1])
    assert not [name for name in names[0] if "." in name.removesuffix(".dcm")]


def test_what_was_fetched_is_for_its_owner_alone(first_fetch):
    inside = [first_fetch.folder, *first_fetch.folder.rglob("*")]
    assert {path.name for path in inside} > {"key", "index.csv", "set_aside.csv"}
    assert not [path for path in inside if path.stat().st_mode & 0o077]


def test_the_command_fetches_the_patients_of_a_list(pacs, tmp_path):
    words = ["fetch", pacs, str(tmp_path / "out"), "--patients", "-", "--since", "2024-03-01"]
    done = CliRunner().invoke(app, words, input=f"{PATIENT}\n\n{OTHER_PATIENT}\n")
    assert done.exit_code == 0
    assert "Objects: 1 fetched, 0 already there, 0 set aside." in done.stdout
    assert len(objects(tmp_path / "out")) == 1
