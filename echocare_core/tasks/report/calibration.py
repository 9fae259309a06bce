"""Probabilities of descriptors that can be believed: a temperature for each, fitted on validation images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.data import Dataset
from torch import nn

from echocare_core.models.weights import load_network
from echocare_core.tasks.calibration import Inferer, fit_temperature, predict_logits, write_calibration
from echocare_core.tasks.report.lexicon import Lexicon
from echocare_core.tasks.report.training import UNKNOWN
from echocare_core.training.network import bare


def calibrate_descriptors(
    weights: str | Path,
    *,
    network: nn.Module,
    dataset: Dataset,
    inferer: Inferer,
    batch_size: int,
    lexicon: Lexicon,
) -> dict[str, Any]:
    """Fit a temperature for each descriptor on images that the weights did not learn from; `calibration.json` has them.

    Args:
        weights: trained ones; the file is written beside them, in one step.
        network: of the training; it gets these weights.
        dataset: items with `image` and `label` (`ClassesOfColumnsd`).
        inferer: how inference calls the network.
        batch_size: images that go through the network together.
        lexicon: whose descriptors the logits are of.

    Returns:
        `temperatures`, by descriptor, as `ReportOutputd` takes them; 1 where no image is known.

    Raises:
        WeightsError: weights of another network.
    """
    device = next(network.parameters()).device
    trained = load_network(bare(network), weights, device)
    logits, truths, _ = predict_logits(trained, dataset, inferer, batch_size, device)
    ends = np.cumsum(lexicon.sizes)[:-1]
    temperatures = {}
    for name, own, numbers in zip(lexicon.names, np.split(logits, ends, axis=1), truths.T, strict=True):
        known = numbers != UNKNOWN
        temperatures[name] = round(fit_temperature(own[known], numbers[known]), 4) if known.any() else 1.0
    found = {"temperatures": temperatures}
    write_calibration(weights, found, len(truths))
    return found
