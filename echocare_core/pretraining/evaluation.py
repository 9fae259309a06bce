"""What a pretrained network can do: reconstruction, organs per level of the tree, and probes of its frozen encoder."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.progress import track
from torch import Tensor

from echocare_core.atomic import replacing
from echocare_core.checksum import sha256_of
from echocare_core.distributed import find_device
from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.evaluation.probe import Labelled, linear_probe, nearest_neighbours, pooled_features
from echocare_core.frames.manifest import read_table
from echocare_core.models.echocare import EchoCare, Outputs, View
from echocare_core.models.encoder import Encoder
from echocare_core.models.precision import chosen_precision, computing_in
from echocare_core.origin import describe_run, find_running
from echocare_core.pretraining.data.images import PretrainingImages, collate, read_pixels
from echocare_core.pretraining.data.mix import Mix
from echocare_core.pretraining.data.picture import prepare_picture
from echocare_core.pretraining.data.sources import Sample
from echocare_core.pretraining.losses.reconstruction import masked_l1, reconstruction_target
from echocare_core.pretraining.losses.tree_min import tree_probabilities
from echocare_core.pretraining.organs.tree import UNKNOWN, OrganTree
from echocare_core.pretraining.pictures import reconstruction_panel
from echocare_core.pretraining.views.augmentation import plain_view
from echocare_core.pretraining.views.counter import uniform
from echocare_core.pretraining.views.masking import choose_masked, patches_inside
from echocare_core.types import Ran

BATCH = 32
CONFIGS = ("train.json", "evaluate.json")  # of which an evaluation is made; what differs from them is recorded
PANEL_IMAGES = 8
logger = logging.getLogger(__name__)


class Evaluation:
    """Measures a network on images that it was not trained on.

    Args:
        network: the joint model with its trained weights.
        tree: of organs.
        mix: the images to reconstruct and to name the organ of.
        probes: tables to probe the encoder with: mappings of `table` (folder or file), `label` (column of classes) and
            optionally `name`; fitted on the rows of split train, scored on those of `split`.
        split: of the probes' rows that are scored.
        image_size: side of the pictures in px.
        mask_patch: side of hidden patches in px.
        mask_ratio: share of the patches inside the sector that is hidden.
        seed: of the masks.
        target: of the reconstruction, as trained; see `reconstruction_target`.
        precision: "auto", "float32", "tf32" or "bfloat16".
        device: to compute on.
        weights: file that the network was loaded from.
        output_dir: for `evaluation.json` and `reconstruction.png`.
    """

    def __init__(
        self,
        *,
        network: EchoCare,
        tree: OrganTree,
        mix: Mix,
        probes: Sequence[Mapping[str, str]],
        split: str,
        image_size: int,
        mask_patch: int,
        mask_ratio: float,
        seed: int,
        target: str,
        precision: str,
        device: torch.device | str,
        weights: str | Path,
        output_dir: str,
    ) -> None:
        device = find_device(device)
        self.network = network.eval().to(device)
        self.tree, self.mix, self.probes, self.split = tree, mix, probes, split
        self.image_size, self.mask_patch, self.mask_ratio, self.seed = image_size, mask_patch, mask_ratio, seed
        self.precision = chosen_precision(precision, device)
        self.target, self.device, self.output_dir = target, device, Path(output_dir)
        self.weights = Path(weights)
        self.running = find_running()
        self.set_aside: list[str] = []
        heads = {"reconstruction": network.decoder, "hierarchy": network.classifier}
        self.terms = tuple(term for term, head in heads.items() if head is not None)

    def run(self) -> dict[str, Any]:
        """Measure, print and write; returns what `evaluation.json` holds."""
        sha256 = sha256_of(self.weights)
        result: dict[str, Any] = {"weights": {"file": str(self.weights), "sha256": sha256}}
        result |= {"image_size": self.image_size, **self._pretext()}
        result["images"] = self.mix.images - len(self.set_aside)
        result["set_aside"] = self.set_aside
        result["probes"] = {
            probe.get("name", probe["label"]): probe_table(
                self.network.encoder,
                probe["table"],
                probe["label"],
                self.split,
                self.image_size,
                bfloat16=self.precision == "bfloat16",
            )
            for probe in self.probes
        }
        if origin := self._origin(sha256):
            result["origin"] = origin
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with replacing(self.output_dir / "evaluation.json") as unfinished:
            unfinished.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=2))
        return result

    def _origin(self, sha256: str) -> dict[str, Any]:
        """How this is made; empty where no configuration runs it."""
        ran = Ran("torch", self.precision, str(self.device), {self.weights.name: sha256})
        return describe_run(self.running, ran, self.weights, CONFIGS)

    @torch.no_grad()
    def _pretext(self) -> dict[str, Any]:
        losses, right, known = [], np.zeros(self.tree.levels), np.zeros(self.tree.levels)
        for number, batch in enumerate(self._batches()):
            image, sector = plain_view(batch["image"], batch["inside_sector"], self.image_size)
            inside = patches_inside(sector, self.mask_patch)
            chances = uniform(self.seed, "evaluation", batch["position"], inside[0].numel())
            masked = choose_masked(inside, self.mask_ratio, chances)
            views = [View("plain", image, inside)]
            if "reconstruction" in self.terms:
                views.append(View("masked", image, inside, masked))
            with computing_in(self.precision, self.device):
                outputs = self.network(views, self.terms)
            if outputs[-1].reconstruction is not None:
                wanted = reconstruction_target(image, self.target, self.mask_patch)
                losses += [float(masked_l1(outputs[-1].reconstruction.float(), wanted, masked))] * len(image)
                if number == 0:
                    self._draw(views[-1], outputs[-1])
            if outputs[0].logits is not None:
                some_right, some_known = self._organs(outputs[0].logits, batch["node"])
                right, known = right + some_right, known + some_known
        accuracy = {f"level {level + 1}": right[level] / known[level] for level in np.flatnonzero(known)}
        return {"masked_l1": float(np.mean(losses)) if losses else None, "tree_accuracy": accuracy}

    def _batches(self) -> Iterator[dict[str, Any]]:
        images = PretrainingImages(self.mix, self.image_size)
        places = [(number, row) for number, source in enumerate(self.mix.sources) for row in range(len(source))]
        places = [places[number] for number in np.random.default_rng(self.seed).permutation(len(places))]
        for first in track(range(0, len(places), BATCH), description="Evaluating"):
            some = [images[place[0], place[1], first + k] for k, place in enumerate(places[first : first + BATCH])]
            self.set_aside += [name for item in some for name in item["set_aside"]]
            some = [item for item in some if not item["set_aside"]]
            if not some:
                continue
            batch = collate(some)
            yield {key: value.to(self.device) if isinstance(value, Tensor) else value for key, value in batch.items()}

    def _organs(self, logits: Tensor, nodes: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Images whose most probable node on a level is the true one, and images whose node on it is known."""
        scores = tree_probabilities(logits, torch.from_numpy(self.tree.lines).to(logits.device)).cpu().numpy()
        right, known = np.zeros(self.tree.levels), np.zeros(self.tree.levels)
        for score, node in zip(scores, nodes.tolist(), strict=True):
            for level in range(self.tree.depth[node] + 1 if node >= 0 else 0):
                candidates = np.flatnonzero(self.tree.depth == level)
                found = candidates[score[candidates].argmax()]
                right[level] += self.tree.ancestors[node, found]
                known[level] += 1
        return right, known

    def _draw(self, view: View, output: Outputs) -> None:
        panel = reconstruction_panel([view], [output], PANEL_IMAGES, self.target)
        if panel is None:
            return
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with replacing(self.output_dir / "reconstruction.png") as unfinished:
            Image.fromarray(panel).save(unfinished)


