"""A training that was interrupted goes on as if nothing had happened."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Events
from ignite.metrics import Metric
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import LrScheduleHandler, ValidationHandler
from torch.nn.utils import parametrize

from echocare_core.errors import OutputError, TrainingError, WeightsError
from echocare_core.lock import FolderLock
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.tuning import LowRank
from echocare_core.training import Checkpoints, warmup_cosine
from echocare_core.training.schedule import warmup_cosine_rate
from echocare_core.training.settings import _entries, describe_images

CPU = torch.device("cpu")
BUNDLE = {"name": "breast_lesion_segmentation", "version": "0.1.1"}
SCORES = (0.3, 0.9, 0.5, 0.7)  # of the epochs 1 to 4


class Score(Metric):
    """The score of an epoch, off a list."""

    def __init__(self, training):
        self.training = training
        super().__init__()

    def reset(self):
        pass

    def update(self, output):
        pass

    def compute(self):
        return SCORES[self.training.trainer.state.epoch - 1]


class PowerCutError(Exception):
    """What stops a training."""


def build(folder, epochs=4, batch=2, rate=0.1, items=6, network=None):
    """A whole training on a network of four numbers: MONAI's engines, a schedule, a validation, the handler."""
    torch.manual_seed(1)
    data = Dataset([{"image": torch.rand(3), "label": torch.rand(1)} for _ in range(items)])
    training = SimpleNamespace(network=network or torch.nn.Linear(3, 1))
    training.optimizer = torch.optim.AdamW(training.network.parameters(), lr=rate)
    training.schedule = warmup_cosine(training.optimizer, warmup_steps=2, steps=epochs * (items // batch))
    training.validator = SupervisedEvaluator(
        device=CPU,
        val_data_loader=DataLoader(data, batch_size=6),
        network=training.network,
        key_val_metric={"score": Score(training)},
    )
    training.checkpoints = Checkpoints(
        folder,
        network=training.network,
        saved={"optimizer": training.optimizer},
        schedule=training.schedule,
        settings={"bundle": BUNDLE["name"], "learning_rate": str(rate), "training images": describe_images(data)},
        images_per_step=batch,
        bundle=BUNDLE,
        validator=training.validator,
        device=CPU,
    )
    training.trainer = SupervisedTrainer(
        device=CPU,
        max_epochs=epochs,
        train_data_loader=DataLoader(data, batch_size=batch),
        network=training.network,
        optimizer=training.optimizer,
        loss_function=torch.nn.MSELoss(),
        decollate=False,
        train_handlers=[
            LrScheduleHandler(training.schedule, print_lr=False, epoch_level=False),
            ValidationHandler(1, training.validator),
            training.checkpoints,
        ],
    )
    for engine in (training.trainer, training.validator):
        engine.logger.setLevel(logging.CRITICAL)
    return training


def interrupt(folder, **changed):
    """Stop a training in the middle of its third epoch."""
    training = build(folder, **changed)

    def cut(engine):
        raise PowerCutError

    training.trainer.add_event_handler(Events.ITERATION_COMPLETED(once=8), cut)
    with pytest.raises(PowerCutError):
        training.trainer.run()


@pytest.fixture
def interrupted(tmp_path):
    """The folder of a training that stopped in the middle of its third epoch."""
    interrupt(tmp_path)
    return tmp_path


def went_on(folder, **changed):
    training = build(folder, **changed)
    training.epochs = []
    training.trainer.add_event_handler(Events.EPOCH_STARTED, lambda engine: training.epochs.append(engine.state.epoch))
    training.trainer.run()
    return training


def test_it_goes_on_after_the_last_whole_epoch(interrupted):
    training, epochs = build(interrupted), []
    training.trainer.add_event_handler(Events.EPOCH_STARTED, lambda engine: epochs.append(engine.state.epoch))
    training.trainer.run()
    assert epochs == [3, 4]
    assert training.trainer.state.iteration == 4 * 3


def test_the_weights_are_those_of_a_training_without_a_break(interrupted, tmp_path_factory):
    whole = went_on(tmp_path_factory.mktemp("whole"))
    torch.testing.assert_close(went_on(interrupted).network.state_dict(), whole.network.state_dict(), atol=0, rtol=0)


def adapted_network():
    """Three numbers that do not learn, and beside them an adapter, which does."""
    torch.manual_seed(2)
    network = torch.nn.Linear(3, 1)
    network.weight.requires_grad_(False)
    parametrize.register_parametrization(network, "weight", LowRank(network.weight, rank=1, alpha=1.0))
    return network


def test_a_training_of_adapters_goes_on_as_one_without_a_break(tmp_path):
    interrupt(tmp_path / "cut", network=adapted_network())
    whole, again = (went_on(tmp_path / name, network=adapted_network()) for name in ("whole", "cut"))
    assert again.epochs == [3, 4]
    torch.testing.assert_close(again.network.state_dict(), whole.network.state_dict(), atol=0, rtol=0)
    assert not torch.equal(again.network.weight, adapted_network().weight)


def test_the_best_weights_of_a_training_of_adapters_are_those_of_an_ordinary_network(tmp_path):
    went_on(tmp_path, network=adapted_network())
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    assert {name: one.shape for name, one in best.items()} == {"weight": (1, 3), "bias": (1,)}
    assert not torch.equal(best["weight"], adapted_network().weight)


def test_the_learning_rate_goes_on_where_it_was(interrupted):
    training, used = build(interrupted), []
    training.trainer.add_event_handler(Events.EPOCH_STARTED, lambda _: used.append(training.schedule.last_epoch))
    training.trainer.run()
    assert used == [6, 9]
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_the_best_metric_is_remembered(interrupted):
    training = went_on(interrupted)
    assert (training.validator.state.best_metric, training.validator.state.best_metric_epoch) == (0.9, 2)


def test_a_worse_epoch_after_a_break_does_not_replace_the_best_weights(interrupted):
    best = torch.load(interrupted / "best.pt", weights_only=True)
    went_on(interrupted)
    torch.testing.assert_close(torch.load(interrupted / "best.pt", weights_only=True), best, atol=0, rtol=0)


def test_the_best_weights_are_those_of_the_best_epoch(tmp_path):
    training, weights = build(tmp_path), {}
    keep = lambda engine: weights.update({engine.state.epoch: training.network.weight.detach().clone()})  # noqa: E731
    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, keep)
    training.trainer.run()
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    torch.testing.assert_close(best["weight"], weights[1 + SCORES.index(max(SCORES))], atol=0, rtol=0)


def test_both_files_say_which_bundle_they_belong_to(interrupted):
    latest, best = (torch.load(interrupted / name, weights_only=True) for name in ("latest.pt", "best.pt"))
    assert bundle_of(latest["model"]) == BUNDLE
    assert bundle_of(best) == {**BUNDLE, "metric": "0.9", "epoch": "2"}


def test_the_time_spent_adds_up(interrupted):
    state = torch.load(interrupted / "latest.pt", weights_only=True)
    assert min(state["seconds"], state["cpu_seconds"]) > 0
    torch.save({**state, "seconds": 3600.0, "cpu_seconds": 7200.0}, interrupted / "latest.pt")
    went_on(interrupted)
    state = torch.load(interrupted / "latest.pt", weights_only=True)
    assert 3600 < state["seconds"] < 7200 < state["cpu_seconds"]


@pytest.mark.parametrize("epochs", [4, 2])
def test_a_training_with_nothing_left_to_do_is_an_error_and_changes_nothing(interrupted, epochs):
    went_on(interrupted)
    before = {path.name: path.read_bytes() for path in interrupted.iterdir()}
    with pytest.raises(
        TrainingError, match=rf"latest\.pt has 4 epochs behind it, and {epochs} are asked for\. Set max"
    ):
        build(interrupted, epochs).trainer.run()
    assert {path.name: path.read_bytes() for path in interrupted.iterdir()} == before


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_a_training_goes_on_with_other_batches_at_the_same_epoch_and_rate(interrupted, batch):
    training, epochs, rates = build(interrupted, batch=batch), [], []
    training.trainer.add_event_handler(Events.EPOCH_STARTED, lambda engine: epochs.append(engine.state.epoch))
    training.trainer.add_event_handler(
        Events.EPOCH_STARTED, lambda _: rates.append(training.optimizer.param_groups[0]["lr"])
    )
    training.trainer.run()
    assert epochs == [3, 4]
    assert training.trainer.state.iteration == 4 * (6 // batch)
    wanted = warmup_cosine_rate(2 * (6 // batch), peak=0.1, warmup_steps=2, steps=4 * (6 // batch))
    assert rates[0] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"rate": 0.2}, r"learning_rate 0\.1 instead of 0\.2"),
        ({"items": 8}, "training images 6 of any px .* instead of 8 of"),
    ],
)
def test_a_training_with_other_settings_does_not_go_on(interrupted, changed, named):
    with pytest.raises(TrainingError, match=rf"latest\.pt is of a run with other settings: .*{named}"):
        build(interrupted, **changed).trainer.run()


