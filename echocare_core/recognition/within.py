"""A bundle that runs within another one, on a picture that the other one has loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Transform
from torch import nn

from echocare_core.bundle import find_bundle, read_json
from echocare_core.types import Output
from echocare_core.workflow import as_literal


class BundleWithin:
    """Preprocessing, network, inferer and postprocessing of a bundle's `inference.json`, on PyTorch.

    Args:
        bundle: name or folder of the bundle.
        device: where to compute.
        settings: further entries of its configuration to replace.

    Attributes:
        folder: of the bundle.

    Raises:
        EchoCareError: no such bundle, or one that cannot be loaded.
    """

    def __init__(self, bundle: str | Path, device: str, settings: Mapping[str, Any] | None = None) -> None:
        self.folder = find_bundle(bundle)
        parser = ConfigParser(read_json(self.folder / "configs" / "inference.json"))
        parser["bundle_root"], parser["device"] = as_literal(str(self.folder)), device
        for name, value in (settings or {}).items():
            parser[name] = value
        self._device = torch.device(device)
        self._prepare: Transform = parser.get_parsed_content("preprocessing")
        self._network: nn.Module = parser.get_parsed_content("network")
        self._infer: Any = parser.get_parsed_content("inferer")
        self._finish: Transform = parser.get_parsed_content("postprocessing")

    @torch.inference_mode()
    def outputs_of(self, picture: MetaTensor) -> tuple[Output, ...]:
        """What the bundle says of one picture.

        Args:
            picture: as `LoadUltrasoundd` leaves it: float32 (3, height, width) in [0, 255], or (3, time, height,
                width) of a clip, which its middle frame stands for; its meta say `scan_box` and `spacing_mm`.

        Returns:
            Its outputs, in pixels of that picture.
        """
        frame = picture if picture.ndim == 3 else picture[:, picture.shape[1] // 2]
        pixels = MetaTensor(
            frame.as_tensor().permute(1, 2, 0).cpu(),
            meta={name: picture.meta[name] for name in ("scan_box", "spacing_mm") if name in picture.meta},
        )
        item: Any = self._prepare({"image": pixels, "frame": 0})
        logits = self._infer(item["image"].as_tensor()[None].to(self._device), self._network)
        outputs: tuple[Output, ...] = self._finish({**item, "pred": logits[0]})["outputs"]
        return outputs
