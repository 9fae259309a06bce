"""One way to train any network on labelled pictures that lie on its device, with the same settings for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.models.precision import computing_in
from echocare_core.pretraining.views.augmentation import ViewSettings, make_view, prepare_pixels
from echocare_core.training import build_parameter_groups, warmup_cosine

BATCH, AT_ONCE = 16, 64  # images of a step, and of a prediction
WEIGHT_DECAY, WARMUP_STEPS, CLIP_NORM = 0.05, 10, 1.0
GENTLE = ViewSettings(0.7, 1.2, 10.0, 0.5, 1.3, 0.2, 0.1, 0.05, 0.1)
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """How long and how fast a network is trained.

    Attributes:
        steps: of the optimiser.
        rate: greatest learning rate.
        seed: of the pictures drawn and of their changes.
        encoder_factor: learning rate of a network's `encoder` over that of the rest.
    """

    steps: int
    rate: float
    seed: int
    encoder_factor: float = 1.0


def finetune(
    network: nn.Module,
    images: Tensor,
    masks: Tensor,
    loss: Loss,
    plan: Plan,
    chances: NDArray[np.float64] | None = None,
) -> float:
    """Train a network in place, by AdamW with a warm-up and a cosine; returns the device's seconds.

    Args:
        network: on the device of the pictures.
        images: uint8 (images, 3, side, side).
        masks: uint8 (images, 1, side, side), label numbers.
        loss: of the network's output in float32, the numbers of the pictures (batch,), and the masks as they moved with
            the views, int64 (batch, 1, side, side).
        plan: how long and how fast.
        chances: of each picture to be drawn; even where None.
    """
    device = images.device
    fused = device.type == "cuda"
    groups = build_parameter_groups(network, learning_rate=plan.rate, encoder_factor=plan.encoder_factor)
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=fused)
    schedule = warmup_cosine(optimizer, warmup_steps=min(WARMUP_STEPS, plan.steps // 4), steps=plan.steps)
    generator = np.random.default_rng(plan.seed)
    drawn = [
        torch.from_numpy(generator.choice(len(images), min(BATCH, len(images)), replace=False, p=chances))
        for _ in range(plan.steps)
    ]
    network.train()
    started = now(device)
    for step, cpu_rows in enumerate(drawn):
        rows = cpu_rows.to(device)
        shown, moved = augmented(images[rows], masks[rows], step, plan.seed)
        with computing_in("auto", device):
            output = network(shown)
        optimizer.zero_grad(set_to_none=True)
        loss(output.float(), rows, moved).backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        optimizer.step()
        schedule.step()
    return now(device) - started


def augmented(images: Tensor, masks: Tensor, step: int, seed: int) -> tuple[Tensor, Tensor]:
    """A gentle view of each picture, float32 in [0, 1], and its mask, int64, moved along; see `finetune`."""
    side = images.shape[-1]
    positions = torch.arange(len(images), device=images.device) + step * len(images)
    pixels = prepare_pixels(images, torch.ones_like(images[:, :1]), side)
    view = make_view(pixels, positions, "fine-tuning", side, GENTLE, seed)
    grid = functional.affine_grid(view.affine, [len(images), 1, side, side], align_corners=False)
    return view.image, functional.grid_sample(masks.float(), grid, mode="nearest", align_corners=False).long()


@torch.no_grad()
def predictions(network: nn.Module, images: Tensor) -> Iterator[Tensor]:
    """What a network says of batches of pictures, uint8 (images, 3, side, side), as float32."""
    network.eval()
    for some in images.split(AT_ONCE):
        with computing_in("auto", images.device):
            output = network(some.float() / 255)
        yield output.float()


def now(device: torch.device) -> float:
    """Seconds of the processor, or on a GPU of the clock once all is computed."""
    if device.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
