"""No cell of a CSV file that we write is a formula."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

import pandas as pd
import pytest
from ignite.engine import Engine
from monai.data import MetaTensor

from echocare_core.evaluation.handler import WriteEvaluation
from echocare_core.inventory.tables import _write_csv
from echocare_core.results.table.cells import cell, write_table
from echocare_core.results.table.parquet import write_parquet
from echocare_core.spreadsheet import path_cell, text_cell

SIGNS = ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_formula_becomes_a_text(sign: str) -> None:
    assert text_cell(f"{sign}1+1") == f"'{sign}1+1"
    assert path_cell(f"{sign}x.dcm") == f"./{sign}x.dcm"
    assert str(PurePosixPath(path_cell(f"{sign}x.dcm"))) == f"{sign}x.dcm"


@pytest.mark.parametrize("text", ["-2.5-1", "--1", "-2.5\n", "-2.5=1", "-", "+.", "-inf", "-1e", "\t5", "-\u0662"])
def test_what_only_begins_as_a_number_becomes_a_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


def test_where_there_is_no_path_the_cell_is_empty() -> None:
    assert path_cell("") == ""


@pytest.mark.parametrize("value", ["a=1", "1.2.840", "", "-2.5", "+3", "-.5", "-1e-05", -3.5, None, 7])
def test_any_other_value_stays_as_it_is(value: object) -> None:
    assert text_cell(value) is value


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_tables_of_an_inventory_hold_no_formula(tmp_path: Path) -> None:
    _write_csv(tmp_path / "t.csv", ["source", "scanner", "frames"], iter([("=x", "@SUM(1)", -1), ("a/b", "GE", None)]))

    assert cells(tmp_path / "t.csv")[1:] == [["./=x", "'@SUM(1)", "-1"], ["a/b", "GE", ""]]


def test_a_name_that_is_no_text_stands_in_parquet_as_in_csv(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", {"source": str, "score": float}, [{"source": "a\udcff", "score": None}])
    write_table(tmp_path / "t.csv", ["source"], [{"source": "a\udcff"}])

    assert pd.read_parquet(tmp_path / "t.parquet")["source"][0] == cells(tmp_path / "t.csv")[1][0] == "a\\udcff"


def test_an_evaluation_holds_no_formula(tmp_path: Path) -> None:
    (tmp_path / "w.pt").touch()
    score = lambda item: {"dice": 0.5, "label": "=1"}  # noqa: E731
    handler = WriteEvaluation(str(tmp_path), tmp_path / "w.pt", score, lambda rows: {})
    engine = Engine(lambda *_: None)
    image = MetaTensor([0.0], meta={"filename_or_obj": "/x/=y.png"})
    engine.state.batch, engine.state.output = [{"image": image, "group": "@g"}], [{"image": image}]

    handler.add_batch(engine)
    handler.report(engine)

    assert cells(tmp_path / "evaluation.csv")[1] == ["./=y.png", "'@g", "0.5", "'=1"]


def test_an_evaluation_names_images_as_results_do(tmp_path: Path) -> None:
    (tmp_path / "w.pt").touch()
    handler = WriteEvaluation(str(tmp_path), tmp_path / "w.pt", lambda item: {"dice": 0.5}, lambda rows: {})
    images = ["00000001/00000002", "=x", "a/b"]
    handler.rows = [{"image": image, "dice": 0.5} for image in images]
    handler.report(Engine(lambda *_: None))

    evaluated = [row[0] for row in cells(tmp_path / "evaluation.csv")[1:]]
    assert evaluated == [cell("image", image) for image in images] == ["00000001/00000002", "./=x", "a/b"]
