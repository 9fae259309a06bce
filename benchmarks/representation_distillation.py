"""Self-distillation as a recipe: a student learns what its own moving average says of other views of an image.

The image is told apart by prototypes, from whole and small crops (DINO, arXiv 2104.14294); places whose patches are
hidden from the student, by prototypes of their own (iBOT, arXiv 2111.07832); the teacher's assignments are made to use
all prototypes alike (Sinkhorn and Knopp, as in SwAV, arXiv 2006.09882). Together this is DINOv2 (arXiv 2304.07193),
which was enough on two million fetal ultrasound images (arXiv 2506.19552).
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from echocare_core.models import EncoderProfile, build_encoder, save_encoder
from echocare_core.models.precision import computing_in
from echocare_core.pretraining.assembly import order_mix
from echocare_core.pretraining.data.images import PretrainingImages, collate
from echocare_core.pretraining.data.sampler import StreamSampler
from echocare_core.pretraining.networks import update_ema
from echocare_core.pretraining.views.augmentation import ViewSettings, make_view, prepare_pixels
from echocare_core.pretraining.views.counter import uniform
from echocare_core.pretraining.views.masking import choose_masked, patches_inside
from echocare_core.training import warmup_cosine
from echocare_core.training.checkpoint_file import LATEST, check_same_settings, read_checkpoint, write_checkpoint

ENTRIES = ("steps", "settings", "student", "teacher", "optimizer", "schedule")
SINKHORN_ITERATIONS = 3
STEPS_TIMED, ROUNDS = 5, 3
VIEWS = {  # as those of SimCLR in `representation_methods`
    **{"aspect": 1.78, "rotation_degrees": 0.0, "flip": 0.5},
    **{"gamma": 1.8, "gain": 0.4, "depth_gain": 0.0, "speckle": 0.0, "blur": 0.5},
}


@dataclass(frozen=True)
class Distillation:
    """The recipe.

    Attributes:
        batch_size: images.
        global_px, local_px: sides of the two large and of the small views.
        local_views: small views per image.
        area: least share of the picture in a large view.
        part: side of the part of the picture in which a small view lies, as a share.
        views: strength of the changes but for the area; see `ViewSettings`.
        prototypes: of the image, and of a place.
        hidden, bottleneck: channels of the heads.
        place_map: number of the map whose places are told apart, finest first.
        mask_ratio: share of the patches hidden in the first of the student's large views.
        places: weight of the places' loss; 0 leaves it out.
        spread: weight of KoLeo (arXiv 1806.03198, equation 2), which keeps images of a batch apart.
        student_temperature, teacher_temperature: of the assignments.
        momentum: of the teacher's moving average at the first step; 1 at the last, by half a cosine.
        learning_rate, weight_decay, warmup_share, clip_norm: of AdamW and its schedule.
    """

    batch_size: int = 64
    global_px: int = 96
    local_px: int = 64
    local_views: int = 2
    area: float = 0.3
    part: float = 0.6
    views: dict[str, float] = field(default_factory=lambda: VIEWS)
    prototypes: int = 1024
    hidden: int = 512
    bottleneck: int = 128
    place_map: int = 2
    mask_ratio: float = 0.5
    places: float = 1.0
    spread: float = 0.1
    student_temperature: float = 0.1
    teacher_temperature: float = 0.06
    momentum: float = 0.99
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    clip_norm: float = 1.0


class Head(nn.Module):
    """Three layers to a short vector, and its cosines to the prototypes: (..., channels) to (..., prototypes)."""

    def __init__(self, channels: int, recipe: Distillation) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, recipe.hidden), nn.GELU(),
            nn.Linear(recipe.hidden, recipe.hidden), nn.GELU(),
            nn.Linear(recipe.hidden, recipe.bottleneck),
        )  # fmt: skip
        self.prototypes = nn.Parameter(torch.randn(recipe.prototypes, recipe.bottleneck))

    def forward(self, features: Tensor) -> Tensor:
        """Cosines from -1 to 1."""
        short = functional.normalize(self.layers(features).float(), dim=-1)
        return short @ functional.normalize(self.prototypes.float(), dim=-1).t()


class Distilled(nn.Module):
    """Encoder and heads; the student and the teacher are one of these each."""

    def __init__(self, encoder: str | EncoderProfile, recipe: Distillation) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder)
        self.encoder.learn_mask_token()
        channels = self.encoder.profile.channels
        self.image = Head(channels[-1], recipe)
        self.place = Head(channels[recipe.place_map], recipe)


def assign_equally(cosines: Tensor, temperature: float) -> Tensor:
    """Each row's share of the prototypes, sharpened, all prototypes used alike over the rows (SwAV, section 3.1)."""
    scores = cosines.float() / temperature
    for _ in range(SINKHORN_ITERATIONS):
        scores = scores - scores.logsumexp(0, keepdim=True)
        scores = scores - scores.logsumexp(1, keepdim=True)
    return scores.exp()


