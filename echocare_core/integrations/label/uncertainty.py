"""What to draw next: the picture that the bundle, as it is trained now, is least sure of."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.utils.others.generic import name_to_device
from torch import Tensor

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.bundle import WEIGHTS
from echocare_core.checksum import sha256_of
from echocare_core.errors import UnreadableFrames, own_cause
from echocare_core.frames.read import read_frames
from echocare_core.frames.series import read_series

logger = logging.getLogger(__name__)

SCORES = "uncertainty.json"
SECONDS = 20.0  # that a request may take; what is not scored then is scored by the next ones
FRAMES_OF_A_CINE = 5


class Score(NamedTuple):
    """How unsure the network is of a picture.

    Attributes:
        entropy: mean entropy of the labels, 0 (sure) to 1 (every label as likely).
        frame: of a cine, the 0-based number of the frame with the highest.
    """

    entropy: float
    frame: int


def mean_entropy(image: Tensor, network: Callable[[Tensor], Tensor]) -> float:
    """Mean over the pixels of the entropy of a segmentation, under flip test-time augmentation.

    The probabilities are the mean of those of the picture and of its mirror images, left to right, top to bottom and
    both, flipped back: where they contradict each other, the mean is undecided. The entropy
    H = -sum(p log p) / log(labels) is 1 where every label is as likely.

    Args:
        image: (1, channels, height, width).
        network: gives logits (1, labels, height, width).

    Returns:
        0 to 1.
    """
    mean: Tensor | float = 0.0
    flips: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
    with torch.inference_mode():
        for dims in flips:
            mean = mean + network(image.flip(dims)).float().softmax(dim=1).flip(dims) / len(flips)
    entropy = torch.special.entr(torch.as_tensor(mean)).sum(dim=1) / torch.tensor(float(mean.shape[1])).log()  # type: ignore[union-attr]
    return float(entropy.mean())


class MostUncertain(Strategy):
    """The unlabelled picture with the highest `mean_entropy`.

    Scores are kept in the folder of the bundle as long as its weights are the same. A request scores for `seconds`
    (20 unless it says otherwise) and takes the highest known; `left` of its answer tells how many are still unknown.
    Pictures that cannot be read are passed over, and the log names them.

    Args:
        name: of the bundle.
        task: that infers with it.
    """

    def __init__(self, name: str, task: Any) -> None:
        super().__init__(f"The picture that {name} is least sure of: mean entropy over flips of the picture")
        self.name, self.task, self.folder = name, task, Path(task.bundle_path)

    def __call__(self, request: dict[str, Any], datastore: Any) -> dict[str, Any] | None:
        """`id`, `weight` (the entropy), `frame` and `left`; None where nothing is unlabelled, or can be read."""
        images = datastore.get_unlabeled_images()
        weights = sha256_of(self.folder / WEIGHTS)
        known = self._read(weights)
        until = time.monotonic() + float(request.get("seconds", SECONDS))
        for image in (one for one in images if one not in known):
            known[image] = self._score(datastore.get_image_uri(image), request)
            if time.monotonic() > until:
                break
        self._write(weights, known)
        scored = {image: known[image] for image in images if known.get(image)}
        if not scored:
            return None
        best, score = max(scored.items(), key=lambda one: one[1].entropy)  # type: ignore[union-attr]
        left = sum(image not in known for image in images)
        return {"id": best, "weight": score.entropy, "frame": score.frame, "left": left}  # type: ignore[union-attr]

    def _score(self, path: str, request: dict[str, Any]) -> Score | None:
        """None where it cannot be read."""
        device = name_to_device(request.get("device", "cuda"))
        network = self.task.network_on(device)
        try:
            prepared = ((number, self.task.prepared({"image": path, "frame": number})) for number in some_frames(path))
            scores = [Score(mean_entropy(image.to(device), network), number) for number, image in prepared]
            return max(scores)
        except Exception as error:
            if not isinstance(own := own_cause(error), UnreadableFrames):
                raise
            logger.warning("Not scored: %s", own)
            return None

    def _read(self, weights: str) -> dict[str, Score | None]:
        try:
            kept = json.loads((self.folder / SCORES).read_text(encoding="utf-8"))
            entries = kept["scores"] if kept["weights"] == weights else {}
            return {image: Score(*entry) if entry else None for image, entry in entries.items()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _write(self, weights: str, known: dict[str, Score | None]) -> None:
        with replacing(self.folder / SCORES, OWNER_ALONE) as unfinished:
            unfinished.write_text(json.dumps({"weights": weights, "scores": known}), encoding="utf-8")


def some_frames(path: str) -> list[int]:
    """Numbers of frames to score, evenly spaced: all of a short cine."""
    total = sum(map(len, read_series(Path(path)))) if Path(path).is_dir() else len(read_frames(Path(path)))
    wanted = min(total, FRAMES_OF_A_CINE)
    return [number * total // wanted for number in range(wanted)]
