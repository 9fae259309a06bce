"""Inference there: MONAI Label's own, without what it does to results of other bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferType
from monailabel.tasks.infer.bundle import BundleInferTask

from echocare_core.integrations.label.folder import labels_to_draw


class LabelInferTask(BundleInferTask):
    """A bundle whose configuration finishes mask or boxes (`SaveImageForLabeld`), so that nothing is resized after it.

    Args:
        folder: of the bundle.
        conf: of the server.
    """

    def __init__(self, folder: Path, conf: dict[str, str]) -> None:
        kind = InferType.SEGMENTATION  # also of boxes, whose own writer there makes three-dimensional ones
        super().__init__(str(folder), conf, type=kind, post_filter=None, add_post_restore=False, load_strict=True)
        self.labels = {name.lower(): value for value, name in labels_to_draw(folder).items()}

    def prepared(self, request: dict[str, Any]) -> Any:
        """The picture as the network gets it, with a batch axis.

        Args:
            request: with `image` (path) and, of a cine, `frame`.
        """
        item = dict(request)
        for transform in self.pre_transforms(item):
            item = transform(item)
        return item[self.input_key].as_tensor()[None]

    def network_on(self, device: str) -> Any:
        """The network with the weights that the bundle has now, in evaluation mode."""
        return self._get_network(device, None)
