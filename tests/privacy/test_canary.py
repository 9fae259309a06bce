"""Planted names, numbers and dates come out nowhere."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
import torch
from bright_network import BrightNetwork
from PIL import Image
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from screens import screen, written_pixels
from typer.testing import CliRunner
from ultrasound_files import EXPLICIT, JPEG, region, write_dataset, write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.privacy import deidentify

NAME, NUMBER, DATE = "Zyxwald^Quillon", "QX7730915", "19370215"
TRACES = [b"zyxwald", b"quillon", b"7730915", b"19370215", b"1937-02-15", b"15/02/1937"]
WRITING = [(10, 10, "ZYXWALD 15/02/1937"), (150, 200, "QX7730915 Quillon")]
PICTURE = """
    SOPClassUID Modality Rows Columns SamplesPerPixel PhotometricInterpretation PlanarConfiguration BitsAllocated
    BitsStored HighBit PixelRepresentation NumberOfFrames SequenceOfUltrasoundRegions PixelData SpecificCharacterSet
    FloatPixelData DoubleFloatPixelData DirectoryRecordSequence ExtendedOffsetTable ExtendedOffsetTableLengths
    FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate PixelSpacing
"""  # what makes the object a picture: everything else gets a plant
TEXT = f"{NAME} {NUMBER} {DATE}"
PLANTS = {
    **dict.fromkeys(["LO", "SH", "ST", "LT", "UT", "UC", "AE"], TEXT),
    **dict.fromkeys(["OB", "OW", "UN", "OB or OW", "OD", "OF", "OL"], TEXT.encode() + b" " * (len(TEXT) % 2)),
    **{"PN": NAME, "DA": DATE, "DT": f"{DATE}101112", "TM": f"{DATE[2:]}.{DATE}", "UI": f"1.2.{DATE}.7730915"},
    **{"CS": "ZYXWALD", "UR": f"http://{NUMBER}", "IS": DATE, "DS": DATE, "AS": "086Y"},
}

PLAIN_UID = b"1.2.34567890.1234567"  # as long as the planted one


def planted(path, pixels, **options):
    """An ultrasound object with a plant in every attribute of the dictionary, nested, private, in overlays and icon."""
    write_ultrasound(path, pixels, regions=[region((40, 60, 360, 440), (0.2, 0.2), PatientName=NAME)], **options)
    dataset = dcmread(path)
    syntax = dataset.file_meta.TransferSyntaxUID
    if 0xFFFEE0DD in dataset:  # the second delimiter of compressed frames
        del dataset[0xFFFEE0DD]
    nested = Dataset()
    with suppress_warnings():
        for keyword, kind in (("PatientName", "PN"), ("TextValue", "UT"), ("CodeMeaning", "LO"), ("StudyDate", "DA")):
            nested.add_new(keyword, kind, PLANTS[kind])
        for tag, (kind, *_) in DicomDictionary.items():
            keyword = keyword_for_tag(tag)
            if (
                tag >> 16 in (0, 2, 4, 0xFFFE, 0xFFFC)
                or not keyword
                or keyword in PICTURE.split()
                or "LookupTable" in keyword
            ):
                continue
            if kind == "SQ":
                dataset.add_new(tag, "SQ", [nested])
            elif kind in PLANTS:
                dataset.add_new(tag, kind.split()[0], PLANTS[kind])
        dataset.add_new(0x00091001, "LO", TEXT)
        dataset.add_new(0x00090010, "LO", NAME)
        dataset.add_new(0x60003000, "OW", TEXT.encode() + b" ")
        dataset.add_new(0x60004000, "LT", TEXT)
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
        dataset.SOPInstanceUID = f"{PLANTS['UI']}.{len(path.name)}"
        write_dataset(path, dataset, syntax)
    data = path.read_bytes()
    path.write_bytes(TEXT.encode().ljust(128)[:128] + data[128:] + TEXT.encode())
    return path


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "in" / NAME / NUMBER
    folder.mkdir(parents=True)
    planted(folder / f"{NUMBER}_{DATE}.dcm", screen(2, WRITING))
    file = io.BytesIO()
    Image.fromarray(screen(1, WRITING)[0]).save(file, "JPEG", quality=95, comment=TEXT.encode())
    size = {"Rows": 360, "Columns": 480, "NumberOfFrames": 1}
    planted(folder / f"{NAME}.dcm", [file.getvalue()], photometric="YBR_FULL", transfer_syntax=JPEG, attributes=size)
    (folder / f"{NAME}.txt").write_text(TEXT)
    return tmp_path / "in"


def traces_in(*said: object) -> list[bytes]:
    joined = "\n".join(map(str, said)).encode(errors="replace").lower()
    return [trace for trace in TRACES if trace in joined]


def traces_below(folder):
    """Plants in the names or bytes of files, text in pictures included."""
    found = []
    for path in folder.rglob("*"):
        found += traces_in(path.relative_to(folder))
        if path.is_file():
            found += [trace for trace in TRACES if trace in path.read_bytes().lower()]
        if path.suffix == ".png":
            found += traces_in(Image.open(path).info)
    return found


def test_the_plants_are_there(export):
    assert {trace for trace in TRACES if trace in traces_below(export)} >= set(TRACES[:4])


@pytest.mark.parametrize("options", [[], ["--keep-intervals"]])
def test_copies_hold_none_of_it(options, export, tmp_path, caplog, recwarn, capfd):
    caplog.set_level(logging.DEBUG)

    done = CliRunner().invoke(app, ["deidentify", str(export), str(tmp_path / "out"), *options])

    assert "2 copies, 1 files set aside" in done.output
    assert traces_below(tmp_path / "out") == []
    assert traces_in(done.output, caplog.text, *(w.message for w in recwarn), *capfd.readouterr()) == []
    for path in (tmp_path / "out").rglob("*.dcm"):
        for picture in read_frames(path).pixels:
            assert picture[written_pixels(WRITING)].max() < 16


def damaged(data, number):
    """One of several kinds of damage, the same each time."""
    generator = np.random.default_rng(number)
    changed = bytearray(data)
    if number % 3 == 0:
        return bytes(changed[: generator.integers(200, len(data) // 4)])
    for place in generator.integers(132, min(len(data), 60_000), 40):
        changed[place] = generator.integers(256)
    if number % 3 == 1:
        del changed[int(generator.integers(132, 5000)) : int(generator.integers(5000, 9000))]
    return bytes(changed)


def test_damaged_objects_are_refused_without_a_word_of_it(export, tmp_path, caplog, recwarn, capfd):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "damaged").mkdir()
    whole = max(export.rglob("*.dcm"), key=lambda path: path.stat().st_size).read_bytes()
    said = []
    for number in range(24):
        path = tmp_path / "damaged" / f"IM{number}"
        path.write_bytes(damaged(whole, number))
        try:
            read_frames(path).pixels[0]
        except UnreadableFrames as fault:
            said.append(fault)

    copies = deidentify(tmp_path / "damaged", tmp_path / "out")

    assert said
    assert copies.set_aside
    assert traces_below(tmp_path / "out") == []
    assert traces_in(*said, caplog.text, *(w.message for w in recwarn), *capfd.readouterr()) == []


def test_results_of_a_prediction_hold_none_of_it(export, tmp_path, caplog, recwarn, capfd):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "plain").mkdir()  # a table of results names its files: here they have names that say nothing
    for number, path in enumerate(sorted(export.rglob("*.dcm"))):
        data = path.read_bytes()  # nor its UIDs, by which it names objects
        (tmp_path / "plain" / f"IM{number}").write_bytes(data.replace(PLANTS["UI"].encode(), PLAIN_UID))
    (tmp_path / "plain" / "IM9").write_bytes(damaged((tmp_path / "plain" / "IM0").read_bytes(), 0))
    torch.save(BrightNetwork().state_dict(), tmp_path / "bright.pt")
    network = {"network_def": {"_target_": "bright_network.BrightNetwork"}, "weights": str(tmp_path / "bright.pt")}

    results = echocare.predict(
        "breast_lesion_segmentation", tmp_path / "plain", tmp_path / "out", settings={**network, "device": "cpu"}
    )

    assert results.rows
    assert traces_below(tmp_path / "out") == []
    assert traces_in(caplog.text, *(w.message for w in recwarn), *capfd.readouterr(), *results.rows) == []


def test_a_private_object_written_as_it_is_would_be_noticed(tmp_path):
    dataset = Dataset()
    dataset.PatientName = NAME
    write_dataset(tmp_path / "IM1", dataset, EXPLICIT)

    assert traces_below(tmp_path) == [b"zyxwald", b"quillon"]
