"""The probabilities of a frame are the mean of its own and of those of the neighbours that there are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import Tensor

from echocare_core.training import FlipInferer, PrecisionInferer
from echocare_core.training.smoothing import SmoothingInferer, batch_with_neighbours

MISSING = torch.full((3, 8, 12), torch.nan)


class Seen(torch.nn.Conv2d):
    """A network of one layer, and how many pictures each call brought it."""

    def __init__(self) -> None:
        super().__init__(3, 4, 3, padding=1)
        self.calls: list[int] = []

    def forward(self, image: Tensor) -> Tensor:
        self.calls.append(len(image))
        return super().forward(image)


@pytest.fixture
def network() -> Seen:
    torch.manual_seed(0)
    return Seen()


@pytest.fixture
def cine() -> Tensor:
    return torch.rand(6, 3, 8, 12, generator=torch.Generator().manual_seed(1))


def around(cine: Tensor, numbers: list[int], reach: int = 1) -> Tensor:
    """Neighbours of some frames of a cine, as items carry them."""
    places = [[near for near in range(number - reach, number + reach + 1) if near != number] for number in numbers]
    return torch.stack(
        [torch.stack([cine[near] if 0 <= near < len(cine) else MISSING for near in near_one]) for near_one in places]
    )


@pytest.mark.parametrize("reach", [1, 2])
def test_probabilities_are_the_mean_over_the_frames_that_there_are(network: Seen, cine: Tensor, reach: int) -> None:
    plain = network(cine).softmax(dim=1)
    smoothed = SmoothingInferer(SimpleInferer())(cine, network, neighbours=around(cine, list(range(6)), reach))

    for number in range(6):
        near = plain[max(number - reach, 0) : number + reach + 1]
        torch.testing.assert_close(smoothed[number].softmax(dim=0), near.mean(dim=0))


def test_each_frame_of_a_batch_is_computed_once_and_no_more_at_a_time_than_the_batch_has(
    network: Seen, cine: Tensor
) -> None:
    SmoothingInferer(SimpleInferer())(cine[1:5], network, neighbours=around(cine, [1, 2, 3, 4]))
    assert network.calls == [4, 2]


def test_a_frame_is_the_same_in_whatever_batch_it_comes(network: Seen, cine: Tensor) -> None:
    smooth = SmoothingInferer(FlipInferer())
    whole = smooth(cine, network, neighbours=around(cine, list(range(6))))
    parts = [smooth(cine[n : n + 2], network, neighbours=around(cine, [n, n + 1])) for n in (0, 2, 4)]

    torch.testing.assert_close(torch.cat(parts), whole)


def test_several_cines_and_stills_may_share_a_batch(network: Seen, cine: Tensor) -> None:
    other, still = cine[:2].flip(0), cine[5:]
    inputs = torch.cat([cine[2:3], other[:1], still])
    neighbours = torch.stack([around(cine, [2])[0], around(other, [0])[0], torch.stack([MISSING, MISSING])])
    found = SmoothingInferer(SimpleInferer())(inputs, network, neighbours=neighbours).softmax(dim=1)
    plain = network(cine).softmax(dim=1)

    torch.testing.assert_close(found, torch.stack([plain[1:4].mean(0), plain[:2].mean(0), plain[5]]))


@pytest.mark.parametrize("missing", [None, torch.stack([torch.stack([MISSING, MISSING])] * 6)], ids=["none", "nan"])
def test_stills_go_through_untouched(network: Seen, cine: Tensor, missing: Tensor | None) -> None:
    assert torch.equal(SmoothingInferer(SimpleInferer())(cine, network, neighbours=missing), network(cine))


def test_a_probability_of_nothing_stays_a_number(cine: Tensor) -> None:
    def sure(image: Tensor) -> Tensor:
        return torch.stack([1e4 * image[:, 0], -1e4 * image[:, 0]], dim=1)

    found = SmoothingInferer(SimpleInferer())(cine, sure, neighbours=around(cine, list(range(6))))
    assert found.isfinite().all()


def test_the_precision_is_that_of_the_other_inferer() -> None:
    inferers: list[Any] = [SimpleInferer(), PrecisionInferer("bfloat16")]
    assert [SmoothingInferer(one).precision for one in inferers] == ["float32", "bfloat16"]


def test_the_inferer_is_called_with_the_neighbours_of_a_batch(cine: Tensor) -> None:
    near = around(cine, list(range(6)))
    image, label, args, given = batch_with_neighbours({"image": cine, "neighbours": near}, torch.device("cpu"))

    assert torch.equal(image, cine)
    assert (label, args, list(given)) == (None, (), ["neighbours"])
    assert given["neighbours"] is near


def test_a_batch_without_neighbours_is_called_as_ever(cine: Tensor) -> None:
    assert batch_with_neighbours({"image": cine}, torch.device("cpu"))[2:] == ((), {})
