"""Masks that do not flicker: the probabilities of a frame as the mean of its own and of those of its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.engines import default_prepare_batch
from monai.inferers import Inferer
from monai.utils import convert_to_tensor
from torch import Tensor

from echocare_core.transforms.neighbours import NEIGHBOURS


class SmoothingInferer(Inferer):
    """Another inferer on each frame, and the mean of the probabilities over the neighbours that there are.

    A moving average over time: it takes away what changes from frame to frame, noise and movement alike. Pictures
    without neighbours go through as if the other inferer were called.

    Args:
        inferer: gives logits (batch, labels, ...) of pictures.
    """

    def __init__(self, inferer: Inferer) -> None:
        super().__init__()
        self.inferer = inferer
        self.precision = getattr(inferer, "precision", "float32")

    def __call__(
        self,
        inputs: Tensor,
        network: Callable[..., Tensor],
        *args: Any,
        neighbours: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Run the network, on no more pictures at once than the batch has.

        Args:
            inputs: (batch, channels, height, width).
            network: as the other inferer takes it.
            args, kwargs: for the other inferer.
            neighbours: (batch, neighbours, channels, height, width), nan where there is none
                (`transforms.ComposeWithNeighbours`); None for pictures that have none.

        Returns:
            Logits (batch, labels, ...), whose softmax is the mean of the probabilities; what the other inferer says
            of several frames where it has a `mean_of_frames`, (frames, channels, ...) -> (channels, ...).
        """
        if neighbours is None or (missing := neighbours.flatten(2).isnan().any(dim=2)).all():
            logits: Tensor = self.inferer(inputs, network, *args, **kwargs)
            return logits
        present = torch.cat([torch.ones_like(missing[:, :1]), ~missing], dim=1)
        own = convert_to_tensor(inputs, track_meta=False)[:, None]
        shown = torch.cat([own, neighbours], dim=1)[present]
        different, places = torch.unique(shown.flatten(1), dim=0, return_inverse=True)  # items share their neighbours
        batches = different.unflatten(1, shown.shape[1:]).split(len(inputs))
        found = torch.cat([self.inferer(batch, network, *args, **kwargs) for batch in batches])[places]
        mean = getattr(self.inferer, "mean_of_frames", mean_logits)
        return torch.stack([mean(of_item) for of_item in found.split(present.sum(dim=1).tolist())])


def mean_logits(logits: Tensor) -> Tensor:
    """Logits (frames, labels, ...) to (labels, ...); of one frame as they are, of more up to a constant."""
    return logits[0] if len(logits) == 1 else logits.log_softmax(dim=1).logsumexp(dim=0)


def batch_with_neighbours(
    batch: Mapping[str, Any], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Any, Any, tuple[()], dict[str, Any]]:
    """What MONAI's evaluators call an inferer with: the picture, and its neighbours where it has some."""
    image, label = default_prepare_batch(batch, device, non_blocking, **kwargs)
    around = batch.get(NEIGHBOURS)
    given = {} if around is None else {NEIGHBOURS: around.to(device=device, non_blocking=non_blocking, **kwargs)}
    return image, label, (), given
