"""An evaluation as a whole: what it writes, subgroups, another model beside it, and what it refuses."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from labelled_results import (
    length_of,
    mask_of,
    scores_of,
    square,
    write_bundle,
    write_export,
    write_labels,
    write_mask,
    write_results,
)

from echocare_core.assessment.evaluate import evaluate
from echocare_core.assessment.results_folder import read_results
from echocare_core.cli import app
from echocare_core.errors import OutputError, TableError

NAMES = [f"IM{number:02}" for number in range(24)]
FILES = {
    name: {
        "PatientID": f"P{number // 2}",
        "ManufacturerModelName": ("Alpha", "Beta")[number % 2],
        "InstitutionName": "North",
        "PatientSex": "FM"[number % 3 == 0],
        "PatientAge": f"{20 + 3 * number:03}Y",
    }
    for number, name in enumerate(NAMES)
}
ERRORS = np.linspace(-2, 3, len(NAMES))
WRITTEN = [(name, 0, "frame", [length_of(50.0 + error)]) for name, error in zip(NAMES, ERRORS, strict=True)]
ROWS = [{"image": name, "length_mm": 50, "grade": number % 3} for number, name in enumerate(NAMES)]


def test_every_number_stands_in_the_json_with_its_interval(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    error = written["length_mm_error"]

    assert error["mean"] == pytest.approx(np.abs(ERRORS).mean(), abs=1e-3)
    assert error["low"] < error["mean"] < error["high"]
    assert (error["images"], error["groups"], error["unit"]) == (24, 12, "mm")
    assert written["further"]["length_mm"]["bias"]["mean"] == pytest.approx(0.5, abs=1e-3)
    assert written["cases"]["by"] == "image"


def test_a_row_for_each_case_says_what_it_is_and_how_it_did(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    rows = pd.read_csv(tmp_path / "out" / "evaluation.csv")

    assert rows["image"].tolist() == NAMES
    assert {"group", "device", "sex", "age", "length_mm_error"} <= set(rows)
    assert set(rows["age"]) <= {"18 to 39", "40 to 59", "60 to 79", "80 and over"}


def test_the_same_labels_give_the_same_numbers_again(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    before = (tmp_path / "out" / "evaluation.json").read_bytes()
    (tmp_path / "out" / "evaluation.key").unlink()  # other pseudonyms
    bundle, export, results = (tmp_path / name for name in ("bundle", "export", "results"))
    evaluate(bundle, export, tmp_path / "labels.csv", tmp_path / "out", results=results, overwrite=True, progress=False)

    assert (tmp_path / "out" / "evaluation.json").read_bytes() == before


def test_subgroups_come_from_headers_and_from_columns(run) -> None:
    found = run(FILES, WRITTEN, ROWS, subgroups=["grade"])
    parts = {part.name: part for part in found.subgroups[0].parts}

    assert set(parts) == {"device", "sex", "age", "grade"}
    assert [one.name for one in parts["device"].values] == ["Alpha", "Beta"]
    assert found.subgroups[0].unstated == {"centre": "North", "manufacturer": "not stated"}


def test_a_subgroup_that_is_too_small_says_so(run) -> None:
    found = run(
        FILES, WRITTEN, [{**row, "rare": "yes" if row["image"] == "IM00" else "no"} for row in ROWS], subgroups=["rare"]
    )
    rare = next(part for part in found.subgroups[0].parts if part.name == "rare")

    assert {one.name: bool(one.estimate.warning) for one in rare.values} == {"no": False, "yes": True}


def test_another_model_is_compared_on_the_cases_that_both_have(run, tmp_path: Path) -> None:
    other = [
        (name, 0, "frame", [length_of(50.0 + 4 * error)]) for name, error in zip(NAMES[2:], ERRORS[2:], strict=True)
    ]
    found = run(FILES, WRITTEN, ROWS, other=other)
    ((measure, comparison),) = found.compared.numbers

    assert measure.name == "length_mm_error"
    assert comparison.difference.estimate == pytest.approx(-3 * np.abs(ERRORS[2:]).mean(), abs=1e-2)
    assert comparison.first.images == 22
    assert len(comparison.only_first) == 2
    assert comparison.p < 0.05
    assert "comparison" in json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))


def test_models_without_a_common_output_are_not_compared(run) -> None:
    other = [(name, 0, "frame", [scores_of(0.3)]) for name in NAMES]
    rows = [{**row, "pathology": "benign"} for row in ROWS]
    with pytest.raises(TableError, match="score length_mm of this model and pathology of the other"):
        run(FILES, WRITTEN, rows, other=other)


def test_the_files_are_for_their_owner_alone(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}

    assert set(modes) == {
        *("checklist.md", "evaluation.csv", "evaluation.html", "evaluation.json", "evaluation.key", "not_joined.csv"),
    }
    assert set(modes.values()) == {0o600}


def test_the_checklist_is_filled_as_far_as_is_known(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    text = (tmp_path / "out" / "checklist.md").read_text(encoding="utf-8")

    assert "24 cases of 12 patients joined by path (image)" in text
    assert text.count("To be filled in by you.") > 10
    assert "## CLAIM 2024" in text
    assert "## TRIPOD+AI" in text


@pytest.mark.parametrize(("trained", "said"), [("a" * 64, True), ("b" * 64, False)])
def test_the_checklist_says_what_the_card_does_of_the_weights_that_were_evaluated_alone(
    run, tmp_path: Path, trained: str, said: bool
) -> None:
    card = {"sha256": trained, "licence": "CC BY 4.0", "data": "BUS-BRA", "origin": "Trained by somebody."}
    (tmp_path / "bundle" / "models").mkdir()
    (tmp_path / "bundle" / "models" / "model.json").write_text(json.dumps(card))
    run(FILES, WRITTEN, ROWS)
    text = (tmp_path / "out" / "checklist.md").read_text(encoding="utf-8")

    assert ["Apache" in text, *(words in text for words in ("CC BY 4.0", "BUS-BRA", "Trained by somebody."))] == [
        False, *[said] * 3
    ]  # fmt: skip


def test_an_earlier_evaluation_is_replaced_only_when_asked(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    with pytest.raises(OutputError, match="of an earlier evaluation"):
        evaluate(
            tmp_path / "bundle", tmp_path / "export", tmp_path / "labels.csv", tmp_path / "out",
            results=tmp_path / "results", progress=False,
        )  # fmt: skip


def test_wrong_labels_leave_nothing_behind(run, tmp_path: Path) -> None:
    with pytest.raises(TableError):
        run(FILES, WRITTEN, [{"image": "IM00", "length_mm": "?"}])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["evaluation.key"]


def test_results_of_another_bundle_are_refused(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a": {}})
    results = write_results(tmp_path / "results", export, [("a", 0, "frame", [length_of(1.0)])])
    bundle = write_bundle(tmp_path / "bundle")
    metadata = bundle / "configs" / "metadata.json"
    metadata.write_text(metadata.read_text().replace("made_up", "another"))
    labels = write_labels(tmp_path / "labels.csv", [{"image": "a", "length_mm": 1}])
    with pytest.raises(OutputError, match="holds results of made_up; needed those of another"):
        evaluate(bundle, export, labels, tmp_path / "out", results=results, progress=False)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a": {}})
    labels = write_labels(tmp_path / "labels.csv", [{"image": "a", "length_mm": 1}])
    with pytest.raises(OutputError, match=r"holds no results\.csv of a run"):
        evaluate(write_bundle(tmp_path / "bundle"), export, labels, tmp_path / "out", results=export, progress=False)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"?")], ids=["gone", "damaged"])
def test_a_mask_of_results_that_cannot_be_read_is_named(damage, run, tmp_path: Path) -> None:
    drawn = write_mask(tmp_path / "drawn.png", square())
    written = [("a", 0, "frame", [mask_of(square())])]
    rows = [{"image": "a", "mask": drawn}]
    run({"a": {}}, written, rows)
    (mask,) = (tmp_path / "results" / "masks").iterdir()
    damage(mask)
    with pytest.raises(OutputError, match=f"{mask.name} is gone or damaged"):
        evaluate(
            tmp_path / "bundle", tmp_path / "export", tmp_path / "labels.csv", tmp_path / "again",
            results=tmp_path / "results", progress=False,
        )  # fmt: skip


def test_a_damaged_origin_of_results_is_named(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a": {}})
    results = write_results(tmp_path / "results", export, [("a", 0, "frame", [length_of(1.0)])])
    (results / "origin.json").write_text("{")
    with pytest.raises(OutputError, match=r"origin\.json is damaged"):
        read_results(results)


def test_dicom_objects_of_results_are_no_texts_to_label(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a": {}})
    results = write_results(tmp_path / "results", export, [("a", 0, "frame", [length_of(1.0)])])
    table = results / "results.csv"
    pd.read_csv(table, dtype=str).assign(dicom_seg_file="dicom/a_seg.dcm").to_csv(table, index=False)
    labels = write_labels(tmp_path / "labels.csv", [{"image": "a", "dicom_seg": "lesion"}])
    with pytest.raises(TableError, match=r"needed one of length_mm\. "):
        evaluate(write_bundle(tmp_path / "bundle"), export, labels, tmp_path / "out", results=results, progress=False)


def test_results_that_stand_there_are_not_taken_for_those_of_other_settings(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a": {}})
    results = write_results(tmp_path / "out" / "results", export, [("a", 0, "frame", [length_of(1.0)])])
    labels = write_labels(tmp_path / "labels.csv", [{"image": "a", "length_mm": 1}])
    origin = {"settings_that_differ": {"smallest": {"here": 5, "bundle": 1}}}
    (results / "origin.json").write_text(json.dumps(origin))
    bundle, out = write_bundle(tmp_path / "bundle"), tmp_path / "out"
    (bundle / "configs" / "inference.json").write_text(json.dumps({"smallest": 1, "batch_size": 4}))

    with pytest.raises(OutputError, match="not made with smallest as --set says"):
        evaluate(bundle, export, labels, out, settings={"smallest": 7}, progress=False)
    evaluate(bundle, export, labels, out, settings={"smallest": 5, "batch_size": 4, "engine": "torch"}, progress=False)


def test_the_command_says_the_numbers_and_the_files(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    export = write_export(tmp_path / "export", FILES)
    written = [(name, 0, "frame", [scores_of(number / 30)]) for number, name in enumerate(NAMES)]
    results = write_results(tmp_path / "results", export, written)
    rows = [{"image": name, "Histology": "malignant" if number > 10 else "benign"} for number, name in enumerate(NAMES)]
    labels = write_labels(tmp_path / "labels.csv", rows)
    words = [write_bundle(tmp_path / "bundle"), export, tmp_path / "out", "--labels", labels, "--results", results]
    done = CliRunner().invoke(app, ["evaluate", *map(str, words), "--column", "pathology=Histology"])

    assert done.exit_code == 0, done.output
    assert "24 cases joined by path (image)." in done.output
    assert "pathology_auc: 1.0000" in done.output
    assert "evaluation.html" in done.output


def test_a_table_whose_name_is_no_text_is_named_nevertheless(run, tmp_path: Path) -> None:
    run(FILES, WRITTEN, ROWS)
    table = tmp_path / os.fsdecode(b"l\xe4bels.csv")
    (tmp_path / "labels.csv").rename(table)
    evaluate(tmp_path / "bundle", tmp_path / "export", table, tmp_path / "again", results=tmp_path / "results")

    for name in ("checklist.md", "evaluation.html"):
        assert "l\\udce4bels.csv" in (tmp_path / "again" / name).read_text(encoding="utf-8")


def test_results_of_a_quantised_network_are_taken_where_it_is_named_again(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", {"a": {}})
    results = write_results(tmp_path / "out" / "results", export, [("a", 0, "frame", [length_of(1.0)])])
    labels = write_labels(tmp_path / "labels.csv", [{"image": "a", "length_mm": 1}])
    differs = {"engine_file": {"here": "int8.xml", "bundle": None}}
    (results / "origin.json").write_text(json.dumps({"weights_sha256": "of int8.xml", "settings_that_differ": differs}))
    bundle, out = write_bundle(tmp_path / "bundle"), tmp_path / "out"
    (bundle / "configs" / "inference.json").write_text(json.dumps({"engine_file": None}))
    given = {"engine_file": "int8.xml"}

    with pytest.raises(OutputError, match="results of other weights"):
        evaluate(bundle, export, labels, out, progress=False)
    assert evaluate(bundle, export, labels, out, settings=given, progress=False).numbers
