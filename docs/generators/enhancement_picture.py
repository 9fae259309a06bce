"""Make the picture of `docs/enhance.md` anew: images of the demo degraded, enhanced, as they were, and the difference.

    python docs/generators/enhancement_picture.py

It is kept in the repository, so that the site is built without.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from PIL import Image

from echocare_core.bundle import find_bundle
from echocare_core.demo import EXPORT
from echocare_core.tasks.enhancement.answer import as_bytes

STATIC = Path(__file__).parents[1] / "_static"
SHOWN = ("BREAST/ST000002/SE000001/IM000001", "BREAST/ST000003/SE000001/IM000001", "FETAL/ST000005/SE000001/IM000001")
WIDTH, GAP, QUALITY = 300, 6, 82  # px of each picture, between them; of WebP


def draw_enhancement() -> Image.Image:
    """A row for each image: degraded, enhanced, as it was, and what the bundle has changed."""
    parser = ConfigParser()
    bundle = find_bundle("ultrasound_enhancement")
    parser.read_config([str(bundle / "configs" / name) for name in ("inference.json", "evaluate.json")])
    parser.update({"bundle_root": str(bundle), "device": "cpu"})
    prepare, network, answer = (parser.get_parsed_content(name) for name in ("prepare", "network", "postprocessing"))
    rows = []
    for path in SHOWN:
        item = prepare({"image": str(EXPORT / path)})
        with torch.no_grad():
            pred = network(item["image"].as_tensor()[None])[0]
        enhanced, difference, _ = answer({**item, "pred": pred})["outputs"]
        recorded, original = (as_bytes(item[key].numpy()) for key in ("image", "label"))
        rows.append(_side_by_side([recorded, enhanced.pixels, original, difference.pixels]))
    sheet = Image.new("RGB", (rows[0].width, sum(row.height + GAP for row in rows) - GAP), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + GAP
    return sheet


def _side_by_side(pictures: list[NDArray[np.uint8]]) -> Image.Image:
    height = round(WIDTH * pictures[0].shape[0] / pictures[0].shape[1])
    row = Image.new("RGB", (len(pictures) * (WIDTH + GAP) - GAP, height), "white")
    for number, picture in enumerate(pictures):
        row.paste(
            Image.fromarray(picture).resize((WIDTH, height), Image.Resampling.LANCZOS), (number * (WIDTH + GAP), 0)
        )
    return row


if __name__ == "__main__":
    draw_enhancement().save(STATIC / "enhancement.webp", quality=QUALITY, method=6)
