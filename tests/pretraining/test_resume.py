"""A training that was killed goes on as if nothing had happened, to the bit."""

import os
import shutil
import signal

import pandas as pd
import pytest
import torch
from ignite.engine import Events
from small_network import SMALLEST
from small_pretraining import STAGES, TREE, KilledError, Losses, small_run, write_mix, write_mix_with_masks

from echocare_core.errors import OutputError, SettingsError, TrainingError
from echocare_core.lock import FolderLock
from echocare_core.models.segmentation_decoder import load_segmentation_decoder, load_structure_classifier
from echocare_core.pretraining.assembly import export_encoder
from echocare_core.pretraining.data.sources import TableSource
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.pretraining.resume import ENTRIES
from echocare_core.training.checkpoint_file import read_checkpoint

STEPS = sum(stage["steps"] for stage in STAGES)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_mix(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    losses = Losses()
    run = small_run(data, tmp_path_factory.mktemp("whole"), handlers=[losses])
    run.trainer.run()
    return losses.by_step, run.bare.state_dict()


@pytest.mark.parametrize("killed_after", [1, 5, 9])  # before a checkpoint, between two and two stages, after one
def test_a_killed_run_goes_on_to_the_bit(killed_after, data, uninterrupted, tmp_path):
    before, after = Losses(stop_after=killed_after), Losses()
    with pytest.raises(KilledError):
        small_run(data, tmp_path, handlers=[before]).trainer.run()

    run = small_run(data, tmp_path, handlers=[after])
    torch.manual_seed(99)  # whatever a new process draws
    run.trainer.run()

    losses, weights = uninterrupted
    assert {**before.by_step, **after.by_step} == losses
    assert min(after.by_step) == killed_after - killed_after % 3 + 1  # it lost the steps since the last checkpoint only
    for name, tensor in run.bare.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


WITH_PIXELS = [
    {
        "name": "labels of pixels",
        "steps": 5,
        "batch_size": 4,
        "image_size": 64,
        "views": ["plain"],
        "reconstruction": 0.0,
    }
    | {"pixels": [0.5, 1.0]}
]


@pytest.fixture(scope="module")
def data_with_masks(tmp_path_factory):
    return write_mix_with_masks(tmp_path_factory.mktemp("masks"))


def test_a_killed_run_with_labels_of_pixels_goes_on_to_the_bit(data_with_masks, tmp_path):
    whole, before, after = Losses(), Losses(stop_after=4), Losses()
    wanted = small_run(data_with_masks, tmp_path / "whole", stages=WITH_PIXELS, handlers=[whole])
    wanted.trainer.run()
    with pytest.raises(KilledError):
        small_run(data_with_masks, tmp_path / "run", stages=WITH_PIXELS, handlers=[before]).trainer.run()

    run = small_run(data_with_masks, tmp_path / "run", stages=WITH_PIXELS, handlers=[after])
    run.trainer.run()

    assert all(numbers["pixels"] > 0 for numbers in whole.by_step.values())
    assert {**before.by_step, **after.by_step} == whole.by_step
    for name, tensor in run.bare.state_dict().items():
        assert torch.equal(tensor, wanted.bare.state_dict()[name]), name
    assert not torch.equal(run.bare.pixel_classifier.bias, torch.zeros(1))


def test_a_run_does_not_go_on_with_other_labels_of_pixels(data_with_masks, tmp_path):
    with pytest.raises(KilledError):
        small_run(
            data_with_masks, tmp_path / "run", stages=WITH_PIXELS, every=1, handlers=[Losses(stop_after=1)]
        ).trainer.run()
    other = write_mix_with_masks(tmp_path / "other", "1=breast")
    with pytest.raises(TrainingError, match=r"other settings: pixel labels .* instead of"):
        small_run(other, tmp_path / "run", stages=WITH_PIXELS).trainer.run()


def test_the_decoder_of_pixels_is_exported_beside_the_encoder(data_with_masks, tmp_path):
    run = small_run(data_with_masks, tmp_path, stages=WITH_PIXELS, every=1)
    run.trainer.add_event_handler(Events.ITERATION_COMPLETED(once=1), run.trainer.terminate)
    run.trainer.run()
    wanted = {name: tensor.clone() for name, tensor in run.bare.segmentation_decoder.state_dict().items()}

    export_encoder(tmp_path, run.bare)

    file = tmp_path / "segmentation_decoder.safetensors"
    decoder = load_segmentation_decoder(file, SMALLEST, width=4, width_limit=8)
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name


def test_the_scores_of_structures_are_exported_with_their_names(data_with_masks, tmp_path):
    run = small_run(data_with_masks, tmp_path, stages=WITH_PIXELS, every=1)
    run.trainer.add_event_handler(Events.ITERATION_COMPLETED(once=1), run.trainer.terminate)
    run.trainer.run()
    tree = run.trainer.objective.pixel_tree
    wanted = run.bare.pixel_classifier.weight.clone()

    export_encoder(tmp_path, run.bare, tree)

    names = [node.name for node in tree.channels]
    scores = load_structure_classifier(tmp_path / "segmentation_decoder.safetensors", SMALLEST, names)
    assert torch.equal(scores.weight[1:], wanted)


class Terminated(Losses):
    """SIGTERM in the middle of a step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def attach(self, engine):
        super().attach(engine)
        engine.add_event_handler(Events.ITERATION_STARTED(once=self.step), os.kill, os.getpid(), signal.SIGTERM)


def test_sigterm_writes_a_last_checkpoint_and_ends_the_process_as_terminated(data, uninterrupted, tmp_path):
    before, after = Terminated(8), Losses()
    with pytest.raises(SystemExit) as ended:
        small_run(data, tmp_path, handlers=[before], every=100).trainer.run()

    assert ended.value.code == 128 + signal.SIGTERM
    assert read_checkpoint(tmp_path / "latest.pt", ENTRIES)["steps"] == 8
    small_run(data, tmp_path, handlers=[after], every=100).trainer.run()
    assert {**before.by_step, **after.by_step} == uninterrupted[0]


def test_sigterm_in_the_last_step_leaves_a_finished_run(data, tmp_path):
    small_run(data, tmp_path, handlers=[Terminated(STEPS)]).trainer.run()

    assert read_checkpoint(tmp_path / "latest.pt", ENTRIES)["steps"] == STEPS


def test_sigterm_means_what_it_meant_before_once_the_training_is_over(data, tmp_path):
    before = signal.getsignal(signal.SIGTERM)

    small_run(data, tmp_path).trainer.run()

    assert signal.getsignal(signal.SIGTERM) is before


def test_checkpoints_every_no_steps_are_refused(data, tmp_path):
    with pytest.raises(SettingsError, match="every 0 steps; needed 1 or more"):
        small_run(data, tmp_path, every=0)


def test_a_run_with_nothing_left_to_do_is_an_error(data, tmp_path):
    short = [{**STAGES[0], "steps": 1}]
    small_run(data, tmp_path, stages=short).trainer.run()
    before = (tmp_path / "latest.pt").read_bytes()

    with pytest.raises(TrainingError, match=r"latest\.pt has 1 step behind it, and 1 are asked for\. Choose"):
        small_run(data, tmp_path, stages=short).trainer.run()
    assert (tmp_path / "latest.pt").read_bytes() == before


def test_a_run_on_changed_data_does_not_go_on(data, tmp_path):
    short = [{**STAGES[0], "steps": 1}]
    small_run(data, tmp_path / "run", stages=short).trainer.run()
    other = tmp_path / "other"
    shutil.copytree(data, other)
    table = other / "one" / "table.csv"
    table.write_text(table.read_text().replace("patient-0", "patient-9"))

    with pytest.raises(TrainingError, match="other settings: data sets"):
        small_run(other, tmp_path / "run", stages=short).trainer.run()


def test_two_runs_do_not_share_a_folder(data, tmp_path):
    with FolderLock(tmp_path), pytest.raises(OutputError, match="is in use by another run"):
        small_run(data, tmp_path).trainer.run()


def test_a_checkpoint_of_other_settings_is_refused_by_name(data, tmp_path):
    short = [{**STAGES[0], "steps": 1}]
    small_run(data, tmp_path, stages=short).trainer.run()

    with pytest.raises(TrainingError, match="seed 3 instead of 4"):
        small_run(data, tmp_path, stages=short, seed=4).trainer.run()


def test_absolute_paths_to_the_same_images_are_the_same_data(data, tmp_path):
    tree, table = read_tree(TREE), data / "one" / "table.csv"
    before = TableSource("one", table, tree, node=-1, splits=["train"]).fingerprint()
    rows = pd.read_csv(table)
    for name, same in ((str(table.parent.resolve()) + "/", True), ("./", True), ("../two/", False)):
        rows.assign(image=name + rows["image"]).to_csv(table.with_name("other.csv"), index=False)
        other = TableSource("one", table.with_name("other.csv"), tree, node=-1, splits=["train"])
        assert (other.fingerprint() == before) is same


def test_a_damaged_checkpoint_is_refused(data, tmp_path):
    (tmp_path / "latest.pt").write_bytes(b"half")

    with pytest.raises(TrainingError, match="cannot be read as a checkpoint"):
        small_run(data, tmp_path).trainer.run()


def test_nothing_half_written_stays_when_writing_fails(data, tmp_path, monkeypatch):
    run = small_run(data, tmp_path)
    monkeypatch.setattr(torch, "save", lambda state, path: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OutputError, match="disk full"):
        run.trainer.run()

    assert list(tmp_path.iterdir()) == []


def test_the_exported_encoder_is_that_of_the_checkpoint(data, tmp_path):
    from echocare_core.models import load_encoder

    run = small_run(data, tmp_path)
    run.trainer.run()

    encoder = load_encoder(export_encoder(tmp_path, small_run(data, tmp_path).bare))

    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, run.bare.encoder.state_dict()[name]), name
    assert torch.equal(encoder.mask_token, run.bare.encoder.mask_token)
