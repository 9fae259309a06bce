"""An end to trainings that get no better."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.engines import SupervisedEvaluator

from echocare_core.training.numbers import check_whole


class StopEarly:
    """Ignite handler: end a training whose best epoch lies `patience` epochs back.

    It reads the best epoch from the validator, whose record a training that goes on takes up again, so an
    interruption changes nothing (ignite's EarlyStopping would begin to count anew).

    Args:
        patience: epochs without a better key metric.
        validator: the engine that validates.
    """

    def __init__(self, patience: int, validator: SupervisedEvaluator) -> None:
        self.patience = check_whole("patience", patience)
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.listen)

    def listen(self, engine: Engine) -> None:
        """Look after each epoch once everybody else has, the validation above all."""
        if not engine.has_event_handler(self.look, Events.EPOCH_COMPLETED):
            engine.add_event_handler(Events.EPOCH_COMPLETED, self.look)

    def look(self, engine: Engine) -> None:
        """End the training where it is time."""
        best = self.validator.state.best_metric_epoch
        if 0 < best <= engine.state.epoch - self.patience:
            engine.logger.info("No better since epoch %d: stopped after epoch %d.", best, engine.state.epoch)
            engine.terminate()