def spread_loss(pooled: Tensor) -> Tensor:
    """KoLeo: minus the mean logarithm of the distance to the nearest other image of the view, (batch, channels)."""
    short = functional.normalize(pooled.float(), dim=1)
    cosines = (short @ short.t()).fill_diagonal_(-1)
    nearest = short[cosines.argmax(1)]
    return -(functional.pairwise_distance(short, nearest) + 1e-8).log().mean()


class DistillationTraining:
    """One training.

    Args:
        images: the mix.
        encoder: profile.
        recipe: its numbers.
        seed: of weights, order and views.
        steps: of the optimiser.
        device: to train on.
    """

    def __init__(
        self, images: PretrainingImages, encoder: str | EncoderProfile, recipe: Distillation, *,
        seed: int, steps: int, device: torch.device,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.recipe, self.seed, self.steps, self.device = recipe, seed, steps, device
        self.student = Distilled(encoder, recipe).to(device)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            self.student.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = warmup_cosine(
            self.optimizer, warmup_steps=max(1, round(recipe.warmup_share * steps)), steps=steps
        )
        self.settings = ViewSettings(area=recipe.area, **recipe.views)
        self.sampler = StreamSampler(order_mix(images.mix, seed), [(steps, recipe.batch_size)])
        self.loader = DataLoader(
            images, batch_sampler=self.sampler, collate_fn=collate, pin_memory=device.type == "cuda"
        )

    def run(self, folder: Path | None = None, every: int = 100) -> list[dict[str, float]]:
        """Train to the end, and return the losses of each step.

        Args:
            folder: of the checkpoint, from which it goes on; None for none.
            every: steps between checkpoints.
        """
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        path = None if folder is None else folder / LATEST
        if path is not None and path.is_file():
            self._restore(path)
        losses = []
        for step, batch in enumerate(self.loader, start=self.sampler.start_step):
            losses.append(self.step(batch, step))
            if path is not None and (step + 1) % every == 0:
                self._save(path, step + 1)
        return losses

    def step(self, batch: dict[str, Tensor], step: int) -> dict[str, float]:
        """One step of the optimiser, then of the teacher's moving average."""
        self.student.train()
        terms = self.losses(batch)
        loss = terms["image"] + self.recipe.places * terms["place"] + self.recipe.spread * terms["spread"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        along = (1 - math.cos(math.pi * step / self.steps)) / 2
        update_ema(self.teacher, self.student, self.recipe.momentum + (1 - self.recipe.momentum) * along)
        return {name: float(term.detach()) for name, term in {"loss": loss, **terms}.items()}

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of a batch of `PretrainingImages`, each a scalar."""
        recipe = self.recipe
        large, small, masked = self._views(batch)
        number = len(batch["position"])
        with computing_in("auto", self.device):
            with torch.no_grad():
                maps = self.teacher.encoder(large)
                told = assign_equally(self.teacher.image(_pooled(maps)), recipe.teacher_temperature)
                hidden = maps[recipe.place_map][:number].movedim(1, -1)[masked]
                there = assign_equally(self.teacher.place(hidden), recipe.teacher_temperature)
            maps = self.student.encoder(large, torch.cat([masked, torch.zeros_like(masked)]))
            pooled = [_pooled(maps)]
            if recipe.local_views:
                pooled.append(_pooled(self.student.encoder(small)))
            seen = self.student.image(torch.cat(pooled)).float()
            guessed = self.student.place(maps[recipe.place_map][:number].movedim(1, -1)[masked]).float()
        spread = torch.stack([spread_loss(half) for half in pooled[0].chunk(2)]).mean()
        views = (seen / recipe.student_temperature).log_softmax(1).view(-1, number, recipe.prototypes)
        crossed = -torch.einsum("tik,vik->tv", told.view(2, number, -1), views) / number
        apart = ~torch.eye(2, len(views), dtype=torch.bool, device=crossed.device)
        place = -(there * (guessed / recipe.student_temperature).log_softmax(1)).sum(1).mean()
        return {"image": crossed[apart].mean(), "place": place, "spread": spread}

    def _views(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Large views (2 * batch, ...), small ones (local_views * batch, ...), patches hidden in the first large."""
        recipe = self.recipe
        image, inside, positions = (
            batch[name].to(self.device, non_blocking=True) for name in ("image", "inside_sector", "position")
        )
        pixels = prepare_pixels(image, inside, recipe.global_px)
        large = [
            make_view(pixels, positions, f"large {number}", recipe.global_px, self.settings, self.seed)
            for number in range(2)
        ]
        small = [self._small_view(pixels, positions, f"small {number}") for number in range(recipe.local_views)]
        stride = self.student.encoder.profile.strides[recipe.place_map]
        candidates = patches_inside(large[0].inside, stride)
        chances = uniform(self.seed, "mask", positions, candidates[0].numel())
        masked = choose_masked(candidates, recipe.mask_ratio, chances)
        return torch.cat([view.image for view in large]), torch.cat(small) if small else image, masked

    def _small_view(self, pixels: Tensor, positions: Tensor, name: str) -> Tensor:
        """A view of a random square of each picture."""
        side = round(self.recipe.part * pixels.shape[-1])
        corner = (uniform(self.seed, name, positions, 2) * (pixels.shape[-1] - side + 1)).long()
        along = torch.arange(side, device=pixels.device)
        rows, columns = corner[:, :1] + along, corner[:, 1:] + along
        number = torch.arange(len(pixels), device=pixels.device)[:, None, None]
        part = pixels.movedim(1, -1)[number, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
        return make_view(part, positions, name, self.recipe.local_px, self.settings, self.seed).image

    def _described(self) -> dict[str, str]:
        numbers = {**asdict(self.recipe), "encoder": self.student.encoder.profile, "seed": self.seed}
        return {name: str(value) for name, value in {**numbers, "steps": self.steps}.items()}

    def _save(self, path: Path, steps: int) -> None:
        parts = {"student": self.student, "teacher": self.teacher, "optimizer": self.optimizer}
        states = {name: part.state_dict() for name, part in {**parts, "schedule": self.schedule}.items()}
        write_checkpoint({"steps": steps, "settings": self._described(), **states}, path)

    def _restore(self, path: Path) -> None:
        state = read_checkpoint(path, ENTRIES, self.device)
        check_same_settings(path, state["settings"], self._described())
        for name in ENTRIES[2:]:
            getattr(self, name).load_state_dict(state[name])
        self.sampler.start_step = state["steps"]


def _pooled(maps: list[Tensor]) -> Tensor:
    return maps[-1].mean((2, 3))


def seconds_per_step(
    images: PretrainingImages, encoder: str | EncoderProfile, recipe: Distillation, device: torch.device
) -> float:
    """Least time of a step, of a few in several rounds: of the processor, or on a GPU by the clock."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    least = math.inf
    for _ in range(ROUNDS):
        training = DistillationTraining(images, encoder, recipe, seed=0, steps=STEPS_TIMED, device=device)
        for step, batch in enumerate(training.loader):
            started = clock()
            training.step(batch, step)  # it returns numbers, so the device has finished
            least = min(least, clock() - started) if step else least
    return least


def train(
    images: PretrainingImages, encoder: str | EncoderProfile, recipe: Distillation, *,
    seed: int, steps: int, device: torch.device, folder: Path,
) -> Path:  # fmt: skip
    """Train, or go on; returns the encoder's file in the folder."""
    path = folder / "encoder.safetensors"
    if not path.is_file():
        training = DistillationTraining(images, encoder, recipe, seed=seed, steps=steps, device=device)
        training.run(folder)
        save_encoder(training.teacher.encoder, path)
    return path
