"""Pictures to look at while a training runs: what the network saw, what was hidden, and what it made of it."""

from __future__ import annotations

import colorsys
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
from echocare_core.pretraining.losses.pixel_tree import pixel_probabilities
from echocare_core.pretraining.losses.reconstruction import to_pixels
from echocare_core.pretraining.objective import StepLoss
from echocare_core.pretraining.organs.pixel_tree import PRESENT, PixelTree
from echocare_core.pretraining.views.masking import enlarge

HIDDEN_GREY = 0.5
GAP_PX = 4
TINT, GOLDEN_RATIO = 0.4, 0.618  # steps of hue that keep neighbours apart


class ReconstructionPictures:
    """Ignite handler: every so many steps, a PNG with a row per image: input, what was visible, reconstruction.

    Where labels of pixels are learned, another one: view, what is known of its pixels, what the network says of them.

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
        """Draw the last batch, where anything was hidden or its pixels labelled in it."""
        step = engine.state.step_loss
        panels = {
            "step": reconstruction_panel(step.views, step.outputs, self.images, engine.objective.target),
            "pixels": pixel_panel(step, self.images, engine.objective.pixel_tree),
        }
        for name, panel in panels.items():
            if panel is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
                with replacing(self.folder / f"{name}-{engine.state.iteration:07d}.png") as unfinished:
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


def pixel_panel(step: StepLoss, images: int, pixel_tree: PixelTree) -> NDArray[np.uint8] | None:
    """A row per image of the first plain view: view, nodes known to be present, nodes said to be; one colour for each.

    Returns:
        uint8 (height, width, 3), or None where pixels are not labelled.
    """
    if step.pixel_label is None:
        return None
    first = [view.kind for view in step.views].index("plain")
    image = step.views[first].image[:images].detach().float().cpu()
    logits = step.outputs[first].pixel_logits
    assert logits is not None
    states = torch.from_numpy(pixel_tree.states)[step.pixel_label[:images].cpu().long()].movedim(-1, 1)
    said = pixel_probabilities(logits[:images].detach().cpu(), pixel_tree.ancestors) > 0.5
    return _tile([image, _tint(image, states == PRESENT, pixel_tree), _tint(image, said, pixel_tree)])


def _tint(image: Tensor, shown: Tensor, pixel_tree: PixelTree) -> Tensor:
    """Images with the pixels of each channel, bool (rows, channels, side, side), in its colour, deeper ones on top."""
    for channel in np.argsort(pixel_tree.ancestors.sum(1), kind="stable").tolist():
        colour = torch.tensor(colorsys.hsv_to_rgb(channel * GOLDEN_RATIO % 1, 1.0, 1.0))[None, :, None, None]
        image = torch.where(shown[:, channel, None], (1 - TINT) * image + TINT * colour, image)
    return image


def _tile(columns: Sequence[Tensor]) -> NDArray[np.uint8]:
    """Columns of images (rows, 3, side, side) to one picture with white gaps."""
    rows, _, side, _ = columns[0].shape
    step = side + GAP_PX
    picture = np.full((rows * step - GAP_PX, len(columns) * step - GAP_PX, 3), 255, np.uint8)
    for across, column in enumerate(columns):
        for down, pixels in enumerate((column.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()):
            picture[down * step : down * step + side, across * step : across * step + side] = pixels
    return picture
