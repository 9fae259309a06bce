"""Embeddings in the results: a table of numbers, CSV or Parquet, and a card with the nearest known images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from echocare_core import optional
from echocare_core.errors import BundleError, OutputError, SettingsError
from echocare_core.results import ResultsWriter
from echocare_core.results.table.parquet import ROWS_AT_ONCE, write_parquet
from echocare_core.types import BundleCard, Embedding, KnownImage, Points, Prediction

LIVER = (KnownImage("AUL benign_1", "liver", 0.91), KnownImage("AUL normal_7", "gall_bladder", 0.8))


def embedding_of(seed: int, nearest: tuple[KnownImage, ...] = LIVER, size: int = 6) -> Embedding:
    vector = np.random.default_rng(seed).normal(size=size)
    return Embedding("embedding", (vector / np.linalg.norm(vector)).astype(np.float32), nearest)


@pytest.fixture
def predictions(frame_of) -> list[Prediction]:
    """Two frames of a cine, the cine, and its study."""
    frames = [frame_of("ST1/CINE", frame, outputs=(embedding_of(frame),), study=1) for frame in range(2)]
    cine = frame_of("ST1/CINE", None, outputs=(embedding_of(2),), level="cine", study=1)
    return [*frames, cine, frame_of("ST1", None, outputs=(embedding_of(3),), level="study", study=1)]


def write(folder: Path, card: BundleCard, predictions: list[Prediction], **settings: str):
    with ResultsWriter(folder, card, **settings) as writer:
        for prediction in predictions:
            writer.add(prediction)
        return writer.finish()


READ = {"csv": pd.read_csv, "parquet": pd.read_parquet}


@pytest.mark.parametrize("form", READ)
def test_frames_cines_and_studies_have_a_row_each_with_their_numbers(form, tmp_path, card, predictions) -> None:
    results = write(tmp_path / "out", card, predictions, table_format=form)

    table = READ[form](tmp_path / "out" / f"embeddings.{form}")
    assert results.tables == (f"embeddings.{form}",)
    assert list(table.columns[:8]) == [
        *("bundle", "source", "frame", "level", "study", "embedding", "nearest_1", "nearest_1_shows")
    ]
    assert table["level"].tolist() == ["frame", "frame", "cine", "study"]
    assert table["frame"].isna().tolist() == [False, False, True, True]
    assert table["nearest_2"].tolist() == ["AUL normal_7"] * 4
    numbers = table[[f"value_{number}" for number in range(6)]].to_numpy()
    wanted = np.stack([prediction.outputs[0].vector for prediction in predictions])
    np.testing.assert_allclose(numbers, wanted, atol=0 if form == "parquet" else 5.1e-7)


def test_results_csv_names_the_nearest_known_image(tmp_path, card, predictions) -> None:
    row = write(tmp_path / "out", card, predictions).rows[0]

    assert (row["embedding_nearest"], row["embedding_nearest_shows"]) == ("AUL benign_1", "liver")
    assert row["embedding_nearest_similarity"] == pytest.approx(0.91)


def test_the_page_shows_the_nearest_images_with_their_similarity(tmp_path, card, frame_of) -> None:
    write(tmp_path / "out", card, [frame_of(outputs=(embedding_of(0),))])

    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<span class="wraps">AUL benign_1</span></th><td>liver</td><td>0.91</td>' in page
    assert '<span class="wraps">AUL normal_7</span></th><td>gall bladder</td><td>0.80</td>' in page
    assert "embeddings.csv one row per frame, cine or study" in page


def test_of_several_frames_the_page_shows_what_is_nearest_most_often(tmp_path, card, frame_of) -> None:
    other = (KnownImage("BUSI <1>", "breast", 0.5),)
    nearest = [(LIVER[0],), other, (LIVER[0],)]
    frames = [frame_of("CINE", number, outputs=(embedding_of(number, one),)) for number, one in enumerate(nearest)]

    write(tmp_path / "out", card, frames)

    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.index("<td>2 of 3</td><td>0.91</td>") < page.index("BUSI &lt;1&gt;")
    assert "<td>1 of 3</td><td>0.50</td>" in page


def test_a_run_in_the_other_format_leaves_no_table_of_the_former_one(tmp_path, card, predictions) -> None:
    write(tmp_path / "out", card, predictions, table_format="parquet")
    write(tmp_path / "out", card, predictions, overwrite=True)

    assert sorted(path.name for path in (tmp_path / "out").glob("embeddings.*")) == ["embeddings.csv"]


def test_a_long_table_is_written_whole(tmp_path) -> None:
    rows = [{"source": f"{number}", "frame": None, "value_0": number / 7} for number in range(2 * ROWS_AT_ONCE + 1)]
    write_parquet(tmp_path / "t.parquet", {"source": str, "frame": int, "value_0": float}, rows)

    table = pd.read_parquet(tmp_path / "t.parquet")
    assert table["source"].tolist() == [row["source"] for row in rows]
    np.testing.assert_allclose(table["value_0"], [row["value_0"] for row in rows], rtol=1e-6)


def test_numbers_after_a_thousand_blanks_stay_whole(tmp_path, card, frame_of) -> None:
    positions = np.vstack([np.full((1100, 2), np.nan), [[1.5, 2.25]]])
    points = Points(positions, tuple(f"point_{number}" for number in range(1101)))

    write(tmp_path / "out", card, [frame_of(outputs=(points,), image=None)], table_format="parquet")

    table = pd.read_parquet(tmp_path / "out" / "points.parquet")
    assert table.iloc[-1][["point", "row_px", "column_px"]].tolist() == ["point_1100", 1.5, 2.25]
    assert table["row_px"].isna().sum() == 1100
    assert table["frame"].dtype == np.int32


@pytest.mark.parametrize(
    ("vector", "fault"),
    [
        (np.zeros(3, np.float32), "embedding of length 0; needed 1"),
        (np.full(3, np.nan, np.float32), "embedding of length nan; needed 1"),
        (np.eye(2, dtype=np.float32), r"embedding float32 \(2, 2\); needed float32 \(numbers,\)"),
        (np.array([1.0]), r"embedding float64 \(1,\)"),
    ],
)
def test_a_vector_that_is_no_embedding_is_refused(vector, fault, tmp_path, card, frame_of) -> None:
    with pytest.raises(BundleError, match=f"gave wrong Embedding: {fault}"):
        write(tmp_path / "out", card, [frame_of(outputs=(Embedding("embedding", vector),))])

    assert not (tmp_path / "out").exists()


def test_embeddings_of_two_sizes_are_refused(tmp_path, card, frame_of) -> None:
    frames = [frame_of(frame=size, outputs=(embedding_of(0, size=size),)) for size in (6, 7)]

    with pytest.raises(BundleError, match=r"6 numbers with 2 known images and 7 numbers"):
        write(tmp_path / "out", card, frames)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path, card) -> None:
    with pytest.raises(SettingsError, match="Unknown table format 'xlsx'; needed one of csv, parquet"):
        ResultsWriter(tmp_path / "out", card, table_format="xlsx")

    assert not (tmp_path / "out").exists()


def test_parquet_without_pyarrow_is_told_before_anything_is_written(tmp_path, card, monkeypatch) -> None:
    monkeypatch.setattr(optional, "is_installed", lambda module: module != "pyarrow")

    with pytest.raises(OutputError, match=r"Parquet needs pyarrow, not installed here. Run pip install"):
        ResultsWriter(tmp_path / "out", card, table_format="parquet")

    assert not (tmp_path / "out").exists()
