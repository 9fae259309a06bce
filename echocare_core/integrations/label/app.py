"""The MONAI Label app: bundles of this package that infer, train, and say which picture to draw next."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import monailabel
import torch
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.exception import ImageNotFoundException
from monailabel.tasks.activelearning.first import First
from monailabel.tasks.activelearning.random import Random

from echocare_core.errors import SettingsError, own_cause
from echocare_core.integrations.label.dicomweb import SeriesDatastore
from echocare_core.integrations.label.folder import MODELS, SENDS, gives_masks
from echocare_core.integrations.label.infer import LabelInferTask
from echocare_core.integrations.label.studies import StudiesFolder
from echocare_core.integrations.label.train import LabelTrainTask
from echocare_core.integrations.label.uncertainty import MostUncertain

logger = logging.getLogger(__name__)


class EchoCareLabel(MONAILabelApp):
    """MONAI Label's app for bundles, on ultrasound."""

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        names = [name.strip() for name in conf["models"].split(",") if name.strip()]
        self.bundles = {name: Path(app_dir) / MODELS / name for name in names}
        super().__init__(
            app_dir, studies, conf, name="EchoCare", version=monailabel.__version__,
            description="Ultrasound bundles of EchoCare. For research; not a medical device.",
        )  # fmt: skip

    @property
    def _of_masks(self) -> list[Path]:
        return [folder for folder in self.bundles.values() if gives_masks(folder)]

    def init_datastore(self) -> Any:
        """The studies: a folder of any depth, or a DICOMweb service."""
        if self.studies.startswith(("http://", "https://")):
            sends = self._of_masks if self.conf.get(SENDS) == "true" else ()
            return SeriesDatastore.of_settings(self.studies.rstrip("/"), tuple(sends))
        return StudiesFolder.of_settings(self.studies)

    def init_infers(self) -> dict[str, Any]:
        """One for each bundle."""
        return {name: LabelInferTask(folder, self.conf) for name, folder in self.bundles.items()}

    def init_trainers(self) -> dict[str, Any]:
        """One for each bundle."""
        return {name: LabelTrainTask(folder, self.conf) for name, folder in self.bundles.items()}

    def init_strategies(self) -> dict[str, Any]:
        """MONAI Label's own, and the picture that a bundle for masks is least sure of: of the first, and of each."""
        unsure = [MostUncertain(folder.name, self._infers[folder.name]) for folder in self._of_masks]
        first = {"uncertainty": unsure[0]} if unsure else {}
        return {**first, **{f"uncertainty_{one.name}": one for one in unsure}, "random": Random(), "first": First()}

    def infer(self, request: dict[str, Any], datastore: Any = None) -> dict[str, Any]:
        """Run a bundle on a picture.

        Raises:
            ImageNotFoundException: the studies have no such picture.
            SettingsError: a `frame` that is no number.
        """
        image, frame = request.get("image"), request.get("frame") or 0
        if not str(frame).isdecimal():
            raise SettingsError(f"frame is {frame!r}; needed a number, 0 for the first. Send it so.")
        if isinstance(image, str) and not Path(image).exists():
            store = datastore or self.datastore()
            if not image or not store.get_image_uri(image):
                raise ImageNotFoundException(f"The studies have no picture '{image}'; /datastore/?output=all lists it.")
        return super().infer(request, datastore)

    def batch_infer(self, request: dict[str, Any], datastore: Any = None) -> Any:
        """Run a bundle on many pictures; one that cannot be read is named in the log, and the others go on."""
        chosen = {"multi_gpu": torch.cuda.device_count() > 1, **request}  # MONAI Label counts none as many
        return self._batch_infer(chosen, datastore or self.datastore(), self._infer_or_say)

    def _infer_or_say(self, request: dict[str, Any], datastore: Any) -> dict[str, Any]:
        try:
            return self.infer(request, datastore)
        except Exception as error:
            own = own_cause(error)
            if own is None:
                raise
            logger.warning("Not predicted: %s", own)
            return {}
