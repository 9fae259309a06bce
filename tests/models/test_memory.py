"""Where memory ends, one sentence says what to do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from echocare_core.errors import DeviceMemoryError
from echocare_core.models.memory import explained_memory
from echocare_core.training.iterations import PreciseEvaluator, PreciseTrainer

OF_THE_CPU = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            8,
            "cuda:0 has no memory left for a batch of 8 images of 32x48 px; needed room for it. Set batch_size to 4",
        ),
        (1, "cuda:0 has no memory left for a batch of 1 image of 32x48 px; needed room for it. Set device to cpu, or"),
    ],
)
def test_a_batch_too_large_for_a_gpu_is_named(images, said):
    with (
        pytest.raises(DeviceMemoryError) as caught,
        explained_memory("cuda:0", {"image": torch.zeros(images, 3, 32, 48)}),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    assert str(caught.value).startswith(said)


def test_without_a_batch_it_is_the_network_that_does_not_fit():
    said = "End other programs that use it, or set device to cpu"
    with pytest.raises(DeviceMemoryError, match=said), explained_memory("cuda:0"):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_memory_of_the_machine_ends_in_a_sentence_too():
    said = "The machine has no memory left for a batch of 2 images of 8x8 px"
    with pytest.raises(DeviceMemoryError, match=said), explained_memory("cpu", {"image": torch.zeros(2, 3, 8, 8)}):
        raise RuntimeError(OF_THE_CPU)


def test_a_library_of_the_gpu_without_memory_ends_in_it_too():
    with pytest.raises(DeviceMemoryError, match="cuda has no memory left"), explained_memory("cuda"):
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def test_another_error_stays_what_it_is():
    with pytest.raises(RuntimeError, match="mat1 and mat2"), explained_memory("cpu"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


class Greedy(nn.Linear):
    """A network that the memory does not hold."""

    def forward(self, image):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_a_training_and_an_evaluation_end_in_the_sentence():
    network, batches = Greedy(1, 1), [{"image": torch.zeros(4, 1), "label": torch.zeros(4, 1)}]
    trainer = PreciseTrainer(
        device=torch.device("cpu"), max_epochs=1, train_data_loader=batches, network=network,
        optimizer=torch.optim.SGD(network.parameters()), loss_function=nn.MSELoss(),
    )  # fmt: skip
    evaluator = PreciseEvaluator(device=torch.device("cpu"), val_data_loader=batches, network=network)
    for engine in (trainer, evaluator):
        with pytest.raises(DeviceMemoryError, match="no memory left for a batch of 4 images"):
            engine.run()
