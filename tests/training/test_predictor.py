"""A prediction goes on where the memory does not hold a batch, and says so once."""

from __future__ import annotations

import gc
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from bright_network import BrightNetwork
from hungry_network import HungryNetwork
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

    assert [row["frame"] for row in results] == [0, 1, 2, 3, 4, 5, None]  # the last is of the cine
    assert not results.set_aside
    said = [record.getMessage() for record in caplog.records if "no memory left" in record.getMessage()]
    assert len(said) == 1
    assert "a batch of 2 images" in said[0]
    assert "Set batch_size to 1" in said[0]


def test_the_tensors_of_a_batch_that_failed_are_gone_before_its_frames_go_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ultrasound(tmp_path / "IM1", marked(2, 96, 128))
    torch.save(BrightNetwork().state_dict(), tmp_path / "bright.pt")
    forward, held, alive = HungryNetwork.forward, [], []

    def watched(network: HungryNetwork, image: Any) -> Any:
        features = image.clone()
        held.append(weakref.ref(features))
        alive.append(sum(one() is not None for one in held[:-1]))
        return forward(network, image)

    monkeypatch.setattr(HungryNetwork, "forward", watched)
    settings = {
        "network_def": {"_target_": "hungry_network.HungryNetwork"}, "weights": str(tmp_path / "bright.pt"),
        "batch_size": 2, "device": "cpu", "inferer": {"_target_": "SimpleInferer"},
    }  # fmt: skip
    gc.disable()
    try:
        echocare.predict("breast_lesion_segmentation", tmp_path / "IM1", tmp_path / "out", settings=settings)
    finally:
        gc.enable()
    assert alive == [0, 0, 0]
