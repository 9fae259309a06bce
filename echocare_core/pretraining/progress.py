"""What a training tells while it runs: a progress bar, and the files that it had to leave out."""

from __future__ import annotations

import logging

from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar

from echocare_core.distributed import rank
from echocare_core.printable import printable

logger = logging.getLogger(__name__)
SHOWN = ("loss", "stage", "learning_rate", "images_per_second")


class Progress:
    """Ignite handler: a progress bar with the loss, the stage, images per second and the time left, on process 0."""

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        if rank() == 0:
            bar = ProgressBar(persist=True, desc="Pretraining")
            bar.attach(engine, output_transform=lambda output: {name: output[name] for name in SHOWN})


class ReportSetAside:
    """Ignite handler: names each unreadable image once, and counts them at the end.

    Attributes:
        names: data set and file of each.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.report)
        engine.add_event_handler(Events.COMPLETED, self.count)

    def report(self, engine: Engine) -> None:
        """Name the images of this batch that were replaced."""
        for name in sorted(set(engine.state.batch["set_aside"]) - self.names):
            logger.warning("Set aside, since it cannot be read: %s", printable(name))
            self.names.add(name)

    def count(self, engine: Engine) -> None:
        """Say how many there were."""
        if self.names:
            logger.warning("%d images could not be read and were replaced by others.", len(self.names))
