"""Two processes train as one with the doubled batch."""

import json
import os
from pathlib import Path

import pytest
import torch
from small_pretraining import WITH_MOMENTUM, Losses, small_run, write_mix
from warm_python import run_python

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
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = run_python(SCRIPT, data, out, strategy, killed_after, cwd=out, env=environment, processes=2)
    assert ran.returncode == 0, ran.stderr
    return json.loads((out / "losses.json").read_text(encoding="utf-8"))


def assert_near(losses, alone, steps):
    assert {int(step) for step in losses} == set(steps)
    for step in steps:
        assert losses[str(step)] == pytest.approx(alone[0][step], **ROUNDING), step


@pytest.fixture(scope="module")
def killed(data, tmp_path_factory):
    """The folder of a run by two processes with sharded weights that was killed after eight steps, and its losses."""
    folder = tmp_path_factory.mktemp("killed")
    return folder, two_processes(data, folder, "fsdp", killed_after=8)


def test_two_processes_give_the_losses_of_one_with_the_doubled_batch(data, alone, tmp_path):
    assert_near(two_processes(data, tmp_path, "ddp"), alone, range(1, 13))


def test_so_do_two_processes_that_share_the_weights_out(killed, alone):
    assert_near(killed[1], alone, range(1, 9))


def test_a_checkpoint_of_two_processes_is_gone_on_from_by_one(data, killed, alone):
    losses = Losses()
    small_run(data, killed[0], handlers=[losses], optimizer=WITH_MOMENTUM).trainer.run()

    assert read_checkpoint(killed[0] / "latest.pt", ENTRIES)["steps"] == 12
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
