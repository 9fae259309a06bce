"""What the network of a report says, of a frame, a cine or a study: probabilities of each descriptor, and the text."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from echocare_core.errors import SettingsError
from echocare_core.outputs import mean_of_scores
from echocare_core.tasks.report.sentences import LONG_AXIS, Reporter
from echocare_core.transforms.outline import Outline, outline_in
from echocare_core.types import Measurement, Output, Scores


class ReportOutputd(MapTransform):
    """The network's logits as `Scores` of each descriptor, what was measured on the outline, and the texts.

    Args:
        keys: logits (classes of all descriptors,); they stay as they are.
        image_key: the picture that they are of, whose meta may tell of an outline (`LookCloserd`).
        reporter: says what they say.
        temperatures: descriptor -> what its logits are divided by (`calibrate_descriptors`).

    Raises:
        SettingsError: a temperature that is none, or of other descriptors than the lexicon's.
    """

    def __init__(
        self, keys: KeysCollection, image_key: str, reporter: Reporter, temperatures: Mapping[str, float]
    ) -> None:
        super().__init__(keys)
        self.image_key, self.reporter = image_key, reporter
        self.temperatures = dict(temperatures)
        names = reporter.lexicon.names
        if set(self.temperatures) != set(names) or not all(one > 0 for one in self.temperatures.values()):
            raise SettingsError(
                f"temperatures are {self.temperatures!r}; needed a number above 0 for each of {', '.join(names)}. Set "
                "them so."
            )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        outline = outline_in(item[self.image_key].meta)
        for key in self.key_iterator(item):
            logits = torch.as_tensor(item[key]).float().cpu().split(self.reporter.lexicon.sizes)
            scores = [
                Scores(one.name, _named(one.classes, own / self.temperatures[one.name]))
                for one, own in zip(self.reporter.lexicon.descriptors, logits, strict=True)
            ]
            item["outputs"] = _outputs(self.reporter, scores, outline)
        return item


def mean_report(parts: Sequence[Sequence[Output]], *, reporter: Reporter) -> tuple[Output, ...]:
    """The report of a cine or a study: of each descriptor the mean probabilities, of outlines the largest.

    Where in the picture that lies is left out; the frames' own reports say it.

    Args:
        parts: outputs of each frame, as `ReportOutputd` leaves them.
        reporter: says what they say.
    """
    by_name = [{one.name: one for one in part if isinstance(one, Scores)} for part in parts]
    scores = [mean_of_scores([part[name] for part in by_name]) for name in reporter.lexicon.names]
    return _outputs(reporter, scores, _largest(parts))


def _outputs(reporter: Reporter, scores: Sequence[Scores], outline: Outline | None) -> tuple[Output, ...]:
    measured = outline.measured if outline else ()
    return (*reporter.write(reporter.choose(scores, outline), outline), *scores, *measured)


def _named(classes: Iterable[str], logits: torch.Tensor) -> dict[str, float]:
    return dict(zip(classes, logits.softmax(dim=0).tolist(), strict=True))


def _largest(parts: Sequence[Sequence[Output]]) -> Outline | None:
    """The outline with the longest axis, among those in mm where there are such; None where nobody has looked."""
    outlines = [Outline(tuple(one for one in part if isinstance(one, Measurement))) for part in parts]
    looked = [one for one in outlines if one.measured]
    return max(looked, key=_extent) if looked else None


def _extent(outline: Outline) -> tuple[bool, float]:
    value, unit = outline.value(LONG_AXIS) or (0.0, "")
    return unit == "mm", value
