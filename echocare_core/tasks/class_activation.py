"""Where a classifier found its evidence: its class activation map, and how much of that lies on a drawn lesion."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from math import ceil
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd, MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from echocare_core.evaluation.mask_scores import share_inside
from echocare_core.frames.reduced import enlarge_mask
from echocare_core.outputs import only_output
from echocare_core.transforms.mask import read_mask
from echocare_core.transforms.of_image import OfImage, of_loaded
from echocare_core.types import ClassActivation, Scores

EVIDENCE = "evidence"
EVERY_LABEL = 256  # that a drawn mask may have, with the background
IN_MASK, MASK_SHARE = "activation_in_mask", "mask_share"  # columns


class ClassActivationd(MapTransform):
    """Add the class activation map of the recorded frame to `outputs`, after `ClassificationOutputd` has answered.

    The map is of the class that is asked about at the operating point; without one, of the answer. The evidence of a
    place is its logit of that class less the mean of its logits of all classes: the same number on every logit changes
    no probability, and this is what is left of them without it. Their mean over the picture is the answer's (Zhou et
    al., CVPR 2016, arXiv 1512.04150, equations 1 and 2); between places it is interpolated linearly.

    Args:
        keys: logits (classes, rows, columns) of `ClassActivationNetwork`; they stay as they are. Of logits (classes,),
            as another network gives them, nothing is added.
        image_key: the picture the logits are of, with its meta.
        preprocessing: the transforms that prepared it, which are undone.
    """

    def __init__(self, keys: KeysCollection, image_key: str, preprocessing: Compose) -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.as_recorded = Invertd(EVIDENCE, preprocessing, orig_keys=image_key, nearest_interp=False, to_tensor=True)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            logits = torch.as_tensor(item[key]).as_subclass(Tensor).float().cpu()
            if logits.ndim == 3:
                item["outputs"] = (*item["outputs"], self._activation(logits, item))
        return item

    def _activation(self, logits: Tensor, item: Mapping[Hashable, Any]) -> ClassActivation:
        scores = only_output(item["outputs"], Scores, "A class activation map")
        label = scores.operating_point.label if scores.operating_point else scores.answer
        evidence = logits[list(scores.probabilities).index(label)] - logits.mean(dim=0)
        return ClassActivation(scores.name, label, self._in_frame(evidence, item[self.image_key]))

    def _in_frame(self, evidence: Tensor, image: MetaTensor) -> NDArray[np.float32]:
        """Evidence (rows, columns) of places of a prepared picture, (height, width) in the frame that was recorded."""
        size = image.shape[-2:]
        prepared = functional.interpolate(evidence[None, None], size, mode="bilinear", align_corners=False)[0]
        found = self.as_recorded({EVIDENCE: MetaTensor(prepared), self.image_key: image})[EVIDENCE]
        values = convert_to_numpy(found)[0]
        top, left, bottom, right = (int(edge) for edge in image.meta["scan_box"])
        seen = np.full_like(values, math.nan)
        seen[top:bottom, left:right] = values[top:bottom, left:right]
        height, width = (int(side) for side in image.meta["recorded_size"])
        return enlarge_mask(seen, (height, width)) if ceil(height / len(seen)) > 1 else seen


def of_picture(logits: Tensor) -> Tensor:
    """Logits (classes,) or (batch, classes) of pictures: the mean of those of their places (..., rows, columns)."""
    return logits.mean(dim=(-2, -1)) if logits.ndim > 2 else logits


def score_activation(item: Mapping[Hashable, Any], lesion: int | None) -> dict[str, float]:
    """How much of the evidence for the class lies inside the drawn mask of the lesion.

    Args:
        item: with `outputs`, a `ClassActivation` among them, and `mask`, the path of the drawn one; `image`, and
            `frame` of a cine.
        lesion: label number of the lesion, the last one of drawn masks; None: all that is drawn is.

    Returns:
        `activation_in_mask` and `mask_share`, as of `share_inside`; nothing where the item has no map or no mask.

    Raises:
        TableError: a drawn mask that cannot be read, or has another size than the frame.
    """
    maps = [one for one in item["outputs"] if isinstance(one, ClassActivation)]
    if not maps or not item.get("mask"):
        return {}
    evidence, frame = maps[0].evidence, int(item.get("frame") or 0)
    drawn = read_lesion(item["mask"], evidence.shape, lesion, frame=frame, image=of_loaded(item.get("image")))
    return dict(zip((IN_MASK, MASK_SHARE), share_inside(evidence, drawn), strict=True))


def read_lesion(
    path: str, size: tuple[int, ...], lesion: int | None, *, threshold: int | None = None, frame: int, image: OfImage
) -> NDArray[np.bool_]:
    """Where a drawn mask shows a lesion: bool (height, width).

    Args:
        path, size, threshold, frame, image: as of `read_mask`, which says what makes it fail.
        lesion: label number of the lesion, the last one of the masks; None: all that is drawn is.
    """
    any_drawn = EVERY_LABEL if threshold is None else 2
    labels = any_drawn if lesion is None else lesion + 1
    values = read_mask(path, size, labels, threshold, frame, image)
    return values > 0 if lesion is None else values == lesion
