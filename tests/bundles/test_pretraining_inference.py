"""The pretraining bundle's inference: embeddings of frames, cines and studies, as its published weights gave them.

`python tests/bundles/test_pretraining_inference.py` writes the values of the demo's export anew: after new weights,
never after a change of code that should not change them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from lazy_device import lazy_device
from monai.bundle import ConfigParser
from small_network import needs_openvino
from typer.testing import CliRunner
from ultrasound_files import JPEG, marked, write_ultrasound

import echocare_core as echocare
from echocare_core.cli import app
from echocare_core.demo import EXPORT

BUNDLE = Path(__file__).parents[2] / "bundles" / "ultrasound_pretraining"
GOLDEN = Path(__file__).parent / "golden" / "ultrasound_pretraining.json"
CPU = {"device": "cpu", "precision": "float32"}
VALUES = [f"value_{number}" for number in range(0, 448, 32)]
SIMILARITIES = [f"nearest_{rank}_similarity" for rank in range(1, 6)]


def embeddings_of(folder: Path) -> pd.DataFrame:
    """Every embedding, with the organ and the region that results.csv names."""
    tables = [pd.read_csv(folder / f"{name}.csv") for name in ("embeddings", "results")]
    keys = ["source", "frame", "level", "study"]
    return tables[0].merge(tables[1][[*keys, "organ", "body_region"]], on=keys, validate="one_to_one")


def predict_demo(out: Path) -> list[dict[str, Any]]:
    """What is said of each frame, cine and study of the demo's export, and some numbers of its embedding."""
    echocare.predict(BUNDLE, EXPORT, out, settings=CPU)
    table = embeddings_of(out)
    kept = ["source", "frame", "level", "study", "organ", "body_region", "nearest_1", *SIMILARITIES, *VALUES]
    return json.loads(table[kept].to_json(orient="records"))


def test_the_demo_gives_the_embeddings_it_gave(tmp_path: Path) -> None:
    golden, found = (pd.DataFrame(rows) for rows in (json.loads(GOLDEN.read_text()), predict_demo(tmp_path / "out")))

    words = ["source", "frame", "level", "study", "organ", "body_region", "nearest_1"]
    pd.testing.assert_frame_equal(found[words], golden[words])
    np.testing.assert_allclose(found[SIMILARITIES + VALUES], golden[SIMILARITIES + VALUES], atol=2e-4)


def test_what_is_known_fits_the_network_and_says_whose_picture_it_is() -> None:
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "inference.json"))
    parser["bundle_root"] = str(BUNDLE)
    known, network = parser.get_parsed_content("known_images"), parser.get_parsed_content("network_def")

    assert known.vectors.shape == tuple(network.bank.shape)
    assert len(set(known.names)) == len(known.names)
    assert not [name for name in known.names if name.startswith("MMOTU")]  # its licence is not settled


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A study with a cine whose second frame is broken, and a still beside it."""
    folder = tmp_path / "export" / "ST1"
    folder.mkdir(parents=True)
    streams = [imagecodecs.jpeg8_encode(frame) for frame in marked(3, 96, 128)]
    write_ultrasound(
        folder / "CINE", [streams[0], streams[1][:60], streams[2]], photometric="YBR_FULL_422", transfer_syntax=JPEG,
        attributes={"Rows": 96, "Columns": 128},
    )  # fmt: skip
    write_ultrasound(folder / "STILL", marked(1, 96, 128))
    return tmp_path / "export"


def test_a_broken_frame_is_set_aside_and_counts_in_no_mean(export: Path, tmp_path: Path) -> None:
    results = echocare.predict(BUNDLE, export, tmp_path / "out", settings=CPU)

    table = embeddings_of(tmp_path / "out").set_index("level")
    assert [(aside.source, aside.frame) for aside in results.set_aside] == [("ST1/CINE", 1)]
    assert table.index.tolist() == ["frame", "frame", "cine", "frame", "study"]
    numbers = table.filter(like="value_").to_numpy()
    for whole, parts in ((2, [0, 1]), (4, [0, 1, 3])):
        mean = numbers[parts].mean(axis=0)
        np.testing.assert_allclose(numbers[whole], mean / np.linalg.norm(mean), atol=1e-5)


def test_all_in_one_batch_and_one_by_one_give_the_same(export: Path, tmp_path: Path) -> None:
    for size in (1, 16):
        echocare.predict(BUNDLE, export, tmp_path / f"{size}", settings={**CPU, "batch_size": size})

    one, many = (embeddings_of(tmp_path / f"{size}").filter(like="value_") for size in (1, 16))
    np.testing.assert_allclose(one, many, atol=1e-5)


def test_the_command_says_what_it_embedded_and_where_the_table_is(export: Path, tmp_path: Path) -> None:
    settings = [word for name in ("device=cpu", "engine=torch") for word in ("--set", name)]

    ran = CliRunner().invoke(app, ["predict", str(BUNDLE), str(export), str(tmp_path / "out"), *settings])

    assert ran.exit_code == 0, ran.output
    assert "3 frames, 1 cine and 1 study measured, 1 file or frame set aside." in ran.output
    assert "embeddings.csv" in ran.output


def test_parquet_is_an_option_of_the_bundle(export: Path, tmp_path: Path) -> None:
    echocare.predict(BUNDLE, export, tmp_path / "out", settings={**CPU, "table_format": "parquet"})

    table = pd.read_parquet(tmp_path / "out" / "embeddings.parquet")
    assert len(table) == 5
    np.testing.assert_allclose(np.linalg.norm(table.filter(like="value_"), axis=1), 1, atol=1e-5)
    assert "embeddings.parquet one row per" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_where_nothing_is_similar_enough_the_organ_is_unknown(export: Path, tmp_path: Path) -> None:
    results = echocare.predict(BUNDLE, export, tmp_path / "out", settings={**CPU, "smallest_similarity": 1.0})

    assert {row["organ"] for row in results} == {row["body_region"] for row in results} == {"unknown"}


@needs_openvino
def test_openvino_gives_the_same_embeddings(export: Path, tmp_path: Path) -> None:
    for engine in ("torch", "openvino"):
        settings = {**CPU, "engine": engine}
        echocare.predict(BUNDLE, export / "ST1" / "STILL", tmp_path / engine, settings=settings)

    torch, openvino = (embeddings_of(tmp_path / engine).filter(like="value_") for engine in ("torch", "openvino"))
    np.testing.assert_allclose(openvino, torch, atol=1e-4)


def test_embeddings_are_the_same_on_any_device(export: Path, tmp_path: Path) -> None:
    stand_in = {"network_def#_target_": "pooled_network.PooledNetwork"}
    for name in ("cpu", lazy_device().type):
        settings = {**CPU, **stand_in, "device": name}
        echocare.predict(BUNDLE, export / "ST1" / "STILL", tmp_path / name, settings=settings)

    cpu, lazy = (embeddings_of(tmp_path / name).filter(like="value_") for name in ("cpu", "lazy"))
    np.testing.assert_allclose(lazy, cpu, atol=1e-5)


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    import torch

    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch:
        GOLDEN.write_text(json.dumps(predict_demo(Path(scratch, "out")), indent=1) + "\n", encoding="utf-8")