def probe_table(
    encoder: Encoder, table: str, label: str, split: str, image_size: int, *, bfloat16: bool
) -> dict[str, float]:
    """AUC of a linear probe and of nearest neighbours on frozen features, fitted on train, scored on `split`.

    Args:
        encoder: in evaluation mode.
        table: folder or file in the project's format.
        label: column that names the class of each image; rows without one are left out.
        split: rows to score.
        image_size: side of the pictures in px.
        bfloat16: compute features in it.
    """
    train, test = (
        labelled_features(encoder, table, label, part, image_size, bfloat16=bfloat16) for part in ("train", split)
    )
    return {
        "linear_probe_auc": linear_probe(train, test),
        "nearest_neighbours_auc": nearest_neighbours(train, test),
        "images": float(len(test.classes)),
    }


def labelled_features(
    encoder: Encoder, table: str, label: str, split: str, image_size: int, *, bfloat16: bool
) -> Labelled:
    """Pooled features of a table's rows that have a class; see `probe_table`.

    Raises:
        TableError: no row with a class.
    """
    rows = [row for row in read_table(table, split, masks=False, columns=[label]) if str(row[label]).strip()]
    if not rows:
        raise TableError(f"{table} has no row in split '{split}' with a {label}; needed some. Look at that column.")
    device = encoder.patch_embed.proj.weight.device
    pictures, read = [], []
    for row in track(rows, description=f"Pictures of {split}"):
        try:
            pictures.append(_picture(Path(str(row["image"])), int(str(row.get("frame", 0))), image_size))
        except UnreadableFrames as error:
            logger.warning("Set aside: %s", error)
            continue
        read.append(row)
    if not read:
        raise TableError(f"{table}: none of the {len(rows)} images of split '{split}' can be read. Look at the files.")
    rows = read
    batches = (torch.stack(pictures[k : k + BATCH]).to(device).float() / 255 for k in range(0, len(pictures), BATCH))
    features = pooled_features(encoder, batches, bfloat16=bfloat16)
    return Labelled(
        features, np.array([str(row[label]) for row in rows]), np.array([str(row["group"]) for row in rows])
    )


def _picture(path: Path, frame: int, size: int) -> Tensor:
    sample = Sample(image=path, node=UNKNOWN, group="", name=path.name, mask=None)
    return torch.from_numpy(prepare_picture(read_pixels(sample, frame)[0], size).image)
