"""Simulated patients become a table to train on, and cines with labels, that every reader of this package takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import echocare_core as echocare
from echocare_core.frames.manifest import read_table
from echocare_core.phantom import draw_ventricle
from echocare_core.phantom.write import write_cine, write_cines, write_training_frames
from echocare_core.transforms.mask import read_mask


def test_a_folder_to_train_on_is_a_table_of_pictures_and_masks(tmp_path: Path) -> None:
    write_training_frames(tmp_path / "made", {"train": 2, "val": 1}, frames=2, seed=7)
    rows = read_table(tmp_path / "made", "train")

    assert len(rows) == 4
    assert len({row["group"] for row in rows}) == 2
    for row in rows:
        frames = echocare.read_frames(Path(str(row["image"])))
        assert set(np.unique(read_mask(row["mask"], frames.size, 2, None, 0))) == {0, 1}
    assert len(read_table(tmp_path / "made", "val")) == 2


def test_cines_to_measure_with_have_their_scale_and_their_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("itk", reason="reads MetaImage, an extra")
    monkeypatch.setattr("echocare_core.phantom.write.FRAMES", 5)
    given = draw_ventricle(np.random.default_rng(5))
    write_cines(tmp_path / "cines", [given, None], seed=8)
    labels = pd.read_csv(tmp_path / "cines" / "labels.csv")
    frames = echocare.read_frames(tmp_path / "cines" / labels["image"][0])

    assert labels["ejection_fraction_percent"][0] == pytest.approx(given.ejection_fraction_percent)
    assert labels["end_diastolic_volume_ml"][0] == pytest.approx(given.volume_ml(0))
    assert len(frames) == 5
    assert frames.spacing_mm is not None
    assert frames.spacing_mm[0] == frames.spacing_mm[1]
    assert np.asarray(frames.pixels[3]).max() > 30


def test_frames_are_stored_as_they_were_simulated(tmp_path: Path) -> None:
    pytest.importorskip("itk", reason="reads MetaImage, an extra")
    from echocare_core.phantom import simulate_cine

    generator = np.random.default_rng(2)
    cine = simulate_cine(draw_ventricle(generator), np.array([0.0, 300.0]), generator, height=64)
    write_cine(tmp_path / "one.mha", cine)
    frames = echocare.read_frames(tmp_path / "one.mha")

    assert [np.array_equal(np.asarray(frames.pixels[at])[..., 0], cine.pixels[at]) for at in (0, 1)] == [True, True]
