"""The network's output as boxes of the recorded frame."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.apps.detection.utils.box_selector import BoxSelector
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray
from torch import Tensor

from echocare_core.bounds import check_count, check_share
from echocare_core.tasks.detection.coding import BoxCoding
from echocare_core.transforms.places import recorded_places
from echocare_core.types import Boxes

SCORE, CLASS = 4, 5  # columns of a candidate, after its corners


class BoxChoice:
    """Which of the boxes that a network gives are kept, surest first.

    Args:
        coding: of the network.
        classes: names, in the order of its outputs.
        single: classes of which a picture has one: the surest is kept.
        candidate_score: confidence from which on a box is looked at.
        most_iou: overlap (IoU) with a surer box of the same class above which a box is dropped.
        most_boxes: of a picture.

    Raises:
        SettingsError: a score or overlap that is not from 0 to 1, or no box at most.
    """

    def __init__(
        self,
        coding: BoxCoding,
        *,
        classes: Sequence[str],
        single: Sequence[str],
        candidate_score: float,
        most_iou: float,
        most_boxes: int,
    ) -> None:
        check_share("candidate_score", candidate_score)
        check_share("most_iou", most_iou)
        check_count("most_boxes", most_boxes)
        self.coding, self.classes = coding, list(classes)
        self.single = [self.classes.index(name) for name in single]
        self.selector = BoxSelector(
            apply_sigmoid=True,
            score_thresh=candidate_score,
            topk_candidates_per_level=max(coding.places),
            nms_thresh=most_iou,
            detections_per_img=most_boxes,
        )

    def __call__(self, output: Tensor) -> Tensor:
        """Boxes in the output (4 + classes, places) of one picture.

        Returns:
            float32 (boxes, 6): top, left, bottom, right in pixels of the network's input, confidence and class.
        """
        coding, detector = self.coding, self.coding.detector
        parts = coding.split(torch.as_tensor(output).as_subclass(Tensor)[None].cpu())
        boxes = detector.box_coder.decode_single(parts[detector.box_reg_key][0], coding.anchors)
        logits = parts[detector.cls_key][0]
        levels = (list(numbers.split(coding.places)) for numbers in (boxes, logits))
        corners, scores, classes = self.selector.select_boxes_per_image(*levels, coding.image_size)
        found = torch.cat([corners, scores[:, None], classes[:, None].float()], dim=1)
        found = found[found[:, SCORE].argsort(descending=True, stable=True)]
        classes_found = found[:, CLASS].int().tolist()
        first = [one not in classes_found[:place] for place, one in enumerate(classes_found)]
        kept = [is_first or one not in self.single for one, is_first in zip(classes_found, first, strict=True)]
        return found[torch.tensor(kept, dtype=torch.bool)]


class DetectionOutputd(MapTransform):
    """The network's output as boxes of the recorded frame, in `outputs` of the item.

    Args:
        keys: output (4 + classes, places); replaced by all candidates, float64 (boxes, 6): top, left, bottom, right in
            pixels of the recorded frame, confidence and class, surest first.
        image_key: the prepared picture that it is of, with its meta.
        choice: which boxes are candidates.
        least_score: confidence from which on a candidate is an answer; fixed on data that are not reported on.

    Raises:
        SettingsError: a score that is not from 0 to 1.
    """

    def __init__(self, keys: KeysCollection, image_key: str, choice: BoxChoice, least_score: float) -> None:
        super().__init__(keys)
        check_share("least_score", least_score)
        self.image_key, self.choice, self.least_score = image_key, choice, least_score

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        classes = self.choice.classes
        for key in self.key_iterator(item):
            candidates = _in_frame(self.choice(item[key]), item[self.image_key])
            answers = candidates[candidates[:, SCORE] >= self.least_score]
            labels = tuple(classes[int(one)] for one in answers[:, CLASS])
            scores = tuple(map(float, answers[:, SCORE]))
            item[key] = torch.from_numpy(candidates)
            item["outputs"] = (Boxes(answers[:, :SCORE], labels, scores, tuple(classes)),)
        return item


def _in_frame(found: Tensor, image: MetaTensor) -> NDArray[np.float64]:
    """Boxes in pixels of the recorded frame, inside it; those that lie in the padding alone are left out."""
    numbers = found.double().numpy()
    edges = recorded_places(image, numbers[:, :SCORE].reshape(-1, 2) - 0.5) + 0.5  # of a pixel, not its centre
    height, width = (int(side) for side in image.meta["recorded_size"])
    corners = edges.reshape(-1, 4).clip(0, [height, width, height, width])
    inside = (corners[:, :2] < corners[:, 2:]).all(axis=1)
    return np.hstack([corners, numbers[:, SCORE:]])[inside]
