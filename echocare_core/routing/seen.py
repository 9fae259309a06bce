"""What the bundle that tells organs said of each file, read back from its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from echocare_core.assessment.results_folder import read_results, scores_in
from echocare_core.errors import BundleError
from echocare_core.recognition import Shown, shown_of
from echocare_core.recognition.recogniser import QUESTION, likeliest_of, mean_of
from echocare_core.result_files import REPORT_HTML
from echocare_core.results.page.cases import file_anchors


class Seen(NamedTuple):
    """What was seen of a file.

    Attributes:
        shown: what it shows, by the mean over the frames that were looked at.
        likeliest: the likeliest organ where it looks like none of them too; None where nothing speaks for any.
        overlay: path of the picture of the middle one, in the folder of the results.
        look: link to what is said of it, from the folder that of the results stands in.
    """

    shown: Shown
    likeliest: Shown | None
    overlay: str
    look: str


def read_seen(folder: Path) -> Mapping[str, Seen]:
    """What was seen of each file, by its source.

    Args:
        folder: with the results of the bundle that tells organs.

    Raises:
        BundleError: they answer no such question.
        OutputError: they are not there.
    """
    results = read_results(folder)
    if QUESTION not in results.questions:
        raise BundleError(f"{results.bundle} says nothing of an {QUESTION}; needed Scores of that name. Name another.")
    frames = results.rows[results.rows["level"] == "frame"]
    anchors = file_anchors(results.rows.to_dict("records"))
    return {
        source: _seen(
            rows.to_dict("records"), results.questions[QUESTION], f"{folder.name}/{REPORT_HTML}#{anchors[source]}"
        )
        for source, rows in frames.groupby("source", sort=False)
    }


def _seen(rows: list[dict[str, str]], classes: tuple[str, ...], look: str) -> Seen:
    said = [scores for row in rows if (scores := scores_in(row, QUESTION, classes))]
    mean = mean_of(said)
    return Seen(shown_of(mean), likeliest_of(mean), rows[len(rows) // 2].get("overlay", ""), look)
