"""Plausible ranges of a bundle: for every number it can give, tried on a picture that is made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from echocare_core.bundle import read_plausible
from echocare_core.checks.configurations import read_configuration
from echocare_core.checks.files import INFERENCE
from echocare_core.checks.finding import Note
from echocare_core.types import Frames, Measurement, Output

FRAMES, SIZE, SPACING_MM = 32, (300, 400), (0.2, 0.2)
LOGIT = 9.0
WHOLES = ("cine", "study")  # of `WriteResults`: what makes outputs of a whole


def check_plausible(folder: Path) -> Iterator[str]:
    """Every measurement has a plausible range with its source; lengths in pixels need none."""
    known = read_plausible(folder)
    try:
        given = _columns(read_configuration(folder, INFERENCE))
    except Exception as error:  # noqa: BLE001  (a postprocessing may need what no made-up picture has)
        yield Note(
            f"Its postprocessing could not be tried ({type(error).__name__}): compare ranges and outputs yourself."
        )
        return
    missing = sorted(given - known.keys())
    if missing:
        yield f"metadata.json has no plausible range for {', '.join(missing)}; add it with its source under plausible."


def _columns(parser: ConfigParser) -> set[str]:
    """Columns of all measurements that the bundle gives of a disc, and of the wholes made of it."""
    parts = list(_outputs(parser))
    found = [output for part in parts for output in part]
    for handler in range(len(parser.get("handlers", []))):
        for whole in WHOLES:
            combine = parser.get(f"handlers::{handler}::{whole}") and parser.get_parsed_content(
                f"handlers::{handler}::{whole}"
            )
            found += [output for part in parts for output in combine([part, part])] if combine else []
    return {one.column for one in found if isinstance(one, Measurement) and one.unit not in ("px", "px2")}


def _outputs(parser: ConfigParser) -> Iterator[Sequence[Output]]:
    """What the postprocessing makes of the network's output, and of discs in each of its channels."""
    clip = parser.get("dataset::clip") and parser.get_parsed_content("dataset::clip")
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    times_ms = tuple(20.0 * number for number in range(FRAMES))
    frames = Frames(Path("made-up"), [picture] * FRAMES, SIZE, times_ms, spacing_mm=SPACING_MM)
    number = clip(frames, range(FRAMES))[0] if clip else 0
    item: Mapping[str, Any] = parser.get_parsed_content("preprocessing")({"image": frames, "frame": number})
    network, postprocess = (parser.get_parsed_content(name) for name in ("network_def", "postprocessing"))
    with torch.no_grad():
        pred = network.eval()(item["image"].as_tensor()[None])[0]
    for one in (pred, *_discs(pred)):
        yield postprocess({**item, "pred": MetaTensor(one, meta=item["image"].meta)})["outputs"]


def _discs(pred: torch.Tensor) -> Iterator[torch.Tensor]:
    """Logits (channels, [time,] height, width) that are sure of a disc in one channel, and of another around it."""
    if pred.ndim < 3:
        return
    height, width = pred.shape[-2:]
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    disc = rows.square() + columns.square() < 0.2
    for channel in range(len(pred)):
        logits = torch.full_like(pred, -LOGIT)
        logits[channel] = torch.where(disc, LOGIT, -LOGIT)
        logits[0 if channel else -1] = torch.where(disc, -LOGIT, LOGIT)
        yield logits
