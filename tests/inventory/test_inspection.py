"""An inventory is taken once, goes on where it was stopped, and names nobody."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile

import pytest
from inventory_tables import table_of
from ultrasound_files import write_ultrasound

from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.inventory import inspection, record
from echocare_core.inventory.inspection import inspect_export

PDF, SR, CT = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def reads(monkeypatch):
    """Names of the files whose headers are read, as they are read."""
    seen = []

    read_record = record.read_record

    def noted(path, key):
        seen.append(path.name)
        return read_record(path, key)

    monkeypatch.setattr(record, "read_record", noted)
    return seen


def reasons(summary):
    return {one["reason"]: one["files"] for one in summary["set_aside"]["reasons"]}


def test_a_mixed_folder_is_sorted_by_content_not_by_name(add, export):
    add("IM1", frames=3, FrameTime=40, BurnedInAnnotation="NO")
    add("deep/down/scan.pdf", study="2", ManufacturerModelName="LOGIQ E9")
    add("sr.dcm", SOPClassUID=SR, Modality="SR")
    add("doc.dcm", SOPClassUID=PDF, Modality="DOC")
    add("slice.dcm", study="3", SOPClassUID=CT, Modality="CT")
    write_ultrasound(export / "header_only", None, attributes={"Rows": 24, "Columns": 32})
    (export / "report.pdf").write_bytes(b"%PDF-1.7")
    (export / "empty.dcm").touch()

    summary = inspect_export(export)

    assert (summary["files"], summary["dicom_objects"], summary["studies"], summary["series"]) == (8, 6, 3, 3)
    usable = summary["usable"]
    assert (usable["stills"], usable["cines"], usable["timed_cines"], usable["frames"]) == (1, 1, 1, 4)
    assert summary["modalities"] == {"US": 3, "CT": 1, "DOC": 1, "SR": 1}
    assert summary["scanners"] == {"LOGIQ E9": 1, "not stated": 1}
    assert summary["burned_in_annotation"] == {"NO": 1, "not stated": 1}
    found = " ".join(reasons(summary))
    for words in (
        "CT Image Storage",
        "SR",
        "Encapsulated PDF",
        "no pixel data",
        "a PDF document",
        "is empty (0 bytes)",
    ):
        assert words in found


def test_the_second_run_reads_nothing_again(add, export, rows, reads):
    for number in range(4):
        add(f"f{number}", "P", grey=10 + number)
    assert rows() == rows()
    assert len(reads) == 4


def test_only_new_and_changed_files_are_read_and_gone_ones_forgotten(add, export, rows, reads):
    for name in ("a", "b", "c"):
        add(name, "P", grey=ord(name))
    rows()
    reads.clear()
    (export / "a").unlink()
    add("b", "P", grey=50, frames=2)
    add("d", "P", grey=51)
    found = rows()
    assert sorted(reads) == ["b", "d"]
    assert {name: row["frames"] for name, row in found.items()} == {"b": "2", "c": "1", "d": "1"}


def test_a_run_that_was_stopped_goes_on(add, export, rows, reads, monkeypatch):
    for number in range(6):
        add(f"f{number}", "P", grey=10 + number)
    noted = record.read_record

    def stopped(path, key):
        if path.name == "f4":
            raise KeyboardInterrupt
        return noted(path, key)

    monkeypatch.setattr(inspection, "BATCH", 2)
    monkeypatch.setattr(record, "read_record", stopped)
    with pytest.raises(KeyboardInterrupt):
        rows()
    monkeypatch.setattr(record, "read_record", noted)
    assert len(rows()) == 6
    assert reads == ["f0", "f1", "f2", "f3", "f4", "f5"]


def test_files_are_read_again_after_an_update_of_the_readers(add, export, rows, reads, monkeypatch):
    add("a", "P")
    rows()
    monkeypatch.setattr("echocare_core.inventory.store._readers", lambda: "newer")
    rows()
    assert reads == ["a", "a"]


def test_files_are_read_again_once_a_package_that_some_need_is_installed(add, export, rows, reads, monkeypatch):
    add("a", "P")
    with monkeypatch.context() as without:
        without.setattr("echocare_core.inventory.store.EXTRAS", ("not_installed",))
        rows()
    monkeypatch.setattr("echocare_core.inventory.store.EXTRAS", ("json",))
    rows()
    rows()
    assert reads == ["a", "a"]


def test_nothing_is_kept_where_no_folder_is_given(add, export, tmp_path):
    add("a", "P")
    before = sorted(tmp_path.rglob("*"))
    inspect_export(export)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_inventory_may_stand_inside_the_export(add, export):
    add("a", "P")
    for _ in range(2):
        summary = inspect_export(export, export / "inventory")
    assert summary["usable"]["files"] == 1
    assert "holds an inventory, not images." in reasons(summary)


def test_one_file_is_an_export_of_one(add, export):
    add("a", "P")
    path = add("b", "P", grey=11)
    assert inspect_export(path)["files"] == 1


def test_a_file_whose_name_is_no_utf8_is_set_aside(add, export):
    add("a", "P")
    try:
        os.rename(export / "a", os.fsencode(export) + b"/\xff\xfe")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    assert next(iter(reasons(inspect_export(export)))).startswith("has a name that is not UTF-8")


@pytest.mark.parametrize("target", ["gone", "."])
def test_links_that_lead_nowhere_or_round_do_no_harm(add, export, target):
    add("a", "P")
    os.symlink(export / target, export / "link")
    assert inspect_export(export)["usable"]["files"] == 1


def test_an_empty_folder_has_nothing_and_says_so(export):
    summary = inspect_export(export)
    assert (summary["files"], summary["usable"]["files"], summary["splits"]) == (0, 0, {})


def test_an_inventory_in_the_export_itself_is_refused_before_anything_is_written(add, export):
    add("a", "P")
    with pytest.raises(OutputError, match="would share a folder"):
        inspect_export(export, export)
    assert [path.name for path in export.iterdir()] == ["a"]


def test_a_missing_export_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="gone does not exist"):
        inspect_export(tmp_path / "gone")


def test_no_process_is_refused(export):
    with pytest.raises(SettingsError, match="needed 1 or more"):
        inspect_export(export, processes=0)


def test_the_inventory_of_another_export_is_refused(add, export, rows, tmp_path):
    add("a", "P")
    rows()
    (tmp_path / "other").mkdir()
    with pytest.raises(OutputError, match="the inventory of another export"):
        inspect_export(tmp_path / "other", tmp_path / "out")


def test_a_table_that_somebody_filled_in_is_not_replaced(add, export, rows, tmp_path):
    add("a", "P")
    rows()
    table = tmp_path / "out" / "table.csv"
    table.write_text(table.read_text().replace(",train,", ",test,"))
    table.write_text(table.read_text() + "\n")
    with pytest.raises(OutputError, match="was edited"):
        rows()


def test_a_damaged_store_is_refused_in_one_sentence(add, export, rows, tmp_path):
    add("a", "P")
    rows()
    (tmp_path / "out" / "inventory.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(OutputError, match="cannot be used"):
        rows()


def test_an_inventory_without_its_key_is_refused(add, export, rows, tmp_path):
    add("a", "P")
    rows()
    (tmp_path / "out" / "inventory.key").unlink()
    with pytest.raises(OutputError, match=r"inventory\.key is missing"):
        rows()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_what_names_files_is_for_its_owner_alone_under_any_umask(umask, add, rows, tmp_path):
    add("Doe^Jane/a", "P")
    former = os.umask(umask)
    try:
        rows(parquet=True)
    finally:
        os.umask(former)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == {"summary.json"}


def test_the_key_is_for_its_owner_alone_and_makes_the_pseudonyms(add, export, rows, tmp_path):
    add("a", "P")
    first = rows()["a"]["group"]
    key = tmp_path / "out" / "inventory.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    kept = key.read_bytes()
    shutil.rmtree(tmp_path / "out")
    assert rows()["a"]["group"] != first
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").mkdir()
    key.write_bytes(kept)
    assert rows()["a"]["group"] == first


def test_who_it_is_occurs_nowhere(export, tmp_path, capfd):
    """Names, ids and dates are planted in every object; paths of an export are its own, so none is planted there."""
    planted = {
        "PatientName": "Quagmire^Zebulon",
        "PatientID": "ID-9137-X",
        "IssuerOfPatientID": "KLINIKUM-OST",
        "PatientBirthDate": "19310207",
        "AccessionNumber": "ACC-5521",
        "StudyInstanceUID": "1.2.826.0.1.777.1",
        "SeriesInstanceUID": "1.2.826.0.1.777.2",
        "SOPInstanceUID": "1.2.826.0.1.777.3",
        "StudyDate": "20190311",
        "InstitutionName": "Klinikum Ost",
        "ReferringPhysicianName": "Oxblood^Vera",
    }
    write_ultrasound(export / "a", bytes([1, 20, 40, 80]) * 576, attributes={**planted, "Rows": 24, "Columns": 32})
    write_ultrasound(export / "b", None, attributes={**planted, "SOPClassUID": SR, "Modality": "SR"})
    whole = write_ultrasound(
        export / "c", bytes([2, 20, 40, 80]) * 576, attributes={**planted, "Rows": 24, "Columns": 32}
    ).read_bytes()
    (export / "d").write_bytes(whole[:-100])
    (export / "e").write_bytes(whole[:400])
    (export / "f").write_text("Quagmire^Zebulon;ID-9137-X")
    command = "from echocare_core.cli import main; main()"
    out = tmp_path / "out"
    for form in (["--json"], []):
        arguments = ["inspect", str(export), "--out", str(out), "--pixels", "--processes", "1", *form]
        subprocess.run([sys.executable, "-c", command, *arguments], check=True)
    shown = "".join(capfd.readouterr()).encode()
    written = b"".join(path.read_bytes() for path in out.iterdir())
    names = " ".join(path.name for path in out.iterdir()).encode()
    said = (shown + written + names).lower()
    assert b"us" in said
    words = [*planted.values(), "Quagmire", "Zebulon", "Oxblood", "9137", "1.2.826.0.1.777"]
    assert [word for word in words if word.lower().encode() in said] == []
    assert len(table_of(out / "table.csv")) >= 2


def test_the_summary_is_plain_json_and_is_kept(add, export, rows, tmp_path):
    add("a", "P")
    summary = inspect_export(export, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary == json.loads(json.dumps(summary))


def test_two_runs_at_once_do_not_mix(add, export, rows, tmp_path):
    add("a", "P")
    rows()
    other = sqlite3.connect(tmp_path / "out" / "inventory.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(OutputError, match="in use by another run"):
            rows()
    finally:
        other.close()


def test_an_inventory_that_nobody_keeps_has_no_file_that_a_kill_could_leave(add, export, monkeypatch, tmp_path):
    add("a", "P")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temporary"))
    there = []
    summarise = inspection.summarise
    monkeypatch.setattr(
        inspection,
        "summarise",
        lambda *given: there.extend((tmp_path / "temporary").iterdir()) or summarise(*given),
    )
    assert inspect_export(export)["files"] == 1
    assert there == []


def test_a_full_disk_is_said(add, export, tmp_path, monkeypatch):
    add("a", "P")

    def fail(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(inspection, "find_groups", fail)
    with pytest.raises(OutputError, match=r"inventory\.sqlite has no room on its disk; free some space"):
        inspect_export(export, tmp_path / "out")


def test_several_inputs_have_one_inventory(add, export, tmp_path):
    for number, name in enumerate(("A/a", "B/b", "C/c")):
        add(name, "P1", grey=10 + number)
    inspect_export([export / "B", str(export / "A" / "*")], tmp_path / "out")
    assert set(table_of(tmp_path / "out" / "table.csv")) == {"a", "b"}
