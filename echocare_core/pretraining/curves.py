"""The losses of a pretraining as a table and a picture, besides TensorBoard's log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from ignite.engine import Engine, Events

from echocare_core.distributed import rank
from echocare_core.errors import SettingsError
from echocare_core.training.curves import TABLE, write_curves

COLUMNS = ("step", "stage", "loss", "learning_rate")
NOT_DRAWN = (*COLUMNS, "hard_share", "area", "gradient_norm", "images_per_second")


class StepCurves:
    """Ignite handler: every so many steps, their mean numbers into `curves.csv`, losses into `curves.png`.

    List it after `ExactCheckpoints`: a run that goes on keeps the rows up to its checkpoint.

    Args:
        folder: of the run.
        every: steps in a row.
    """

    def __init__(self, folder: str, *, every: int) -> None:
        if every < 1:
            raise SettingsError(f"Curves every {every} steps; needed 1 or more. Change checkpoint_every.")
        self.folder, self.every = Path(folder), every
        self.rows: list[dict[str, float]] = []
        self.steps: list[Mapping[str, float]] = []

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        if rank() == 0:
            engine.add_event_handler(Events.STARTED, self.begin)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_step)
            engine.add_event_handler(Events.COMPLETED, self.write)

    def begin(self, engine: Engine) -> None:
        """Keep the rows of the steps that are done."""
        path = self.folder / TABLE
        rows = pd.read_csv(path).to_dict("records") if engine.state.iteration and path.is_file() else []
        self.rows = [_known(row) for row in rows if row["step"] <= engine.state.iteration]

    def add_step(self, engine: Engine) -> None:
        """Note the numbers of a step; write when it is time."""
        self.steps.append(engine.state.output)
        if engine.state.iteration % self.every == 0:
            self.write(engine)

    def write(self, engine: Engine) -> None:
        """Write the steps since the last row as another."""
        if not self.steps:
            return
        means = pd.DataFrame(self.steps).mean()
        last = {"step": engine.state.iteration, "stage": self.steps[-1]["stage"]}
        self.rows.append(_known({**means.to_dict(), **last}))
        self.steps = []
        names = dict.fromkeys(name for row in self.rows for name in row)
        terms = [name for name in names if name not in NOT_DRAWN and not name.startswith("weight_")]
        self.folder.mkdir(parents=True, exist_ok=True)
        write_curves(self.rows, COLUMNS, ["loss", *terms], self.folder)


def _known(row: Mapping[str, float]) -> dict[str, float]:
    """Without the cells that are empty."""
    return {str(name): value for name, value in row.items() if value == value}
