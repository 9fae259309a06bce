"""Batches of the stream: the same for any number of processes and workers, and from any step on."""

from itertools import chain

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from echocare_core.errors import SettingsError
from echocare_core.pretraining.data.order import MixedOrder
from echocare_core.pretraining.data.sampler import StreamSampler

ORDER = MixedOrder([50, 300], [1, 3], windows=[1, 20], seed=1)
STAGES = [(3, 8), (2, 4), (2, 12)]


class Places(Dataset):
    """Gives back what it is asked for."""

    def __getitem__(self, place):
        return place


def batches(**settings):
    return list(StreamSampler(ORDER, STAGES, **settings))


def test_each_stage_has_its_steps_and_batches_of_its_size():
    assert [len(batch) for batch in batches()] == [8, 8, 8, 4, 4, 12, 12]


def test_the_batches_are_the_stream_without_gap_or_repetition():
    places = [place for batch in batches() for place in batch]
    positions = np.arange(56)
    data_sets, rows = ORDER(positions)
    assert places == list(zip(data_sets.tolist(), rows.tolist(), positions.tolist(), strict=True))


@pytest.mark.parametrize("processes", [2, 4])
def test_the_parts_of_all_processes_are_the_batch_of_one(processes):
    parts = [batches(process=process, processes=processes) for process in range(processes)]
    assert [list(chain(*together)) for together in zip(*parts, strict=True)] == batches()


@pytest.mark.parametrize("step", [0, 2, 3, 4, 6, 7])
def test_going_on_at_a_step_gives_the_rest_of_the_batches(step):
    sampler = StreamSampler(ORDER, STAGES)
    sampler.start_step = step
    assert list(sampler) == batches()[step:]
    assert len(sampler) == 7 - step


def test_a_second_iteration_is_the_same_as_the_first():
    sampler = StreamSampler(ORDER, STAGES)
    assert list(sampler) == list(sampler)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_number_of_workers_changes_nothing(workers):
    loader = DataLoader(Places(), batch_sampler=StreamSampler(ORDER, STAGES), num_workers=workers, collate_fn=list)
    assert list(loader) == batches()


@pytest.mark.parametrize("stages", [[(3, 8), (2, 6)], [(0, 8)], [(3, 0)]])
def test_a_stage_that_the_processes_cannot_share_is_refused(stages):
    with pytest.raises(SettingsError, match=r"needed a step, and a multiple of 4 images\. Change the batch size"):
        StreamSampler(ORDER, stages, processes=4)


@pytest.mark.parametrize("process", [-1, 2])
def test_a_process_that_there_is_not_is_refused(process):
    with pytest.raises(SettingsError, match=f"Process {process} of 2; needed 0 to 1"):
        StreamSampler(ORDER, STAGES, process=process, processes=2)
