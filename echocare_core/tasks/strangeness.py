"""How strange a picture is: the Mahalanobis distance of its features from the nearest class of known pictures.

Lee et al., NeurIPS 2018: one mean for each class, and one covariance within all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from echocare_core.counting import counted
from echocare_core.errors import TrainingError

LEAST_SPREAD = 1e-3  # of a feature, before normalisation


class Strangeness(nn.Module):
    """The distance, in units of that which a given share of known pictures exceeds.

    All that is fitted stands in its state dict as buffers; nothing is learned by gradient.

    Args:
        channels: features of a picture.
        classes: most classes of known pictures.
    """

    mean: Tensor
    spread: Tensor
    whitening: Tensor
    centres: Tensor
    unit: Tensor

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.register_buffer("whitening", torch.eye(channels))
        self.register_buffer("centres", torch.zeros(classes, channels))
        self.register_buffer("unit", torch.ones(1))

    def normalise(self, features: Tensor) -> Tensor:
        """Features (batch, channels) with the mean 0 and the spread 1 that known pictures have."""
        return (features - self.mean) / self.spread

    def forward(self, normalised: Tensor) -> Tensor:
        """Strangeness (batch,) of normalised features: 0 or more, 1 where the given share of known pictures is."""
        whitened = normalised @ self.whitening
        distances = (whitened[:, None] - self.centres).square().sum(dim=2)
        return distances.amin(dim=1).sqrt() / self.unit

    @torch.no_grad()
    def fit(self, features: Tensor, classes: Tensor, shrinkage: float) -> None:
        """Learn what is known.

        Args:
            features: float (images, channels).
            classes: int64 (images,), number of each one's class.
            shrinkage: share of their mean in all variances, above 0, with which few pictures too have a distance.

        Raises:
            TrainingError: fewer than two images.
        """
        if len(features) < 2:
            raise TrainingError(f"{counted(len(features), 'image')} of known organs; needed two or more. Add images.")
        self.mean.copy_(features.mean(dim=0))
        self.spread.copy_(features.std(dim=0).clamp(min=LEAST_SPREAD))
        normalised = self.normalise(features)
        present, numbers = classes.unique(return_inverse=True)
        means = torch.stack([normalised[numbers == number].mean(dim=0) for number in range(len(present))])
        within = (normalised - means[numbers]).double()
        covariance = within.T @ within / len(within)
        even = covariance.trace() / len(covariance) * torch.eye(len(covariance), dtype=torch.float64)
        values, vectors = torch.linalg.eigh((1 - shrinkage) * covariance + shrinkage * even)
        self.whitening.copy_(vectors / values.clamp(min=LEAST_SPREAD**2).sqrt())
        self.centres.copy_((means @ self.whitening)[torch.arange(len(self.centres)) % len(present)])

    @torch.no_grad()
    def calibrate(self, features: Tensor, false_alarms: float) -> None:
        """Make 1 the strangeness that this share of known pictures exceeds, which `fit` has not seen.

        Args:
            features: float (images, channels) of theirs.
            false_alarms: 0 to 1.
        """
        self.unit.fill_(1.0)
        self.unit.fill_(self(self.normalise(features)).quantile(1 - false_alarms).clamp(min=LEAST_SPREAD))
