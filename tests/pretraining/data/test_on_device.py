"""All pictures on the device: the batches are those of a data loader, each picture is read once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_pretraining import TREE, KilledError, Losses, small_run, write_mix
from torch.utils.data import DataLoader
from ultrasound_files import write_ultrasound

from echocare_core.errors import SettingsError
from echocare_core.pretraining.assembly import build_loader
from echocare_core.pretraining.data.images import PretrainingImages
from echocare_core.pretraining.data.mix import Mix, read_mix
from echocare_core.pretraining.data.on_device import DeviceLoader
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.pretraining.stages import Stages

STAGES = Stages(
    [
        {"name": "low", "steps": 5, "batch_size": 8, "image_size": 64},
        {"name": "high", "steps": 3, "batch_size": 4, "image_size": 64},
    ]
)
CINE = np.random.default_rng(0).integers(20, 255, (3, 48, 64, 3), dtype=np.uint8)
CPU = torch.device("cpu")


@pytest.fixture
def mix(tmp_path: Path) -> Mix:
    """Two data sets, one of them with an image that is broken and a cine of three frames."""
    folder = write_mix(tmp_path, images=6)
    (folder / "one" / "3.png").write_bytes(b"broken")
    write_ultrasound(folder / "one" / "cine.dcm", CINE, frame_time_ms=30)
    with (folder / "one" / "table.csv").open("a") as table:
        table.write("cine.dcm,patient-cine,train\n")
    return read_mix(folder / "mix.csv", read_tree(TREE))


def loader_of(mix: Mix, cache: bool | str, workers: int = 0) -> DataLoader | DeviceLoader:
    return build_loader(PretrainingImages(mix, 64, cache=cache), stages=STAGES, seed=3, workers=workers, device=CPU)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_cache_in_memory(mix: Mix, workers: int) -> None:
    batches = list(zip(loader_of(mix, cache=True), loader_of(mix, "device", workers), strict=True))
    assert len(batches) == 8
    for wanted, found in batches:
        assert list(found) == list(wanted)
        for name, value in wanted.items():
            assert found[name].equal(value) if isinstance(value, torch.Tensor) else found[name] == value
    assert any(batch["set_aside"] for batch, _ in batches)
    assert any("cine.dcm" in batch["name"] for batch, _ in batches)


def test_it_goes_on_at_any_step(mix: Mix) -> None:
    loader = loader_of(mix, "device")
    whole = list(loader)
    loader.batch_sampler.start_step = 6
    assert len(loader) == 2
    assert [batch["name"] for batch in loader] == [batch["name"] for batch in whole[6:]]


def test_each_picture_is_read_once(tmp_path: Path) -> None:
    folder = write_mix(tmp_path, images=4)
    loader = loader_of(read_mix(folder / "mix.csv", read_tree(TREE)), "device")
    next(iter(loader))
    shutil.rmtree(folder / "one")
    assert len(list(loader)) == 8


def test_changing_a_batch_changes_nothing_that_is_kept(mix: Mix) -> None:
    loader = loader_of(mix, "device")
    first = next(iter(loader))
    kept = first["image"].clone()
    first["image"].zero_()
    assert next(iter(loader))["image"].equal(kept)


def test_pictures_that_do_not_fit_are_refused(mix: Mix) -> None:
    dataset = PretrainingImages(mix, 20_000_000, cache="device")
    loader = build_loader(dataset, stages=STAGES, seed=3, workers=0, device=CPU)
    with pytest.raises(SettingsError, match=r"no memory for 13 pictures of 20000000 px.*Set cache to true"):
        next(iter(loader))


def test_another_cache_is_refused(mix: Mix) -> None:
    with pytest.raises(SettingsError, match="The cache is 'gpu'; needed true, false or 'device'"):
        PretrainingImages(mix, 64, cache="gpu")


def test_a_training_takes_the_same_steps_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    data = write_mix(tmp_path / "data")
    wanted, before, after = Losses(6), Losses(4), Losses(6)
    for kept, cache, out in ((wanted, True, "one"), (before, "device", "two"), (after, "device", "two")):
        with pytest.raises(KilledError):
            small_run(data, tmp_path / out, handlers=[kept], cache=cache).trainer.run()
    assert {**before.by_step, **after.by_step} == wanted.by_step
    assert min(after.by_step) == 4
