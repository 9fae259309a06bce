"""Boxes and what a network says at each place: MONAI's RetinaNet detector, without the network inside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.apps.detection.utils.anchor_utils import AnchorGenerator
from monai.losses import FocalLoss
from monai.losses.giou_loss import BoxGIoULoss
from torch import Tensor, nn

from echocare_core.errors import SettingsError

PADDING = -1  # class of the rows of a label that are no box


class BoxCoding:
    """What the output of a `DetectionNetwork` means: anchors, and how boxes are coded beside them.

    Args:
        image_size: (height, width) in pixels of the network's input.
        strides: pixels from one place to the next, of each level of the pyramid, finest first.
        anchor_strides: side of the square anchor of a place, in strides.

    Raises:
        SettingsError: an image whose sides are no multiples of the strides.
    """

    def __init__(self, *, image_size: Sequence[int], strides: Sequence[int], anchor_strides: float) -> None:
        if any(side % stride for side in image_size for stride in strides):
            raise SettingsError(
                f"image_size is {list(image_size)} with strides of {list(strides)} px; needed multiples of each. Set "
                "image_size so."
            )
        self.image_size = [int(side) for side in image_size]
        grids = [[side // stride for side in self.image_size] for stride in strides]
        self.places = [height * width for height, width in grids]
        generator = AnchorGenerator([(anchor_strides * stride,) for stride in strides], [(1.0,)] * len(strides))
        self.detector = _Detector(nn.Identity(), generator, spatial_dims=2, num_classes=1)
        shapes = [torch.empty(1, 1, *grid) for grid in grids]
        self.anchors: Tensor = generator(torch.empty(1, 1, *self.image_size), shapes)[0]

    def split(self, output: Tensor) -> dict[str, Tensor]:
        """The network's output as MONAI's detector has it, places before numbers."""
        boxes, logits = output.float().transpose(1, 2).split([4, output.shape[1] - 4], dim=2)
        return {self.detector.box_reg_key: boxes, self.detector.cls_key: logits}


class DetectionLoss(nn.Module):
    """Focal loss of the classes (Lin et al., equation 5) per box, and one minus the generalised IoU of the boxes.

    Which places answer for a box is chosen by ATSS (Zhang et al., CVPR 2020): MONAI's matcher, of which no other
    package is needed.

    Args:
        coding: of the network.
        candidates: places of each level that are nearest to a box, among which ATSS chooses.
        gamma: of the focal loss: how little places count that are right.
        alpha: of the focal loss, the weight of boxes beside that of background.
        box_weight: of the boxes beside the classes.
    """

    def __init__(self, coding: BoxCoding, *, candidates: int, gamma: float, alpha: float, box_weight: float) -> None:
        super().__init__()
        self.coding, self.box_weight = coding, box_weight
        coding.detector.set_atss_matcher(candidates, center_in_gt=False)
        coding.detector.set_cls_loss(_FocalPerBox(gamma, alpha))
        coding.detector.set_box_regression_loss(BoxGIoULoss(), encode_gt=False, decode_pred=True)

    def forward(self, output: Tensor, label: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            output: of a `DetectionNetwork`.
            label: float (batch, rows, 5), of each box top, left, bottom, right in pixels of the input and class; rows
                whose class is -1 are none.
        """
        detector = self.coding.detector
        anchors = [self.coding.anchors.to(output.device)] * len(output)
        losses = detector.compute_loss(self.coding.split(output), as_targets(label), anchors, self.coding.places)
        loss: Tensor = losses[detector.cls_key] + self.box_weight * losses[detector.box_reg_key].to(output.device)
        return loss


def as_targets(label: Tensor) -> list[dict[str, Tensor]]:
    """Labels of `DetectionLoss` as MONAI's detector takes them."""
    kept = [rows[rows[:, 4] != PADDING] for rows in label.as_subclass(Tensor).float()]
    return [{"boxes": rows[:, :4], "labels": rows[:, 4].long()} for rows in kept]


class _FocalPerBox(nn.Module):
    """The sum over all places, by the number of places that answer for a box."""

    def __init__(self, gamma: float, alpha: float) -> None:
        super().__init__()
        self.focal = FocalLoss(gamma=gamma, alpha=alpha, reduction="sum")

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = self.focal(logits, target) / target.sum().clamp(min=1)
        return loss


class _Detector(RetinaNetDetector):
    """MONAI's, which looks for torchvision's matcher before its own, and fails where torchvision is not installed."""

    def compute_anchor_matched_idxs(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]], num_anchor_locs_per_level: Sequence[int]
    ) -> list[Tensor]:
        """Which box each place answers for, int64 (places,), negative for none; of each image."""
        none = [torch.full((len(places),), self.proposal_matcher.BELOW_LOW_THRESHOLD) for places in anchors]
        return [
            self.proposal_matcher(target[self.target_box_key], places, num_anchor_locs_per_level, 1)[1]
            if len(target[self.target_box_key])
            else nothing.to(places.device)
            for places, target, nothing in zip(anchors, targets, none, strict=True)
        ]