def test_weights_to_begin_with_are_known_by_their_content_not_by_their_path(tmp_path, monkeypatch):
    (tmp_path / "best.pt").write_bytes(b"weights")
    (tmp_path / "other.pt").write_bytes(b"others")
    monkeypatch.chdir(tmp_path)
    one, again, other = (
        dict(_entries({"weights": str(path)})) for path in ("best.pt", tmp_path / "best.pt", "other.pt")
    )
    assert one == again != other


def test_the_run_of_another_bundle_does_not_go_on(interrupted, monkeypatch):
    monkeypatch.setitem(BUNDLE, "name", "fetal_head_segmentation")
    with pytest.raises(TrainingError, match="bundle breast_lesion_segmentation instead of fetal_head"):
        build(interrupted).trainer.run()


def test_the_run_of_another_network_does_not_go_on(interrupted):
    with pytest.raises(WeightsError, match=r"latest\.pt does not fit the network: .*unexpected"):
        build(interrupted, network=torch.nn.Linear(3, 1, bias=False)).trainer.run()


def test_killed_between_its_two_files_it_keeps_the_better_weights(tmp_path, monkeypatch):
    training = build(tmp_path)

    def power_cut(engine):  # after best.pt of epoch 2, before latest.pt
        (tmp_path / "kept.pt").write_bytes((tmp_path / "latest.pt").read_bytes())

    training.trainer.add_event_handler(Events.EPOCH_STARTED(once=2), power_cut)
    training.trainer.run()
    best = (tmp_path / "best.pt").read_bytes()
    (tmp_path / "kept.pt").rename(tmp_path / "latest.pt")

    monkeypatch.setitem(globals(), "SCORES", (0.3, 0.8, 0.5, 0.7))  # the second epoch, run again, is worse
    went_on(tmp_path)

    assert (tmp_path / "best.pt").read_bytes() == best


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match=r"run cannot take the training \(File exists\); .* choose a folder\.$"):
        build(tmp_path / "run").trainer.run()


