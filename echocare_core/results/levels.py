"""Rows for whole cines and studies: what a bundle makes of the outputs of their frames or clips."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import NamedTuple

from echocare_core.errors import NoHeartBeat, UnreadableFrames
from echocare_core.frames.export import study_numbers
from echocare_core.outputs import plain_outputs, without_pixels
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.types import Foreign, Frames, JoinKeys, Output, Prediction

Outputs = tuple[Output, ...]
Combine = Callable[[Sequence[Outputs]], Sequence[Output]]  # outputs of the frames or clips, in order -> of the whole
CombineInTime = Callable[[Sequence[Outputs], Sequence[int], Sequence[float]], Sequence[Output]]
"""Outputs of the frames of a cine, their numbers in it, and when each was recorded in ms (empty where the file does not
say) -> outputs of the cine."""
Spacing = tuple[float, float] | None


@dataclass
class _Whole:
    """What is known of a cine or a study so far; pixels are not kept."""

    parts: list[Outputs] = field(default_factory=list)
    seen: list[tuple[Frames, int, Spacing]] = field(default_factory=list)  # a frame for each part
    foreign: list[Foreign | None] = field(default_factory=list)  # of each part

    def add(self, frames: Frames, part: Part) -> None:
        self.parts.append(without_pixels(part.outputs))
        self.seen.append((frames, part.number, part.spacing_mm))
        self.foreign.append(part.foreign)

    def in_time(self) -> _Whole:
        """The same cine in the order in which its frames were recorded, whatever order a table names them in."""
        order = sorted(range(len(self.seen)), key=lambda place: self.seen[place][1])
        return _Whole([self.parts[place] for place in order], [self.seen[place] for place in order], self.foreign)

    @property
    def middle(self) -> tuple[Frames, int, Spacing]:
        return self.seen[len(self.seen) // 2]


class Part(NamedTuple):
    """What was said of one frame or clip, as cines and studies need it.

    Attributes:
        source: of the file.
        number: of the frame, or of the middle one of the clip.
        spacing_mm: (row, column) of it.
        outputs: of it; without its masks and pictures, where it is kept.
        foreign: that it is not what the bundle is meant for.
    """

    source: str
    number: int
    spacing_mm: Spacing
    outputs: Outputs
    foreign: Foreign | None = None


class Complete(NamedTuple):
    """A cine or study that is complete: what it is called, by the table too, and how its prediction is made."""

    source: str
    make: Callable[[], Prediction]
    image: str = ""


class Levels:
    """Gathers the outputs of frames and clips, and gives cines and studies when they are complete.

    Args:
        dataset: what the run reads, file by file.
        cine: makes the outputs of a cine; None where there are to be none.
        study: the same of a study.
        over_time: in place of `cine`, where it must know which frame is which; it says of a still why there is nothing
            to say.
    """

    def __init__(
        self,
        dataset: ExportDataset,
        cine: Combine | None,
        study: Combine | None,
        over_time: CombineInTime | None = None,
    ) -> None:
        self.export = dataset.export
        self._files = {self.export.source_of(frames): frames for frames in dataset.by_path.values()}
        self.cine, self.study, self.over_time = cine, study, over_time
        self.study_of = study_numbers(dataset.export) if study else {}
        self._cines: dict[Path, _Whole] = {}  # one, and those that a table comes back to
        self._studies: dict[int, _Whole] = {}
        turns = Counter(path for path, _ in self.export.turns)
        self._in_pieces = {path for path, count in turns.items() if count > 1}

    @property
    def gathers(self) -> bool:
        """Whether what is said of frames is needed once more."""
        return any((self.cine, self.study, self.over_time))

    def ended_before(self, path: Path) -> list[Complete]:
        """The cine before a file, where that is another one and no table comes back to it."""
        return self._take([one for one in self._cines if one not in self._in_pieces and one != path])

    def restore(self, part: Part) -> None:
        """Take what was said in an earlier run, which has also made the prediction of a cine that ended before."""
        self.ended_before(self._files[part.source].path)
        self.add(part)

    def add(self, part: Part) -> None:
        """Take what was said of one frame or clip."""
        frames = self._files[part.source]
        if self.over_time or (self.cine and len(frames) > 1):
            self._cines.setdefault(frames.path, _Whole()).add(frames, part)
        if self.study:
            whole = self._studies.setdefault(self.study_of[frames.path], _Whole())
            whole.add(frames, part)

    def finish(self) -> list[Complete]:
        """The last cine, those that a table came back to, and all studies."""
        studies = sorted(self._studies.items())
        return [*self._take([*self._cines]), *(self._complete_study(number, whole) for number, whole in studies)]

    def _take(self, paths: Collection[Path]) -> list[Complete]:
        return [self._complete_cine(self._cines.pop(path).in_time()) for path in paths]

    def _complete_cine(self, whole: _Whole) -> Complete:
        frames, number, spacing_mm = whole.middle
        return Complete(
            self.export.source_of(frames),
            lambda: self.cine_prediction(
                frames, number, spacing_mm, plain_outputs(self._of_cine(whole)), foreign_of_most(whole.foreign)
            ),
            self.export.names.get(frames.path, ""),
        )

    def _of_cine(self, whole: _Whole) -> Sequence[Output]:
        if self.over_time is None:
            assert self.cine
            return self.cine(whole.parts)
        numbers = [number for _, number, _ in whole.seen]
        times_ms = whole.seen[0][0].frame_times_ms
        try:
            return self.over_time(whole.parts, numbers, [times_ms[number] for number in numbers] if times_ms else ())
        except NoHeartBeat as fault:
            raise UnreadableFrames(whole.seen[0][0].path, str(fault)) from fault

    def _complete_study(self, number: int, whole: _Whole) -> Complete:
        assert self.study
        study = self.study
        sources = [PurePosixPath(self.export.source_of(one)) for one, _, _ in whole.seen]
        source = posixpath.commonpath([one.parent for one in sources]) or "."
        return Complete(
            source, lambda: self._study_prediction(source, number, whole, plain_outputs(study(whole.parts)))
        )

    def cine_prediction(
        self, frames: Frames, number: int, spacing_mm: Spacing, outputs: Outputs, foreign: Foreign | None = None
    ) -> Prediction:
        """What is said of a whole cine, with one frame that stands for it."""
        return Prediction(
            source=self.export.source_of(frames),
            outputs=outputs,
            level="cine",
            image=frames.pixels[number],
            spacing_mm=spacing_mm,
            scan_box=frames.scan_box,
            study=self.study_of.get(frames.path),
            notes=frames.notes,
            keys=self.export.keys_of(frames),
            foreign=foreign,
        )

    def _study_prediction(self, source: str, study: int, whole: _Whole, outputs: Outputs) -> Prediction:
        """What is said of a whole study, whose source is the folder that holds all its files."""
        frames, number, _ = whole.middle
        notes = tuple(dict.fromkeys(note for one, _, _ in whole.seen for note in one.notes))
        keys = _common_keys([self.export.keys_of(one) for one, _, _ in whole.seen])
        return Prediction(
            source,
            outputs,
            "study",
            image=frames.pixels[number],
            scan_box=frames.scan_box,
            study=study,
            notes=notes,
            keys=keys,
            foreign=foreign_of_most(whole.foreign),
        )


def foreign_of_most(parts: Sequence[Foreign | None]) -> Foreign | None:
    """What is said of more than half of the frames or clips that they are not; None where there is no such thing."""
    said = Counter(part.says for part in parts if part)
    [(says, number)] = said.most_common(1) or [("", 0)]
    if 2 * number <= len(parts):
        return None
    return Foreign(says, fmean(part.probability for part in parts if part and part.says == says))


def _common_keys(keys: Sequence[JoinKeys]) -> JoinKeys:
    """What all files of a study share; "" where they differ."""
    found = {column: {getattr(one, column) for one in keys} for column in vars(keys[0])}
    return JoinKeys(**{column: values.pop() for column, values in found.items() if len(values) == 1})
