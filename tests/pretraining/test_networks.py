"""Two processes train as one with the doubled batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_pretraining import WITH_MOMENTUM, Losses, small_run, write_mix

from echocare_core.errors import SettingsError
from echocare_core.pretraining.networks import distribute_network
from echocare_core.pretraining.resume import ENTRIES
from echocare_core.training.checkpoint_file import read_checkpoint

SCRIPT = Path(__file__).parents[1] / "distributed_pretraining.py"
ROUNDING = {
    "rel": 1e-4,
    "abs": 1e-5,
}  # sums in another order; AdamW would blow up the gradients that are nothing but that


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_mix(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    losses = Losses()
    run = small_run(data, tmp_path_factory.mktemp("alone"), handlers=[losses], optimizer=WITH_MOMENTUM)
    run.trainer.run()
    return losses.by_step, run.bare.state_dict()


def two_processes(data, out, strategy, killed_after=0):
    """Losses of a run by two processes."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
        *(str(SCRIPT), str(data), str(out), strategy, str(killed_after)),
    ]
    ran = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads((out / "losses.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_give_the_losses_of_one_with_the_doubled_batch(strategy, data, alone, tmp_path):
    losses = two_processes(data, tmp_path, strategy)

    assert {int(step) for step in losses} == set(alone[0])
    for step, numbers in alone[0].items():
        assert losses[str(step)] == pytest.approx(numbers, **ROUNDING), step


def test_a_checkpoint_of_two_processes_is_gone_on_from_by_one(data, alone, tmp_path):
    two_processes(data, tmp_path, "fsdp", killed_after=8)

    losses = Losses()
    small_run(data, tmp_path, handlers=[losses], optimizer=WITH_MOMENTUM).trainer.run()

    assert read_checkpoint(tmp_path / "latest.pt", ENTRIES)["steps"] == 12
    assert sorted(losses.by_step) == [7, 8, 9, 10, 11, 12]
    for step, numbers in losses.by_step.items():
        assert numbers == pytest.approx(alone[0][step], **ROUNDING), step


def test_accumulated_gradients_are_those_of_the_whole_batch(data, tmp_path):
    stages = [{"name": "one", "steps": 3, "batch_size": 4, "image_size": 32, "views": ["masked"], "mask_ratio": 0.5}]
    whole, accumulated = Losses(), Losses()

    small_run(data, tmp_path / "whole", stages=stages, handlers=[whole]).trainer.run()
    small_run(data, tmp_path / "accumulated", stages=stages, handlers=[accumulated], accumulation_steps=2).trainer.run()

    for step, numbers in whole.by_step.items():
        assert accumulated.by_step[step]["loss"] == pytest.approx(numbers["loss"], rel=0.02), step


def test_an_unknown_strategy_is_refused():
    with pytest.raises(SettingsError, match="needed one of ddp, fsdp"):
        distribute_network(torch.nn.Linear(1, 1), "tpu", torch.device("cpu"))
