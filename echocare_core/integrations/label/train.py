"""Training there: from what was drawn, each time into a folder of its own, and into the server's copy of the bundle."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai.data import partition_dataset
from monailabel.tasks.train.bundle import BundleTrainTask

from echocare_core.bundle import WEIGHTS
from echocare_core.errors import EchoCareError, TrainingError, own_cause
from echocare_core.integrations.label.items import frame_of, items_of
from echocare_core.training.checkpoint_file import BEST
from echocare_core.training.weights import export_network

logger = logging.getLogger(__name__)

RUNS = "runs"
EPOCHS = 10  # unless a request says otherwise
MOST_WARMUP = 10  # steps of a training for one of warm-up, at least
GENTLER = 0.1  # of the bundle's learning rate, where a training goes on from trained weights: few masks change little


class LabelTrainTask(BundleTrainTask):
    """Train a bundle on the finished masks of the datastore.

    It begins with the weights that the bundle has here, those of the last training, and ends with better ones in their
    place, which inference takes at its next request. Each training has its folder, `runs/001` and so on in the bundle,
    with checkpoints and curves.

    Args:
        folder: of the server's copy of the bundle.
        conf: of the server.
    """

    def __init__(self, folder: Path, conf: dict[str, str]) -> None:
        super().__init__(str(folder), conf)
        self.folder = folder

    def config(self) -> dict[str, Any]:
        """What a viewer offers to choose: MONAI Label's, on one device, without its tracking."""
        offered = {key: value for key, value in super().config().items() if not key.startswith("tracking")}
        rate = GENTLER * float(self.bundle_config.get("learning_rate"))
        return {**offered, "max_epochs": EPOCHS, "learning_rate": rate}

    def __call__(self, request: dict[str, Any], datastore: Any) -> dict[str, Any]:
        """Train, and put the best weights where inference takes them from.

        Args:
            request: `max_epochs`, `val_split` (share of the pictures that choose the best weights), `pretrained`, and
                `learning_rate` and `batch_size` of the bundle.
            datastore: of the server.

        Returns:
            `run` and `weights`, for the answer to the client.

        Raises:
            EchoCareError: what the training refuses, in one sentence.
        """
        self.run, self.request = next_run(self.folder), {"max_epochs": EPOCHS, **request, "tracking": "None"}
        try:
            super().__call__(self.request, datastore)
        except Exception as error:
            own = own_cause(error)
            if own is None or isinstance(error, EchoCareError):
                raise
            raise type(own)(*own.args) from None
        best = self.run / BEST
        if not best.is_file():
            raise TrainingError(f"{self.run.name} wrote no weights; needed a validation. Set max_epochs to 1 or more.")
        export_network(best, self.folder / WEIGHTS)
        logger.info("The bundle %s has the weights of %s now.", self.folder.name, self.run.name)
        return {"run": self.run.name, "weights": WEIGHTS.as_posix()}

    def _fetch_datalist(self, request: Mapping[str, Any], datastore: Any) -> list[dict[str, Any]]:
        found = [item for each in datastore.datalist() for item in items_of(each, _frame_of(each, datastore))]
        if len(found) < 2:
            raise TrainingError(
                f"The datastore has {len(found)} finished masks; needed 2 at least, one to train on and one to choose "
                "the best weights by. Draw more, and submit them as final."
            )
        return found

    def _partition_datalist(self, datalist: list[Any], request: Mapping[str, Any], shuffle: bool = False) -> Any:
        """Training and validation parts, of which neither is empty, and no cine is in both."""
        share = float(request.get("val_split", 0.2))
        if not 0 < share < 1:
            raise TrainingError(f"val_split is {share:g}; needed a share between 0 and 1, such as 0.2. Set it so.")
        images = list(dict.fromkeys(item["image"] for item in datalist))
        if len(images) < 2:
            raise TrainingError("All finished masks are of one picture or cine; needed two. Draw on others.")
        held_out = set(partition_dataset(images, ratios=[1 - share, share])[1]) or {images[-1]}
        held_out = held_out if len(held_out) < len(images) else {images[-1]}
        parts = [[item for item in datalist if (item["image"] in held_out) == held] for held in (False, True)]
        self.number_of_items = len(parts[0])
        return parts

    def _load_checkpoint(self, model_pytorch: str, pretrained: bool, train_handlers: list[Any]) -> None:
        """Nothing: the bundle's own entry `weights` names what it begins with."""

    def _update_overrides(self, overrides: dict[str, Any]) -> dict[str, Any]:
        bundle, chosen = self.bundle_config, self.request
        goes_on = bool(chosen.get("pretrained", True))
        batch = min(int(chosen.get("batch_size") or bundle.get("batch_size")), self.number_of_items)
        steps = int(chosen["max_epochs"]) * (self.number_of_items // batch)
        rate = float(bundle.get("learning_rate")) * (GENTLER if goes_on else 1)
        overrides.update(
            output_dir=str(self.run),
            batch_size=batch,
            warmup_steps=min(int(bundle.get("warmup_steps", 0)), steps // MOST_WARMUP),
            learning_rate=float(chosen.get("learning_rate") or rate),
            weights=str(self.folder / WEIGHTS) if goes_on else None,
        )
        return overrides


def next_run(folder: Path) -> Path:
    """The folder of the next training of a bundle: `runs/001` for the first."""
    names = [path.name for path in (folder / RUNS).glob("*") if re.fullmatch(r"\d{3,}", path.name)]
    return folder / RUNS / f"{1 + max(map(int, names), default=0):03d}"


def _frame_of(entry: Mapping[str, str], datastore: Any) -> int | None:
    """The frame a mask was drawn on; None where nobody said."""
    image = next((name for name in datastore.get_labeled_images() if _is_of(entry, name, datastore)), None)
    return None if image is None else frame_of(datastore.get_label_info(image, "final"))


def _is_of(entry: Mapping[str, str], image: str, datastore: Any) -> bool:
    return Path(datastore.get_label_uri(image, "final")) == Path(entry["label"])
