"""Each picture of a bundle beside what it is meant for: what looks like something else is noted, for a doubt."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from echocare_core.errors import BundleError, SettingsError, UnreadableFrames, own_cause
from echocare_core.frames.read import read_frames
from echocare_core.printable import printable
from echocare_core.recognition.meant import MeantFor, read_meant_for
from echocare_core.recognition.recogniser import Recogniser, Shown, few_frames, load_recogniser, shown_of
from echocare_core.results.wording import name_text
from echocare_core.tasks.recognition import NONE
from echocare_core.transforms.foreign import note_foreign
from echocare_core.transforms.load import LoadUltrasound
from echocare_core.types import Foreign, Scores

_log = logging.getLogger(__name__)


class NoteForeignd(MapTransform):
    """Note in the meta of a picture that it does not look like what the bundle is meant for.

    The picture stays as it is. Another bundle says what it shows, of a frame of a cine by a few frames of that cine.
    Where it is not installed, cannot run, or knows nothing of what this bundle is meant for, a warning says so once,
    and nothing is noted.

    Args:
        keys: pictures, as `LoadUltrasoundd` leaves them.
        bundle_root: folder of the bundle, whose metadata say for what it is meant (`recognition.meant`).
        recogniser: name or folder of the bundle that says what a picture shows; None to note nothing.
        probability: from which on something else is believed to be shown, 0 to 1; that nothing known is, the other
            bundle decides.
        device: where to compute.

    Raises:
        SettingsError: a probability that is none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        bundle_root: str,
        recogniser: str | None,
        probability: float,
        device: str | torch.device,
    ) -> None:
        super().__init__(keys)
        if type(probability) not in (int, float) or not 0 <= probability <= 1:
            raise SettingsError(
                f"The probability of something else is {probability!r}; needed a number from 0 to 1. Set "
                "foreign_probability so."
            )
        self.folder, self.recogniser = Path(bundle_root), recogniser
        self.probability, self.device = probability, str(device)
        self._loaded: tuple[Recogniser, MeantFor] | None = None
        self._last: tuple[str, Foreign | None] = ("", None)  # cine, and what was found in it
        self._is_off = recogniser is None

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            note_foreign(item[key], self._found(item[key]))
        return item

    def _found(self, picture: MetaTensor) -> Foreign | None:
        """What is found in a picture, or was in the cine that it is of."""
        cine = str(picture.meta["filename_or_obj"]) if picture.meta["number_of_frames"] > 1 else ""
        if not cine or cine != self._last[0]:
            self._last = cine, self._look_at(picture)
        return self._last[1]

    def _look_at(self, picture: MetaTensor) -> Foreign | None:
        if self._is_off:
            return None
        try:
            recogniser, meant = self._loaded = self._loaded or self._load()
            scores = recogniser(pictures_of_cine(picture))
            _check_known(meant, scores, recogniser.folder.name)
            return foreign(shown_of(scores), meant, self.probability)
        except UnreadableFrames:  # which the bundle itself will say
            return None
        except Exception as error:  # noqa: BLE001  (whatever another bundle raises: it is no fault of this one's picture)
            self._is_off = True
            reason = own_cause(error) or type(error).__name__  # MONAI wraps what a part of a configuration raises
            _warn_once(printable(f"{self.folder.name} does not mark pictures that it is not meant for: {reason}"))
            return None

    def _load(self) -> tuple[Recogniser, MeantFor]:
        names = read_meant_for(self.folder)
        if not names:
            raise BundleError(f"{self.folder.name} names nothing under meant_for; needed an organ. Add it.")
        assert self.recogniser is not None
        recogniser = load_recogniser(self.recogniser, self.device)
        return recogniser, MeantFor(recogniser.tree, names)


def pictures_of_cine(picture: MetaTensor) -> list[MetaTensor]:
    """A few frames of the cine that a picture is of, as far as they can be decoded; else the picture."""
    path = Path(str(picture.meta["filename_or_obj"]))
    if picture.meta["number_of_frames"] == 1 or not path.is_file():
        return [picture]
    frames, load, found = read_frames(path), LoadUltrasound(), []
    for number in few_frames(range(len(frames))):
        with suppress(UnreadableFrames):
            found.append(load(frames, frame=number))
    return found or [picture]


def foreign(shown: Shown, meant: MeantFor, probability: float) -> Foreign | None:
    """What speaks for a picture not being what a bundle is meant for.

    Args:
        shown: what it shows.
        meant: what the bundle is meant for.
        probability: from which on it is believed to show something else.
    """
    if shown.is_none:
        return Foreign(f"does not look like an ultrasound image of {meant.words}", shown.probability)
    if shown.probability >= probability and not meant.allows(shown.name):
        return Foreign(f"looks like {name_text(shown.name)}, not {meant.words}", shown.probability)
    return None


def _check_known(meant: MeantFor, scores: Scores, recogniser: str) -> None:
    if not meant.is_known_by(name for name in scores.probabilities if name != NONE):
        raise BundleError(f"{recogniser} cannot tell {meant.words}; needed a bundle that can. Name another recogniser.")


@cache
def _warn_once(text: str) -> None:
    _log.warning("%s", text)
