"""Pictures to look at while a training runs: what the network saw, what was hidden, and what it made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ignite.engine import Engine, Events
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from echocare_core.atomic import replacing
from echocare_core.distributed import rank
from echocare_core.errors import SettingsError
from echocare_core.models.echocare import Outputs, View
from echocare_core.pretraining.losses.reconstruction import to_pixels
from echocare_core.pretraining.views.masking import enlarge

HIDDEN_GREY = 0.5
GAP_PX = 4


class ReconstructionPictures:
    """Ignite handler: every so many steps, a PNG with a row per image: input, what was visible, reconstruction.

    Args:
        folder: of the run; the pictures go to `pictures/` in it.
        every: steps between pictures.
        images: rows of a picture.
    """

    def __init__(self, folder: str, *, every: int, images: int) -> None:
        if every < 1:
            raise SettingsError(f"Pictures every {every} steps; needed 1 or more. Change pictures_every.")
        self.folder = Path(folder) / "pictures"
        self.every, self.images = every, images

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        if rank() == 0:
            engine.add_event_handler(Events.ITERATION_COMPLETED(every=self.every), self.draw)

    def draw(self, engine: Engine) -> None:
        """Draw the last batch, where anything was hidden in it."""
        step = engine.state.step_loss
        panel = reconstruction_panel(step.views, step.outputs, self.images, engine.objective.target)
        if panel is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / f"step-{engine.state.iteration:07d}.png") as unfinished:
            Image.fromarray(panel).save(unfinished)


def reconstruction_panel(
    views: Sequence[View], outputs: Sequence[Outputs], images: int, target: str
) -> NDArray[np.uint8] | None:
    """A row per image of the first view with hidden patches: input, visible part, reconstruction of the hidden part.

    Returns:
        uint8 (height, width, 3), or None where no view has hidden patches.
    """
    for view, output in zip(views, outputs, strict=True):
        if view.masked is None or output.reconstruction is None:
            continue
        image = view.image[:images].detach().float().cpu()
        hidden = enlarge(view.masked[:images].cpu(), image.shape[-1] // view.masked.shape[-1])[:, None]
        guess = output.reconstruction[:images].detach().float().cpu()
        guess = to_pixels(guess, image, target, image.shape[-1] // view.masked.shape[-1])
        visible = torch.where(hidden, torch.full_like(image, HIDDEN_GREY), image)
        return _tile([image, visible, torch.where(hidden, guess, image)])
    return None


def _tile(columns: Sequence[Tensor]) -> NDArray[np.uint8]:
    """Columns of images (rows, 3, side, side) to one picture with white gaps."""
    rows, _, side, _ = columns[0].shape
    step = side + GAP_PX
    picture = np.full((rows * step - GAP_PX, len(columns) * step - GAP_PX, 3), 255, np.uint8)
    for across, column in enumerate(columns):
        for down, pixels in enumerate((column.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()):
            picture[down * step : down * step + side, across * step : across * step + side] = pixels
    return picture
