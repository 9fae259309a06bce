"""What a bundle gives, tried on a picture that is made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from echocare_core.checks.configurations import read_configuration
from echocare_core.checks.files import INFERENCE
from echocare_core.checks.finding import Note
from echocare_core.types import Frames, Output

FRAMES, SIZE, SPACING_MM = 32, (300, 400), (0.2, 0.2)
LOGIT = 9.0
WHOLES = ("cine", "study")  # of `WriteResults`: what makes outputs of a whole
IN_TIME, HELD = "over_time", 4  # what does of frames that change, and for how many frames each picture stands


def try_outputs(folder: Path) -> list[Output] | Note:
    """All outputs that a bundle gives of a disc, and of the wholes made of it; a note where it cannot be tried."""
    try:
        return _given(read_configuration(folder, INFERENCE))
    except Exception as error:  # noqa: BLE001  (a postprocessing may need what no made-up picture has)
        return Note(
            f"Its postprocessing could not be tried ({type(error).__name__}): compare its outputs with metadata.json "
            "yourself."
        )


def _given(parser: ConfigParser) -> list[Output]:
    parts = list(_outputs(parser))
    found = [output for part in parts for output in part]
    for handler in range(len(parser.get("handlers", []))):
        for whole in WHOLES:
            combine = parser.get(f"handlers::{handler}::{whole}") and parser.get_parsed_content(
                f"handlers::{handler}::{whole}"
            )
            found += [output for part in parts for output in combine([part, part])] if combine else []
        if parser.get(f"handlers::{handler}::{IN_TIME}"):
            over_time = parser.get_parsed_content(f"handlers::{handler}::{IN_TIME}")
            numbers = range(2 * HELD * len(parts))
            cine = [part for part in (*parts, *parts) for _ in range(HELD)]
            found += over_time(cine, numbers, [20.0 * number for number in numbers])
    return found


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
