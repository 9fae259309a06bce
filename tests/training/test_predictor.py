"""A prediction goes on where the memory does not hold a batch, and says so once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from bright_network import BrightNetwork
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare


def test_a_batch_that_the_memory_does_not_hold_goes_through_frame_by_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_ultrasound(tmp_path / "IM1", marked(6, 96, 128))
    torch.save(BrightNetwork().state_dict(), tmp_path / "bright.pt")
    settings = {
        "network_def": {"_target_": "hungry_network.HungryNetwork"}, "weights": str(tmp_path / "bright.pt"),
        "batch_size": 2, "device": "cpu",
    }  # fmt: skip
    with caplog.at_level(logging.WARNING):
        results = echocare.predict("breast_lesion_segmentation", tmp_path / "IM1", tmp_path / "out", settings=settings)

    assert [row["frame"] for row in results] == [0, 1, 2, 3, 4, 5]
    assert not results.set_aside
    said = [record.getMessage() for record in caplog.records if "no memory left" in record.getMessage()]
    assert len(said) == 1
    assert "a batch of 2 images" in said[0]
    assert "Set batch_size to 1" in said[0]
