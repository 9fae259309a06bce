"""The files that results speak of: their headers, and the frames that are shown again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.assessment.about import About, read_about
from echocare_core.assessment.results_folder import ResultsFolder
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.inputs import Given, Places, every_path, find_inputs
from echocare_core.frames.listed import places_of, table_at
from echocare_core.frames.read import read_frames


class Files:
    """The files that results speak of; archives among them stay unpacked as long as this is kept.

    Args:
        source: the export, as it was given to the run that made the results.
    """

    def __init__(self, source: Given) -> None:
        first, *others = every_path(source)
        table: Path | None = None if others else table_at(first)
        self._inputs = None if table else find_inputs(source)
        self._places: Places = places_of(table) if table else self._inputs.places  # type: ignore[union-attr]

    def headers(self, results: ResultsFolder, through: Callable[[Sequence[str]], Iterable[str]]) -> Mapping[str, About]:
        """What the header of each file says, by its source; nothing of a file that is not there any more.

        Args:
            results: whose files are meant.
            through: goes through the sources, and may show how far it is.
        """
        rows = results.rows
        sources = list(dict.fromkeys(rows.loc[rows["level"] != "study", "source"]))
        return {one: read_about(self._places.path_of(one)) for one in through(sources)}

    def frame(self, source: str, number: int) -> NDArray[np.uint8] | None:
        """A frame as it was recorded, uint8 RGB (height, width, 3); None where it cannot be read any more."""
        try:
            return np.asarray(read_frames(self._places.path_of(source)).pixels[number])
        except (UnreadableFrames, OSError, IndexError):
            return None
