"""What a training shows of itself: each epoch on the console, in a table, in a picture, for TensorBoard."""

import logging
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from ignite.engine import Engine, Events
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from echocare_core.training.curves import Curves, duration_text
from echocare_core.training.picture import PANEL_HEIGHT, WIDTH, Curve, draw_curves, whole_ticks

LOSSES = [0.9, 0.7, 0.5, 0.3]  # of the steps, two an epoch
SCORES = {1: 0.25, 2: 0.75}  # of the epochs


def train(folder, epochs=2, state=None):
    """Run the handler over epochs of two steps; the validation of each scores by the list."""
    validator = Engine(lambda engine, batch: None)
    validator.state.best_metric, validator.state.best_metric_epoch = 0.75, 2
    trainer = Engine(lambda engine, batch: {"loss": torch.tensor(LOSSES[engine.state.iteration - 1])})
    trainer.optimizer = SimpleNamespace(param_groups=[{"lr": 0.125}])
    trainer.logger = logging.getLogger("test.curves")

    def validate(engine):
        validator.state.key_metric_name = "val_dice"
        validator.state.metrics["val_dice"] = SCORES[engine.state.epoch]
        validator.fire_event(Events.COMPLETED)

    trainer.add_event_handler(Events.EPOCH_COMPLETED, validate)
    curves = Curves(folder, validator)
    if state:
        curves.load_state_dict(state)
        trainer.add_event_handler(
            Events.STARTED, lambda engine: (setattr(engine.state, "epoch", 1), setattr(engine.state, "iteration", 2))
        )
    curves.attach(trainer)
    trainer.run([0, 1], max_epochs=epochs)
    return curves


@pytest.fixture
def trained(tmp_path):
    train(tmp_path)
    return tmp_path


def test_the_table_has_a_row_of_each_epoch(trained):
    table = pd.read_csv(trained / "curves.csv")
    assert list(table) == ["epoch", "step", "loss", "learning_rate", "val_dice"]
    assert table.to_numpy().tolist() == [
        [1, 2, pytest.approx(0.8), 0.125, 0.25],
        [2, 4, pytest.approx(0.4), 0.125, 0.75],
    ]


def test_the_console_says_the_loss_and_the_metric(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "test.curves"):
        train(tmp_path)
    assert "Epoch 2 of 2: loss 0.4000, val_dice 0.7500 (best 0.7500, epoch 2)" in caplog.text


def test_the_console_says_how_long_the_rest_takes_at_most_by_the_epochs_of_this_run(tmp_path, caplog, monkeypatch):
    clock = iter([100.0, 400.0, 700.0])
    monkeypatch.setattr("echocare_core.training.curves.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with caplog.at_level(logging.INFO, "test.curves"):
        train(tmp_path)
    first, last = [line for line in caplog.messages if " of 2: " in line]
    assert first.endswith("; 5 min left at most")
    assert "left" not in last


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89.4, "89 s"), (120, "2 min"), (9000, "2.5 h")])
def test_a_duration_is_said_in_its_unit(seconds, text):
    assert duration_text(seconds) == text


def test_tensorboard_has_the_loss_of_each_step_and_the_metric_of_each_epoch(trained):
    log = EventAccumulator(str(trained))
    log.Reload()
    assert [(one.step, round(one.value, 4)) for one in log.Scalars("loss")] == list(enumerate(LOSSES, start=1))
    assert [(one.step, one.value) for one in log.Scalars("val_dice")] == [(1, 0.25), (2, 0.75)]


def test_the_picture_has_a_panel_for_the_loss_and_one_for_the_metric(trained):
    with Image.open(trained / "curves.png") as picture:
        assert picture.size == (WIDTH, 2 * PANEL_HEIGHT)


def test_steps_with_other_batches_are_counted_on_and_the_rate_is_that_of_the_last_step(tmp_path):
    state = {"epochs": [{"epoch": 1, "step": 12, "loss": 1.0, "learning_rate": 0.5}]}
    curves = train(tmp_path, state=state)
    assert [epoch["step"] for epoch in curves.epochs] == [12, 14]

    engine = SimpleNamespace(optimizer=SimpleNamespace(param_groups=[{"lr": 0.25}]))
    curves.note_rate(engine)
    engine.optimizer.param_groups[0]["lr"] = 0.0  # as the schedule does after the step
    assert curves.rate == 0.25


@pytest.mark.parametrize(
    ("across", "ticks"), [((1, 4), [1, 2, 3, 4]), ((0.5, 1.5), [1]), ((1, 28), [1, 8, 14, 21, 28])]
)
def test_epochs_are_whole_below_the_curves(across, ticks):
    assert whole_ticks(across) == ticks


def test_a_training_that_goes_on_goes_on_with_its_curves(tmp_path):
    state = train(tmp_path / "first", epochs=1).state_dict()
    train(tmp_path / "second", state=state)
    assert pd.read_csv(tmp_path / "second" / "curves.csv").epoch.tolist() == [1, 2]


def test_a_falling_curve_is_drawn_falling():
    falling, rising = (draw_curves([Curve("loss", [1, 2], values)], "epoch") for values in ([1.0, 0.0], [0.0, 1.0]))
    ink = [picture.getpixel((80, 40)) for picture in (falling, rising)]
    assert ink[0] == (31, 95, 168) != ink[1]


@pytest.mark.parametrize("values", [[float("nan")] * 2, [0.5, 0.5], [float("nan"), 0.5]])
def test_a_curve_without_values_or_without_change_is_drawn_too(values):
    assert draw_curves([Curve("val_dice", [1, 2], values)], "epoch").size == (WIDTH, PANEL_HEIGHT)


def test_a_run_of_no_curve_yet_is_drawn():
    assert draw_curves([Curve("loss", [], [])], "epoch").size == (WIDTH, PANEL_HEIGHT)
