"""A loss that is not finite ends a training before it reaches the weights, and says on which files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents

from echocare_core.errors import TrainingError

NAMES_SHOWN = 8


def check_finite(numbers: Mapping[str, float], step: int, names: Sequence[str]) -> None:
    """Check the numbers of a step.

    Args:
        numbers: such as its loss, by name.
        step: of the training, from 1.
        names: of the files in the batch of this process.

    Raises:
        TrainingError: one is infinite or no number.
    """
    if all(map(math.isfinite, numbers.values())):
        return
    found = ", ".join(f"{name} {number}" for name, number in numbers.items())
    shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
    raise TrainingError(
        f"Step {step}: {found}; needed finite numbers. The batch of this process held {shown}. Look at these files, "
        f"lower learning_rate, or set precision to float32; the last checkpoint is from before."
    )


class StopAtNotFinite:
    """Handler of MONAI's trainer: looks at each loss and at its gradient before the optimiser takes them.

    Raises:
        TrainingError: while the training runs; it names the files of the batch.
    """

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.check_loss)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self.check_gradient)

    def check_loss(self, engine: Engine) -> None:
        """Before it is differentiated."""
        check_finite({"loss": float(engine.state.output["loss"].detach())}, engine.state.iteration, _names(engine))

    def check_gradient(self, engine: Engine) -> None:
        """Before the optimiser's step."""
        norm = float(torch.nn.utils.clip_grad_norm_(engine.network.parameters(), math.inf))
        loss = float(engine.state.output["loss"].detach())
        check_finite({"loss": loss, "norm of the gradient": norm}, engine.state.iteration, _names(engine))


def _names(engine: Engine) -> Sequence[str]:
    return engine.state.batch.get("name", ("images without a name",))
