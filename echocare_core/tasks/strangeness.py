"""How strange a picture is (an out-of-distribution score): the relative Mahalanobis distance from known pictures.

Lee et al., NeurIPS 2018: one mean for each class, and one covariance within all of them. Ren et al., arXiv 2106.09022:
the distance from all known pictures together is taken off, so that what is only rare in every way counts less.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from echocare_core.counting import counted
from echocare_core.errors import TrainingError

LEAST_SPREAD = 1e-3  # of a feature, before normalisation, and of what the scale is made of


class Strangeness(nn.Module):
    """The distance, 0 for the median of known pictures and 1 where a given share of them is stranger.

    All that is fitted stands in its state dict as buffers; nothing is learned by gradient.

    Args:
        channels: features of a picture.
        classes: most classes of known pictures.
    """

    mean: Tensor
    spread: Tensor
    within: Tensor
    overall: Tensor
    centres: Tensor
    scale: Tensor

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.register_buffer("within", torch.eye(channels))  # whitens by the covariance within classes
        self.register_buffer("overall", torch.eye(channels))  # and by that of all pictures
        self.register_buffer("centres", torch.zeros(classes, channels))
        self.register_buffer("scale", torch.tensor([0.0, 1.0]))  # distances of strangeness 0 and 1

    def normalise(self, features: Tensor) -> Tensor:
        """Features (batch, channels) with the mean 0 and the spread 1 that known pictures have."""
        return (features - self.mean) / self.spread

    def forward(self, normalised: Tensor) -> Tensor:
        """Strangeness (batch,) of normalised features (batch, channels)."""
        return (self._distance(normalised) - self.scale[0]) / (self.scale[1] - self.scale[0])

    def _distance(self, normalised: Tensor) -> Tensor:
        """Squared distance from the nearest class less that from the mean of all (Ren et al., equation 2): (batch,)."""
        apart = (normalised @ self.within)[:, None] - self.centres
        return apart.square().sum(dim=2).amin(dim=1) - (normalised @ self.overall).square().sum(dim=1)

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
        self.within.copy_(_whitening(normalised - means[numbers], shrinkage))
        self.overall.copy_(_whitening(normalised, shrinkage))
        self.centres.copy_((means @ self.within)[torch.arange(len(self.centres)) % len(present)])

    @torch.no_grad()
    def calibrate(self, features: Tensor, false_alarms: float) -> None:
        """Make 0 the median strangeness of known pictures, and 1 that which this share of them exceeds.

        Args:
            features: float (images, channels) of pictures that `fit` has not seen.
            false_alarms: 0 to 0.5.
        """
        distances = self._distance(self.normalise(features))
        low, high = distances.median(), distances.quantile(1 - false_alarms)
        self.scale.copy_(torch.stack([low, torch.maximum(high, low + LEAST_SPREAD)]))


def _whitening(centred: Tensor, shrinkage: float) -> Tensor:
    """The matrix (channels, channels) that gives features of mean 0 the covariance of white noise."""
    centred = centred.double()
    covariance = centred.T @ centred / len(centred)
    even = covariance.trace() / len(covariance) * torch.eye(len(covariance)).to(covariance)
    values, vectors = torch.linalg.eigh((1 - shrinkage) * covariance + shrinkage * even)
    return vectors / values.clamp(min=LEAST_SPREAD**2).sqrt()
