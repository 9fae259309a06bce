"""Of rows about frames, cines and studies those are taken that speak of as much as a label does."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from echocare_core.assessment.about import About
from echocare_core.assessment.results_folder import ResultsFolder
from echocare_core.assessment.rows import ResultRows

COLUMNS = ("bundle", "source", "frame", "level", "study")
ROWS = [
    ("b", "S1/still", "0", "frame", "1"),
    ("b", "S1/loop", "0", "frame", "1"),
    ("b", "S1/loop", "1", "frame", "1"),
    ("b", "S1/loop", "", "cine", "1"),
    ("b", "S2/alone", "0", "frame", "2"),
    ("b", "S1", "", "study", "1"),
    ("b", "S2", "", "study", "2"),
]


@pytest.fixture
def results() -> ResultRows:
    about = {"S1/still": About(accession="7"), "S1/loop": About(accession="7"), "S2/alone": About(accession="8")}
    return ResultRows(ResultsFolder(Path(), pd.DataFrame(ROWS, columns=COLUMNS)), about)


@pytest.mark.parametrize(
    ("sources", "frame", "of_studies", "found"),
    [
        (["S1/still"], None, False, [("S1/still", "frame")]),
        (["S1/loop"], None, False, [("S1/loop", "cine")]),
        (["S1/loop"], 1, False, [("S1/loop", "frame")]),
        (["S2/alone"], None, False, [("S2/alone", "frame")]),
        (["S2/alone"], None, True, [("S2", "study")]),
        (["S1/still", "S1/loop"], None, True, [("S1", "study")]),
        (["S1/still", "S2/alone"], None, True, [("S2", "study"), ("S1/still", "frame")]),
        (["S1/loop"], 5, False, []),
    ],
)
def test_the_widest_rows_within_a_label_speak_for_it(
    results: ResultRows, sources: list[str], frame: int | None, of_studies: bool, found: list[tuple[str, str]]
) -> None:
    rows = results.speaking_of(sources, frame, of_studies=of_studies)
    assert [(row["source"], row["level"]) for row in rows] == found


def test_an_accession_number_is_that_of_all_files_of_the_study(results: ResultRows) -> None:
    assert results.names()["accession"] == {"7": ["S1/still", "S1/loop"], "8": ["S2/alone"]}


def test_files_of_which_nothing_was_used_are_left_over(results: ResultRows) -> None:
    assert list(results.unlabelled(results.speaking_of(["S1/loop"], 1, of_studies=False))) == [
        ("S1/still", 1), ("S1/loop", 1), ("S2/alone", 1),
    ]  # fmt: skip
    assert list(results.unlabelled(results.speaking_of(["S1/still", "S1/loop"], None, of_studies=True))) == [
        ("S2/alone", 1)
    ]


def test_the_frames_of_a_cine_and_a_study_are_found_beside_their_rows(results: ResultRows) -> None:
    def frames_of(*sources: str, of_studies: bool = False) -> list[tuple[str, str]]:
        rows = results.frames_of(results.speaking_of(sources, None, of_studies=of_studies))
        return [(row["source"], row["frame"]) for row in rows]

    assert frames_of("S1/loop") == [("S1/loop", "0"), ("S1/loop", "1")]
    assert frames_of("S1/still", "S1/loop", of_studies=True) == [("S1/still", "0"), ("S1/loop", "0"), ("S1/loop", "1")]
    assert frames_of("S1/still") == []
