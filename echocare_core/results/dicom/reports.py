"""The reports of a run: the files of each study together, whatever folders they stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from echocare_core.results.dicom.content import ImageReference
from echocare_core.results.dicom.report import build_report
from echocare_core.results.dicom.statements import Reported, statements_of
from echocare_core.results.dicom.uids import write_object
from echocare_core.results.table import Row
from echocare_core.types import BundleCard, Details, Origin


@dataclass(frozen=True)
class Study:
    """Rows of one study.

    Attributes:
        places: source -> where its rows stand among those of the run.
        whole: where those about the whole study stand.
    """

    places: Mapping[str, Sequence[int]]
    whole: Sequence[int]

    @property
    def rows(self) -> list[int]:
        """Where all of them stand."""
        return [*self.whole, *(place for of_file in self.places.values() for place in of_file)]


def studies_of(rows: Sequence[Row], places: Mapping[str, Sequence[int]], keys: Mapping[str, str]) -> list[Study]:
    """The studies of a run in the order of their first files.

    Args:
        rows: of `results.csv`.
        places: source -> where its rows stand.
        keys: of sources that an object can refer to -> `Source.study_of_patient`.
    """
    files: dict[str, dict[str, Sequence[int]]] = {}
    for source, key in keys.items():
        files.setdefault(key, {})[source] = places[source]
    numbers = {rows[places[source][0]].get("study"): key for source, key in reversed([*keys.items()])}
    whole: dict[str, list[int]] = {key: [] for key in files}
    for place, row in enumerate(rows):
        if row.get("level") == "study" and row.get("study") in numbers:
            whole[numbers[row["study"]]].append(place)
    return [Study(of_files, whole[key]) for key, of_files in files.items()]


def write_report(
    files: Sequence[Reported],
    of_study: Sequence[tuple[Row, Details]],
    card: BundleCard,
    origin: Origin | None,
    path: Path,
) -> None:
    """Write the report of a study.

    Args:
        files: of the study, with all that is said of each.
        of_study: rows about the whole of it.
        card: of the bundle.
        origin: how the results were made; None where that is not known.
        path: of the report.

    Raises:
        NoObject: nothing is said of it that a report has a place for.
        OSError: the disk cannot take it, or has lost what was prepared.
    """
    segmented: dict[str, list[ImageReference]] = {}
    for one in files:
        if one.segmented:
            segmented.setdefault(one.segmented.series, []).append(one.segmented.image)
    sources = [one.said.source for one in files]
    write_object(build_report(sources, statements_of(files, of_study), card, origin, segmented), path)
