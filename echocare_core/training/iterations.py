"""MONAI's trainer and evaluator, each step in the precision that was asked for and with a word where memory ends."""

from __future__ import annotations

from typing import Any

from monai.engines import SupervisedEvaluator, SupervisedTrainer

from echocare_core.models.memory import explained_memory
from echocare_core.models.precision import float32_products


class PreciseTrainer(SupervisedTrainer):
    """MONAI's trainer, whose float32 is float32 on a GPU too, forwards and backwards (`float32_products`).

    The precision is that of its inferer, float32 where it has none.

    Raises:
        DeviceMemoryError: while it runs, a batch that the memory of the device does not hold.
    """

    def _iteration(self, engine: Any, batchdata: Any) -> Any:
        return _run_step(super()._iteration, engine, batchdata)


class PreciseEvaluator(SupervisedEvaluator):
    """The same of MONAI's evaluator."""

    def _iteration(self, engine: Any, batchdata: Any) -> Any:
        return _run_step(super()._iteration, engine, batchdata)


def _run_step(step: Any, engine: Any, batch: Any) -> Any:
    device = engine.state.device
    with explained_memory(device, batch), float32_products(getattr(engine.inferer, "precision", "float32"), device):
        return step(engine, batch)
