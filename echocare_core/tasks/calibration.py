"""Probabilities of classes that can be believed: what is fitted on validation images once a network is trained.

It is written as a configuration, to be put over a bundle's inference.json or into it.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.data import DataLoader, Dataset
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from echocare_core.atomic import replacing
from echocare_core.distributed import rank
from echocare_core.evaluation.operating_point import choose_threshold
from echocare_core.models.precision import float32_products
from echocare_core.models.weights import load_network
from echocare_core.tasks.class_activation import of_picture
from echocare_core.training.network import bare

CALIBRATION = "calibration.json"  # beside the weights that it was fitted with
LEAST, MOST = 0.5, 20.0  # temperature: a few images that are all answered right would want none at all
Inferer = Callable[[Tensor, nn.Module], Tensor]
logger = logging.getLogger(__name__)


def calibrate(
    weights: str | Path,
    *,
    network: nn.Module,
    dataset: Dataset,
    inferer: Inferer,
    batch_size: int,
    classes: Sequence[str],
    asked: str | None,
    sensitivity: float | None,
    prevalence: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Fit temperature and operating point on images that the weights did not learn from; `calibration.json` has them.

    Args:
        weights: trained ones; the file is written beside them, in one step.
        network: of the training; it gets these weights.
        dataset: items with `image` (channels, height, width), `label` (number of a class), maybe `group`.
        inferer: how inference calls the network.
        batch_size: images that go through the network together.
        classes: names, in the order of the network's outputs.
        asked: the class of the operating point; None for none: then the likeliest class is the answer.
        sensitivity: least one of the operating point, see `choose_threshold`.
        prevalence: share of each class among the images that were learned from; it is passed on as it is.

    Returns:
        `temperature`, `operating_point` ({"label", "threshold"}, or None) and, where it is known,
        `trained_prevalence`, as an inference.json has them.

    Raises:
        TableError: an operating point of a class that all images have, or none.
        WeightsError: weights of another network.
    """
    device = next(network.parameters()).device
    trained = load_network(bare(network), weights, device)
    logits, truths, groups = predict_logits(trained, dataset, inferer, batch_size, device)
    temperature = round(fit_temperature(logits, truths), 4)  # as it is written, for the threshold holds at this one
    point = None
    if asked is not None:
        number = list(classes).index(asked)
        scores = softmax(logits / temperature, axis=1)[:, number]
        rows = pd.DataFrame({"group": groups, "truth": (truths == number).astype(int), "score": scores})
        least = choose_threshold(rows, rows[:0], sensitivity=sensitivity)
        point = {"label": asked, "threshold": math.floor(1e4 * least) / 1e4}  # not above the image that decides it
    found: dict[str, Any] = {"temperature": temperature, "operating_point": point}
    if prevalence is not None:
        found["trained_prevalence"] = prevalence
    write_calibration(weights, found, len(truths))
    return found


def write_calibration(weights: str | Path, found: dict[str, Any], images: int) -> None:
    """Write what was fitted on so many images beside the weights, `calibration.json`; of several processes the first.

    Args:
        weights: that it was fitted with.
        found: entries of `inference.json`.
        images: of the validation.
    """
    if rank() == 0:
        with replacing(Path(weights).with_name(CALIBRATION)) as unfinished:
            unfinished.write_text(json.dumps(found, indent=4) + "\n", encoding="utf-8")
        logger.info("Fitted on %d validation images: %s", images, json.dumps(found))


def fit_temperature(logits: NDArray[np.floating], truths: NDArray[np.integer]) -> float:
    """What logits are divided by so that their probabilities are likeliest to give the truths.

    One number for all classes, so that no answer of the likeliest class changes (Guo et al., On calibration of modern
    neural networks, ICML 2017, arXiv 1706.04599, section 4.2). It lies between 0.5 and 20.

    Args:
        logits: (images, classes).
        truths: (images,), numbers of classes.
    """
    rows = np.arange(len(truths))

    def loss(logarithm: float) -> float:
        return float(-log_softmax(logits / np.exp(logarithm), axis=1)[rows, truths].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded").x))


@torch.inference_mode()
def predict_logits(
    network: nn.Module, dataset: Any, inferer: Inferer, batch_size: int, device: torch.device
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Logits (images, classes), what their items have as `label`, such as numbers of classes, and groups."""
    network.eval()
    logits, truths = [], []
    with float32_products("float32", device):
        for batch in DataLoader(dataset, batch_size=batch_size):
            found = inferer(batch["image"].as_subclass(Tensor).to(device), network)
            logits.append(of_picture(found).double().cpu())
            truths.append(torch.as_tensor(batch["label"]).cpu())
    groups = [str(item.get("group", number)) for number, item in enumerate(dataset.data)]
    return torch.cat(logits).numpy(), torch.cat(truths).numpy(), groups
