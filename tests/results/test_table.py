from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from echocare_core.errors import BundleError
from echocare_core.results.table import complete_rows, evidence_of, row_of, write_results_csv, write_set_aside_csv
from echocare_core.results.table.place import Place
from echocare_core.types import BundleCard, ClassActivation, Measurement, SetAside


@pytest.fixture
def written(tmp_path: Path, card: BundleCard, frame_of):
    """Writes frames to a table and reads it again with pandas."""

    def write_and_read(*predictions) -> pd.DataFrame:
        rows = [{**row_of(item, card, Place(tmp_path, "m")), "overlay": "overlays/o.png"} for item in predictions]
        write_results_csv(tmp_path, complete_rows(rows))
        return pd.read_csv(tmp_path / "results.csv")

    return write_and_read


def test_the_numbers_come_back(written, frame_of):
    table = written(frame_of(frame=7, frame_time_ms=33.3667, spacing_mm=(0.0529167, 0.1)))
    row = table.iloc[0]
    assert (row.source, row.frame, row.weights_sha256) == ("STUDY1/IM0001", 7, "ab" * 32)
    assert row.frame_time_ms == pytest.approx(33.3667, abs=1e-3)
    assert row.long_axis_mm == pytest.approx(12.34567, abs=1e-3)
    assert row.spacing_row_mm == pytest.approx(0.0529167, abs=1e-6)
    assert row.spacing_column_mm == 0.1


def test_the_columns_stand_in_the_documented_order(written, frame_of):
    assert ",".join(written(frame_of())) == (
        "bundle,source,frame,frame_time_ms,lesion_area_mm2,long_axis_mm"
        ",spacing_row_mm,spacing_column_mm,mask,overlay,weights_sha256"
    )


def test_notes_of_a_file_stand_in_a_column_where_there_are_any(written, frame_of):
    table = written(frame_of(notes=("One is so.", "Another is not.")), frame_of(frame=1))
    assert table.notes.tolist()[0] == "One is so. Another is not."
    assert table.notes.isna().tolist() == [False, True]
    assert ",".join(table.columns).endswith("spacing_column_mm,notes,mask,overlay,weights_sha256")


def test_a_measurement_that_a_frame_lacks_is_blank(written, frame_of):
    table = written(frame_of(), frame_of(frame=1, outputs=(Measurement("long_axis", 50, "px"),), spacing_mm=None))
    assert table.long_axis_px.isna().tolist() == [True, False]
    assert table.long_axis_mm.isna().tolist() == [False, True]
    assert table.spacing_row_mm.isna().tolist() == [False, True]


def test_a_number_that_is_not_finite_is_blank(written, frame_of):
    measurements = (Measurement("long_axis", float("nan"), "mm"), Measurement("area", float("inf"), "mm2"))
    assert written(frame_of(outputs=measurements))[["long_axis_mm", "area_mm2"]].isna().all(axis=None)


def test_a_count_is_a_whole_number(written, frame_of):
    assert written(frame_of(outputs=(Measurement("lesions", 2.0, "count"),))).lesions_count.dtype == int


@pytest.mark.parametrize("source", ["=HYPERLINK(1)", "+1", "-a.dcm", "@SUM(A1)", "00000001", "2024-01-02", "1e5"])
def test_a_source_that_excel_would_calculate_is_a_path_instead(written, frame_of, source: str):
    read = written(frame_of(source)).source[0]
    assert read == f"./{source}"
    assert str(PurePosixPath(read)) == source


@pytest.mark.parametrize("source", ['a,"b"\nc.dcm', "été/心.dcm", "US/case001.png"])
def test_any_other_source_is_kept(written, frame_of, source: str):
    assert written(frame_of(source)).source[0] == source


def test_a_reason_that_excel_would_calculate_is_text(tmp_path: Path):
    write_set_aside_csv(tmp_path / "set_aside.csv", [SetAside("a.dcm", "=1+1", 4)])
    assert pd.read_csv(tmp_path / "set_aside.csv").values.tolist() == [["a.dcm", 4, "'=1+1"]]


def test_what_was_set_aside_joins_the_table_that_names_it(tmp_path: Path):
    aside = [SetAside("a.dcm", "bad", image="../a.dcm"), SetAside("b.dcm", "bad", 2, "..\\b.dcm")]
    write_set_aside_csv(tmp_path / "set_aside.csv", aside)
    rows = pd.read_csv(tmp_path / "set_aside.csv")
    assert list(rows) == ["source", "frame", "image", "reason"]
    assert rows.image.tolist() == ["../a.dcm", "..\\b.dcm"]


def test_excel_is_told_that_the_table_is_utf8(tmp_path: Path):
    write_set_aside_csv(tmp_path / "set_aside.csv", [])
    assert (tmp_path / "set_aside.csv").read_bytes().startswith(b"\xef\xbb\xbfsource,frame,reason")


def test_a_name_that_is_no_text_is_written_readably(tmp_path: Path):
    write_set_aside_csv(tmp_path / "set_aside.csv", [SetAside("bad\udcff.dcm", "unreadable")])
    assert "bad\\udcff.dcm" in (tmp_path / "set_aside.csv").read_text("utf-8-sig")


def test_two_measurements_in_one_column_are_refused(tmp_path: Path, card: BundleCard, frame_of):
    twice = replace(frame_of(), outputs=(Measurement("area", 1, "mm2"), Measurement("area", 2, "mm2")))
    with pytest.raises(BundleError, match="area_mm2"):
        row_of(twice, card, Place(tmp_path, "m"))


def test_a_class_activation_map_comes_back_from_its_picture(tmp_path: Path, card: BundleCard, frame_of):
    evidence = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)
    evidence[:10] = np.nan
    row = row_of(frame_of(outputs=(ClassActivation("pathology", "malignant", evidence),)), card, Place(tmp_path, "m"))
    with Image.open(tmp_path / str(row["pathology_activation_file"])) as picture:
        found = evidence_of(np.asarray(picture))
    wanted = np.maximum(evidence, 0) / np.nanmax(evidence)
    np.testing.assert_allclose(found, wanted, atol=0.5 / 254 + 1e-6)
