"""A compiled training: the losses, checkpoints and encoder of one that is not; compiled without a C++ compiler here."""

import shutil
from functools import partial

import pytest
import torch
from ignite.engine import Events
from safetensors.torch import load_file
from small_pretraining import WITH_MOMENTUM, Losses, small_run, write_mix
from torch._dynamo.utils import counters

from echocare_core.errors import SettingsError
from echocare_core.pretraining import compiled
from echocare_core.pretraining.assembly import export_encoder

NEAR = {"rel": 1e-4, "abs": 1e-5}
STAGES = [
    {"name": "low", "steps": 2, "batch_size": 2, "image_size": 32, "views": ["masked"]},
    {
        **{"name": "high", "steps": 3, "batch_size": 4, "image_size": 64, "views": ["masked", "plain"]},
        **{"hierarchy": [0.0, 0.5], "contrast": [0.5, 1.0], "places": 0.5, "ranking": 0.1, "hard_share": [0.1, 0.5]},
    },
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_mix(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def without_a_compiler(monkeypatch):
    """Graphs as PyTorch traces and differentiates them, run operator by operator."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    yield
    torch._dynamo.reset()


class Copy:
    """Handler that keeps the checkpoint of a step in a folder of its own, as a run that was killed there leaves it."""

    def __init__(self, step, checkpoint, folder):
        self.step, self.checkpoint, self.folder = step, checkpoint, folder

    def attach(self, engine):
        """Called by the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED(once=self.step), self.copy)

    def copy(self):
        """After the checkpoint of the step is written."""
        self.folder.mkdir()
        shutil.copy(self.checkpoint, self.folder)


def trained(data, out, *handlers, **settings):
    """Losses by step and the network of a run."""
    losses = Losses()
    run = small_run(
        data, out, stages=STAGES, every=1, handlers=[losses, *handlers], optimizer=WITH_MOMENTUM, **settings
    )
    run.trainer.run()
    return losses.by_step, run.bare


def test_it_learns_and_keeps_what_the_same_training_does_without_and_goes_on_to_the_bit(data, tmp_path):
    wanted, plain = trained(data, tmp_path / "plain")
    copy = Copy(3, tmp_path / "whole" / "latest.pt", tmp_path / "killed")
    found, network = trained(data, tmp_path / "whole", copy, compile=True)
    assert counters["stats"]["unique_graphs"] == 3  # of both stages, and of the teacher, whom the first does not ask
    assert not counters["graph_break"]
    after, resumed = trained(data, tmp_path / "killed", compile=True)

    for step, numbers in wanted.items():
        assert found[step] == pytest.approx(numbers, **NEAR), step
    assert after == {step: found[step] for step in (4, 5)}
    exported = [load_file(export_encoder(tmp_path / name, of)) for name, of in (("plain", plain), ("whole", network))]
    assert list(exported[0]) == list(exported[1])
    of_plain, of_whole, of_resumed = (one.state_dict() for one in (plain, network, resumed))
    assert list(of_whole) == list(of_plain) == list(torch.load(tmp_path / "whole" / "latest.pt")["network"])
    for name, tensor in of_plain.items():
        assert torch.allclose(of_whole[name], tensor, atol=1e-5), name
        assert torch.equal(of_resumed[name], of_whole[name]), name


def test_sharded_weights_are_refused_before_the_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "FSDPModule", torch.nn.Module)
    with pytest.raises(SettingsError, match=r"compile is True, and strategy fsdp shards the weights.*needed ddp"):
        small_run(data, tmp_path, stages=STAGES, compile=True)
