"""The losses of a pretraining: a row every so many steps, which goes on where the training does."""

import pandas as pd
import pytest
from ignite.engine import Engine, Events
from PIL import Image

from echocare_core.errors import SettingsError
from echocare_core.pretraining.curves import StepCurves
from echocare_core.training.picture import PANEL_HEIGHT


def numbers(step):
    """Of a step: the contrast joins in a second stage, after four steps."""
    joined = {"contrast": 2.0 * step, "weight_contrast": 0.5} if step > 4 else {}
    return {"loss": float(step), "stage": step > 4, "learning_rate": 0.1, "images_per_second": 9.0, **joined}


def run(folder, steps, start=0):
    """Steps of an engine that goes on after `start`."""
    engine = Engine(lambda engine, batch: numbers(engine.state.iteration))
    if start:
        engine.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "iteration", start))
    StepCurves(str(folder), every=3).attach(engine)
    engine.run(range(steps - start), max_epochs=1, epoch_length=steps)
    return pd.read_csv(folder / "curves.csv")


def test_a_row_is_the_mean_of_its_steps(tmp_path):
    table = run(tmp_path, 8)
    assert list(table)[:4] == ["step", "stage", "loss", "learning_rate"]
    assert table[["step", "stage", "loss"]].to_numpy().tolist() == [[3, 0, 2.0], [6, 1, 5.0], [8, 1, 7.5]]
    assert table["contrast"].fillna(-1).tolist() == [-1, 11.0, 15.0]


def test_the_picture_has_a_panel_for_the_loss_and_each_term(tmp_path):
    run(tmp_path, 8)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.height == 2 * PANEL_HEIGHT


def test_a_run_that_goes_on_keeps_the_rows_up_to_its_checkpoint(tmp_path):
    run(tmp_path, 8)
    assert run(tmp_path, 9, start=6)["step"].tolist() == [3, 6, 9]


def test_a_run_that_starts_anew_keeps_none(tmp_path):
    run(tmp_path, 8)
    assert run(tmp_path, 3)["step"].tolist() == [3]


def test_rows_of_no_step_are_refused():
    with pytest.raises(SettingsError, match="every 0 steps"):
        StepCurves("run", every=0)
