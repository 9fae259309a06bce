"""A loss that is not finite ends a training before it reaches the weights, with the names of the files."""

import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer

from echocare_core.errors import SettingsError, TrainingError
from echocare_core.training.finite import StopAtNotFinite
from echocare_core.training.numbers import check_whole


class Broken(torch.nn.MSELoss):
    """A loss that is wrong in some way."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, output, label):
        return self.way(super().forward(output, label))


def trainer(way):
    data = Dataset([{"image": torch.rand(3), "label": torch.rand(1), "name": f"{n}.png"} for n in range(2)])
    network = torch.nn.Linear(3, 1)
    return SupervisedTrainer(
        device=torch.device("cpu"), max_epochs=1, train_data_loader=DataLoader(data, batch_size=2), network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=1.0), loss_function=Broken(way), decollate=False,
        train_handlers=[StopAtNotFinite()],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (lambda loss: loss * float("nan"), "loss nan"),
        (lambda loss: loss + float("inf"), "loss inf"),
        (lambda loss: (loss - loss.detach()).sqrt(), "norm of the gradient nan|norm of the gradient inf"),
    ],
    ids=["no number", "infinite", "a gradient"],
)
def test_it_stops_before_the_weights_move(way, said):
    engine = trainer(way)
    engine.logger.setLevel("CRITICAL")
    before = engine.network.weight.detach().clone()
    with pytest.raises(TrainingError, match=rf"Step 1: .*({said}).*held 0\.png, 1\.png\. Look at these files"):
        engine.run()
    assert engine.network.weight.equal(before)


def test_a_finite_loss_trains_as_without_it():
    engine = trainer(lambda loss: loss)
    before = engine.network.weight.detach().clone()
    engine.run()
    assert not engine.network.weight.equal(before)


@pytest.mark.parametrize("value", [0, -1, 2.5, "4", True, None])
def test_a_size_that_is_no_whole_number_is_refused(value):
    with pytest.raises(SettingsError, match=r"batch_size is .*; needed a whole number from 1 on"):
        check_whole("batch_size", value)
