"""The table of an inventory is one that bundles train and predict from."""

import os

import numpy as np
import pytest
from monai.transforms import Compose
from PIL import Image
from ultrasound_files import marked

from echocare_core.errors import OutputError, TableError
from echocare_core.frames.manifest import read_table
from echocare_core.inventory.inspection import inspect_export
from echocare_core.transforms import ExportDataset, LoadMaskd, LoadUltrasoundd


@pytest.fixture
def table(add, rows, tmp_path):
    """The table of a cine of three frames and a still, all in train."""
    add("A/cine", "P1", frames=3, grey=20)
    add("B/still", "P2", study="2", grey=30)
    rows(split=(1, 0, 0))
    return tmp_path / "out" / "table.csv"


def value_of(item):
    """The grey of a picture beside its mark, which is 10 less than `grey` plus its number."""
    return round(float(item["image"][0, -1, 0]))


def test_its_rows_are_found_from_where_it_stands(table):
    items = read_table(table.parent, "train", masks=False)
    assert [os.path.basename(item["image"]) for item in items] == ["cine", "still"]
    assert [value_of(LoadUltrasoundd("image")(item)) for item in items] == [20, 30]


def test_everything_in_it_can_be_predicted_from(table):
    for source in (table, table.parent, str(table)):
        dataset = ExportDataset(source, LoadUltrasoundd("image"))
        assert dataset.number_of_frames == 4
        assert [value_of(item) for item in dataset] == [20, 21, 22, 30]
        assert [dataset.export.source_of(one) for one in dataset.export.files] == ["A/cine", "B/still"]


def test_one_frame_with_its_mask_can_be_trained_on(table):
    mask = np.zeros((24, 32), dtype=np.uint8)
    mask[:4, -6:] = 1
    Image.fromarray(mask).save(table.parent / "mask.png")
    filled = table.read_text().replace("A/cine,,,", "A/cine,mask.png,2,")
    (table.parent / "filled.csv").write_text(filled)
    (item,) = read_table(table.parent / "filled.csv", "train")
    loaded = Compose([LoadUltrasoundd("image"), LoadMaskd("label", "image", 2)])(item)
    assert value_of(loaded) == 22
    np.testing.assert_array_equal(loaded["image"][0, :4, -6:], marked()[0, :4, -6:, 0] + 10)
    assert loaded["label"].sum() == 24


def test_parquet_has_the_same_rows(add, export, tmp_path, table):
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    inspect_export(export, table.parent, split=(1, 0, 0), parquet=True)
    parquet = table.with_suffix(".parquet")
    columns = ["frames", "scanner", "study", "uid_conflict"]
    found, expected = (read_table(path, "train", masks=False, columns=columns) for path in (parquet, table))
    assert str(found) == str(expected)  # nan is not equal to nan
    assert ExportDataset(parquet, LoadUltrasoundd("image")).number_of_frames == 4


def test_parquet_without_its_library_is_refused(export, table, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(OutputError, match=r"pip install .echocare\[parquet\]"):
        inspect_export(export, table.parent, parquet=True)
    (table.parent / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(TableError, match=r"pip install .echocare\[parquet\]"):
        read_table(table.parent / "table.parquet", "train")


def test_a_file_name_with_a_comma_or_a_line_break_stays_one_cell(add, rows, tmp_path):
    add('a,"b"\nc', "P1")
    rows(split=(1, 0, 0))
    (item,) = read_table(tmp_path / "out", "train", masks=False)
    assert LoadUltrasoundd("image")(item)["image"].shape == (3, 24, 32)
