"""Batches of one process from the stream that all processes share: going on at a step needs the step's number alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from torch.utils.data import Sampler

from echocare_core.errors import SettingsError
from echocare_core.pretraining.data.order import MixedOrder

Place = tuple[int, int, int]  # number of the data set, row in it, position in the stream


class StreamSampler(Sampler[list[Place]]):
    """Batch sampler: the places of the stream that one process reads, step by step.

    The batch of a step follows that of the step before in the stream; each process takes one equal run of it. The
    position is given along so that randomness of a sample may be keyed by it.

    Args:
        order: the stream.
        stages: (steps, images in a batch over all processes) of each stage of the training, in their order.
        process: number of this process, 0 to `processes` - 1.
        processes: that train together.

    Attributes:
        start_step: the first step of the next iteration, 0 unless set; the number of steps done, when going on.

    Raises:
        SettingsError: a stage without steps, a batch that the processes cannot share equally, or no such process.
    """

    def __init__(
        self, order: MixedOrder, stages: Sequence[tuple[int, int]], *, process: int = 0, processes: int = 1
    ) -> None:
        if not 0 <= process < processes:
            raise SettingsError(f"Process {process} of {processes}; needed 0 to {processes - 1}. Correct the number.")
        for steps, size in stages:
            if steps < 1 or size < 1 or size % processes:
                raise SettingsError(
                    f"A stage of {steps} steps with batches of {size} images for {processes} processes; needed a step, "
                    f"and a multiple of {processes} images. Change the batch size or the number of processes."
                )
        self.order = order
        self.process, self.processes = process, processes
        self.start_step = 0
        self._sizes = [size for _, size in stages]
        self._steps = [0, *accumulate(steps for steps, _ in stages)]  # where stages begin and end
        self._offsets = [0, *accumulate(steps * size for steps, size in stages)]

    def __len__(self) -> int:
        """Steps of the next iteration."""
        return max(0, self._steps[-1] - self.start_step)

    def __iter__(self) -> Iterator[list[Place]]:
        """Yield this process's part of each batch from `start_step` to the last step."""
        for step in range(self.start_step, self._steps[-1]):
            yield self.places(step)

    def places(self, step: int) -> list[Place]:
        """What this process reads at a step, which is at or above 0 and below the number of steps."""
        stage = bisect_right(self._steps, step) - 1
        own = self._sizes[stage] // self.processes
        first = self._offsets[stage] + (step - self._steps[stage]) * self._sizes[stage] + self.process * own
        positions = np.arange(first, first + own, dtype=np.int64)
        data_sets, rows = self.order(positions)
        return list(zip(data_sets.tolist(), rows.tolist(), positions.tolist(), strict=True))
