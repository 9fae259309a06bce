"""What an enhancement does to what pictures are for: outlines of lesions, and cines that do not flicker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from pydicom.examples import get_path

from echocare_core.bundle import find_bundle
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.comparison import compare
from echocare_core.evaluation.estimate import as_summary, estimate
from echocare_core.evaluation.mask_scores import dice
from echocare_core.frames import read_frames
from echocare_core.outputs import only_output
from echocare_core.transforms.mask import read_mask
from echocare_core.types import Mask

LESIONS = {"bus_bra": 20, "busi": 15}  # test images with a lesion, of a set
ORIGINAL = "original"
FRAMES = 10
Pictures = Mapping[str, Callable[[dict[str, Any]], NDArray[np.uint8]]]
"""What is looked at, by name: a prepared item -> uint8 RGB (height, width, 3)."""


def measure_lesions(
    data: Path, prepare: Callable[..., dict[str, Any]], pictures: Pictures
) -> dict[str, dict[str, Any]]:
    """Dice of `breast_lesion_segmentation` on each kind of picture, and less that on the originals."""
    parser = ConfigParser()
    bundle = find_bundle("breast_lesion_segmentation")
    parser.read_config(str(bundle / "configs" / "inference.json"))
    parser.update({"bundle_root": str(bundle), "device": "cpu", "recogniser": None})
    load, network, infer, answer = (
        parser.get_parsed_content(name) for name in ("preprocessing", "network", "inferer", "postprocessing")
    )
    found = []
    for name, most in LESIONS.items():
        rows = pd.read_csv(data / name / "table.csv", dtype=str, keep_default_na=False)
        rows = rows[(rows["split"] == "test") & (rows["mask"] != "")]
        for _, row in rows.sample(frac=1, random_state=0).head(most).iterrows():
            item = prepare({"image": str(data / name / row["image"])})
            drawn = read_mask(str(data / name / row["mask"]), item["image"].shape[-2:], 2)
            for kind, picture in pictures.items():
                looked = load({"image": picture(item)})
                with torch.no_grad():
                    pred = infer(looked["image"].as_tensor()[None], network)[0]
                outputs = answer({**looked, "pred": pred})["outputs"]
                mask = only_output(outputs, Mask, "The Dice").values
                whose = {"image": f"{name} {row['image']}", "group": f"{name} {row['group']}"}
                found.append({**whose, "pictures": kind, "dice": dice(mask == 1, drawn == 1)})
    table = pd.DataFrame(found)
    parts = {str(kind): part for kind, part in table.groupby("pictures", sort=False)}
    return {
        kind: {
            "dice": as_summary(estimate(part, mean_of("dice"))),
            "difference": as_summary(compare(part, parts[ORIGINAL], mean_of("dice")).difference),
        }
        for kind, part in parts.items()
    }


def measure_flicker(prepare: Callable[..., dict[str, Any]], pictures: Pictures) -> dict[str, dict[str, float]]:
    """How much pixels, and the mean of the frame, change from one frame of a cine to the next, in percent of white."""
    frames = read_frames(Path(str(get_path("ybr_color"))))
    top, left, bottom, right = frames.scan_box
    found = {}
    for kind, picture in pictures.items():
        items = (prepare({"image": frames, "frame": number}) for number in range(min(FRAMES, len(frames))))
        cine = np.stack([picture(item)[top:bottom, left:right].mean(axis=-1) for item in items]) / 255 * 100
        steps, of_mean = np.abs(np.diff(cine, axis=0)), np.abs(np.diff(cine.mean(axis=(1, 2))))
        found[kind] = {"pixel": float(steps.mean()), "mean": float(of_mean.mean())}
    return found
