"""A training ends where its validation gets no better, whoever counted before."""

import logging
from types import SimpleNamespace

import pytest
from ignite.engine import Engine, Events

from echocare_core.errors import SettingsError
from echocare_core.training.early_stopping import StopEarly


def epochs_run(best_epochs, patience, most=10, first=0):
    """How many epochs are run where the best one is, after each, the next of a list."""
    validator = SimpleNamespace(state=SimpleNamespace(best_metric_epoch=-1))
    trainer = Engine(lambda engine, batch: None)
    trainer.logger = logging.getLogger("test.early_stopping")
    stop = StopEarly(patience, validator)
    stop.attach(trainer)

    @trainer.on(Events.EPOCH_COMPLETED)
    def validate(engine):
        validator.state.best_metric_epoch = best_epochs[engine.state.epoch - 1]

    @trainer.on(Events.STARTED)
    def go_on(engine):
        engine.state.epoch = first
        engine.state.iteration = first

    trainer.run([0], max_epochs=most)
    return trainer.state.epoch


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 10)])
def test_it_ends_so_many_epochs_after_the_best(patience, epochs):
    best = [1, 2, 2, 2, 5, 5, 7, 7, 9, 10]
    assert epochs_run(best, patience) == epochs


def test_it_sees_the_validation_of_the_same_epoch():
    assert epochs_run([1, 1, 3, 3, 3, 3], patience=2, most=6) == 3 + 2


def test_a_training_that_goes_on_counts_from_the_best_epoch_of_before():
    assert epochs_run([1, 1, 1, 1, 1, 1], patience=3, first=2) == 4


def test_without_a_validation_it_goes_to_the_end():
    assert epochs_run([-1] * 10, patience=1) == 10


def test_no_patience_is_refused():
    with pytest.raises(SettingsError, match="patience"):
        StopEarly(0, None)
