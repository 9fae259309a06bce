"""MONAI's evaluator, for predictions that one frame does not stop."""

from __future__ import annotations

import logging
from traceback import clear_frames
from typing import Any

import torch
from ignite.engine import Events
from monai.data import decollate_batch, list_data_collate

from echocare_core.errors import DeviceMemoryError, causes
from echocare_core.training.iterations import PreciseEvaluator
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.transforms.frame_faults import Faults

_log = logging.getLogger(__name__)


class Predictor(PreciseEvaluator):
    """An evaluator that sets aside the frames on which the network, or what follows it, raises something.

    A batch in which that happens goes through again frame by frame, so that the others of it are kept, and a batch that
    the memory cannot hold is not lost.

    Args:
        dataset: what is read; it is told of each frame that is set aside.
        evaluator: arguments of `SupervisedEvaluator`.

    Raises:
        EchoCareError: while running, where the first frames all fail.
    """

    def __init__(self, *, dataset: ExportDataset, **evaluator: Any) -> None:
        super().__init__(**evaluator)
        self.dataset = dataset
        self.faults = Faults("in the network or what follows it")
        self.said = False
        self.add_event_handler(Events.EPOCH_STARTED, self._go_on)
        self.add_event_handler(Events.EPOCH_COMPLETED, self.faults.finish)

    def _go_on(self) -> None:
        if self.dataset.tried:  # frames that went through in an earlier run
            self.faults.passed()

    def _iteration(self, engine: Any, batchdata: Any) -> Any:
        output, fault = self._try(engine, batchdata)
        if fault is not None:
            self._say_where_memory_ends(fault)
            engine.state.output = None  # which holds the batch
            torch.cuda.empty_cache()
            output = [one for item in decollate_batch(batchdata) for one in self._alone(engine, item)]
            engine.state.output = output
        return output

    def _say_where_memory_ends(self, fault: Exception) -> None:
        """Once, since it costs the time of two runs to go on so."""
        if isinstance(fault, DeviceMemoryError) and not self.said:
            self.said = True
            _log.warning("%s Until then each frame goes through alone.", fault)

    def _alone(self, engine: Any, item: Any) -> list[Any]:
        """The output of one item; none where it is set aside."""
        output, fault = self._try(engine, list_data_collate([item]))
        if fault is not None:
            self.dataset.set_aside_item(item["image"].meta, fault, self.faults)
        return output

    def _try(self, engine: Any, batch: Any) -> tuple[list[Any], Exception | None]:
        """The outputs of a batch, and what was raised in place of them, which holds none of its tensors."""
        try:
            output = super()._iteration(engine, batch)
        except Exception as error:  # noqa: BLE001  (whatever a network or a measurement raises)
            for cause in causes(error):
                clear_frames(cause.__traceback__)
            return [], error
        self.faults.passed()
        return output, None
