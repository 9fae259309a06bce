"""A stand-in for the bundle that outlines lesions: what is bright is one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from monai.transforms import Transform
from monai.utils import convert_to_numpy
from output_bundle import write_output_bundle
from recogniser_bundle import change

from echocare_core.tasks.measurements import known_spacing, measure_parts


class MeasureBrightd(Transform):
    """The bright parts of a picture, measured as lesions."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        bright = (convert_to_numpy(data["image"])[0] > 0.5).astype("uint8")
        spacing_mm = known_spacing(data["image"].meta["spacing_mm"])
        named = {"label": 1, "name": "lesion", "counted": "lesions", "smallest_share": 0.1}
        return {**data, "outputs": measure_parts(bright, spacing_mm, **named)}


def write_outliner(folder: Path) -> Path:
    """Write it as a bundle."""
    write_output_bundle(folder, ["mask"])
    finish = {"_target_": "outlining_bundle.MeasureBrightd"}
    change(folder, "inference.json", inferer={"_target_": "SimpleInferer"}, postprocessing=finish)
    return folder