def test_two_trainings_do_not_share_a_folder(tmp_path):
    with FolderLock(tmp_path), pytest.raises(OutputError, match=r"is in use by another run .* choose another folder"):
        build(tmp_path).trainer.run()
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_folder_is_made_and_starts_at_the_first_epoch(tmp_path):
    training = build(tmp_path / "runs" / "new", epochs=1)
    training.trainer.run()
    assert torch.load(tmp_path / "runs" / "new" / "latest.pt", weights_only=True)["epoch"] == 1


def test_only_whole_files_stand_in_the_folder(interrupted):
    assert sorted(path.name for path in interrupted.iterdir()) == ["best.pt", "latest.pt"]


def flip(raw):
    """One bit of a weight turned over."""
    place = raw.index(b"data/0") + 64
    return raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :]


@pytest.mark.parametrize("damage", [lambda raw: b"half", lambda raw: raw[: len(raw) // 2], flip])
@pytest.mark.parametrize("name", ["latest.pt", "best.pt"])
def test_a_damaged_checkpoint_is_refused(interrupted, damage, name):
    (interrupted / name).write_bytes(damage((interrupted / name).read_bytes()))
    with pytest.raises(TrainingError, match=rf"{name} cannot be read as a checkpoint"):
        build(interrupted).trainer.run()


def test_what_is_said_of_a_damaged_checkpoint_is_true(interrupted):
    for name, said in (
        ("best.pt", "Take it away to go on after the last"),
        ("latest.pt", "Take it away to start anew"),
    ):
        (interrupted / name).write_bytes(b"half")
        with pytest.raises(TrainingError, match=rf"{name} cannot be read as a checkpoint .*\. {said}"):
            build(interrupted).trainer.run()
        (interrupted / name).unlink()
        assert went_on(interrupted).epochs == ([3, 4] if name == "best.pt" else [1, 2, 3, 4])


def test_the_best_weights_of_another_training_are_kept_under_another_name(interrupted, caplog):
    best = (interrupted / "best.pt").read_bytes()
    for name in ("best-1.pt", "best-2.pt"):
        (interrupted / "best.pt").write_bytes(best)
        (interrupted / "latest.pt").unlink()
        training = build(interrupted)
        training.trainer.logger.setLevel(logging.WARNING)
        training.trainer.run()
        assert (interrupted / name).read_bytes() == best
        assert f"best.pt is not of this training: it is kept as {name}" in caplog.text
    assert bundle_of(torch.load(interrupted / "best.pt", weights_only=True))["epoch"] == "2"


@pytest.mark.parametrize("foreign", [{"name": "fetal_head_segmentation", "metric": "0.99", "epoch": "2"}, {}, None])
def test_the_best_weights_of_another_bundle_or_epoch_are_none_of_this_training(interrupted, foreign):
    entries = {**BUNDLE, "metric": "0.99", "epoch": "28"} if foreign is None else foreign
    torch.save(name_bundle(torch.nn.Linear(3, 1).state_dict(), entries), interrupted / "best.pt")
    before = (interrupted / "best.pt").read_bytes()

    went_on(interrupted)

    assert (interrupted / "best-1.pt").read_bytes() == before
    assert bundle_of(torch.load(interrupted / "best.pt", weights_only=True)) == {
        **BUNDLE,
        "metric": "0.7",
        "epoch": "4",
    }


@pytest.mark.parametrize(
    "entries", [{"epoch": "two"}, {"optimizer": {"state": {}, "param_groups": []}}, {"model": 3}, {"settings": []}]
)
def test_a_checkpoint_with_foreign_entries_is_refused(interrupted, entries):
    state = torch.load(interrupted / "latest.pt", weights_only=True)
    torch.save({**state, **entries}, interrupted / "latest.pt")
    with pytest.raises(TrainingError, match=r"latest\.pt does not fit this training"):
        build(interrupted).trainer.run()


def test_a_checkpoint_of_another_kind_of_training_is_refused_with_what_it_lacks(tmp_path):
    torch.save({"steps": 3, "model": {}}, tmp_path / "latest.pt")
    with pytest.raises(TrainingError, match=r"of another kind of training: it lacks cpu_seconds, .*epoch.*optimizer"):
        build(tmp_path).trainer.run()


def test_a_checkpoint_that_cannot_be_written_leaves_the_former_one(interrupted, monkeypatch):
    former = (interrupted / "latest.pt").read_bytes()
    training = build(interrupted)

    def disk_full(state, unfinished):
        Path(unfinished).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    training.validator.add_event_handler(Events.COMPLETED, lambda _: monkeypatch.setattr(torch, "save", disk_full))
    with pytest.raises(
        OutputError, match=r"cannot take the checkpoint \(No space left on device\); .* Free some space"
    ):
        training.trainer.run()
    assert (interrupted / "latest.pt").read_bytes() == former
    assert sorted(path.name for path in interrupted.iterdir()) == ["best.pt", "latest.pt"]
