"""Labels joined with results: by path, UID, accession number or patient; each label with what speaks of as much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from echocare_core.assessment.cases import Case, Joined, NotJoined
from echocare_core.assessment.grouping import group_of, subgroups_of
from echocare_core.assessment.labels import LEVELS, Labels, rows_text
from echocare_core.assessment.matching import IDS, Match, Matcher, PathMatcher, nearest
from echocare_core.assessment.rows import ResultRows, Row
from echocare_core.counting import counted, first_ten
from echocare_core.errors import TableError
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.manifest import read_frame_number
from echocare_core.secret import SecretKey

WORDS = {
    **{"image": "path (image)", "sop_instance_uid": "SOP Instance UID", "series_instance_uid": "Series Instance UID"},
    **{"study_instance_uid": "Study Instance UID", "accession": "accession number", "patient": "Patient ID"},
}
MEANT = {"image": "file", "sop_instance_uid": "file", "series_instance_uid": "series", "patient": "patient"}
OF_FILES = ("image", "sop_instance_uid")  # keys that a frame can stand beside
COUNT_FROM = "Rows are counted from 1 below the names of the columns."
Names = Mapping[str, Sequence[str]]
Unit = tuple[str, int | None]  # what a row of the table means, and the frame of it


def join(
    labels: Labels,
    results: ResultRows,
    key: SecretKey,
    *,
    several: bool = False,
    subgroups: Sequence[str] = (),
    set_aside: Mapping[str, str] | None = None,
) -> Joined:
    """Join a table of labels with results.

    Args:
        labels: the table.
        results: with the headers of their files.
        key: of the pseudonyms of groups.
        several: a case may have several rows, each a box or a point.
        subgroups: columns of the table that are subgroups too.
        set_aside: source -> why the run did not use it.

    Raises:
        TableError: nothing joins; two labels for one case; a label that could mean several files, or several patients.
    """
    known = results.names()
    matches = {by: _matches(labels, by, known.get(by, {})) for by in labels.keys}
    tried = {by: sum(match.found is not None for match in found.values()) for by, found in matches.items()}
    by = max(tried, key=lambda name: tried[name])
    if not tried[by]:
        raise TableError(_nothing(labels, known, tried))
    _check_plain(labels, by, matches[by])
    _check_agree(labels, by, matches, known)
    chosen, left = _choose(labels, by, matches[by], known[by], results, set_aside or {})
    if not chosen:
        raise TableError(_none_chosen(labels, left))
    if not several:
        _check_once(labels, by, chosen)
    cases, told_apart = _cases(labels, by, chosen, results, key, subgroups)
    used = [row for case in cases for row in case.rows]
    touched = {row["source"] for row in used}
    reasons = ("no label joins it", "{} of it have no label")
    without = [
        NotJoined("result", None, source, reasons[source in touched].format(counted(frames, "frame")))
        for source, frames in results.unlabelled(used)
    ]
    return Joined(tuple(cases), by, tried, (*left, *without), told_apart)


def _matches(labels: Labels, by: str, known: Names) -> dict[int, Match]:
    """What each row of the table means, by its position; a row without that cell means nothing."""
    matcher: Matcher | PathMatcher
    if by == "image":
        matcher = PathMatcher({name: sources[0] for name, sources in known.items()})
    else:
        matcher = Matcher(known, IDS)
    return {row: matcher.find(name) if name else Match() for row, name in labels.rows[by].items()}


def _check_plain(labels: Labels, by: str, matches: Mapping[int, Match]) -> None:
    what = MEANT.get(by, "study")
    faults = [
        f"row {row + 1} could be any of {counted(match.several, what)} by its {WORDS[by]}"
        for row, match in matches.items()
        if match.several
    ]
    check_no_faults(f"{labels.path.name} has", faults, f"Write the {WORDS[by]} as the files have it. {COUNT_FROM}")


def _check_agree(
    labels: Labels, by: str, matches: Mapping[str, Mapping[int, Match]], known: Mapping[str, Names]
) -> None:
    """TableError where two cells of a row mean different files, such as an image of another patient."""
    faults = []
    for row, match in matches[by].items():
        meant = set(known[by].get(match.found or "", ()))
        for other in (one for one in matches if one != by):
            also = set(known[other].get(matches[other][row].found or "", ())) if other in known else set()
            if meant and also and meant.isdisjoint(also):
                faults.append(f"row {row + 1} means other files by its {WORDS[by]} than by its {WORDS[other]}")
    todo = f"Correct these rows, or say which of both counts (--by). {COUNT_FROM}"
    check_no_faults(f"{labels.path.name} has", faults, todo)


def _none_chosen(labels: Labels, left: Sequence[NotJoined]) -> str:
    reasons = dict.fromkeys(f"row {one.row}: {one.reason}" for one in left)
    return (
        f"None of the {counted(len(labels.rows), 'row')} of {labels.path.name} joins a result: "
        f"{first_ten([*reasons])}. Needed a frame that results.csv has."
    )


def _choose(
    labels: Labels, by: str, matches: Mapping[int, Match], known: Names, results: ResultRows, aside: Mapping[str, str]
) -> tuple[dict[Unit, tuple[list[int], list[Row]]], list[NotJoined]]:
    """The rows of the table and of results of each unit, and the rows of the table that join nothing."""
    chosen: dict[Unit, tuple[list[int], list[Row]]] = {}
    left: list[NotJoined] = []
    why = _Why(by, known, aside)
    for row, match in matches.items():
        cells = labels.rows.loc[row].to_dict()
        frame = read_frame_number({"image": "", **cells}) if by in OF_FILES else None
        sources = [match.found] if by == "image" and match.found else known.get(match.found or "", [])
        unit = (match.found or "", frame)
        if unit in chosen:
            chosen[unit][0].append(row)
        elif rows := results.speaking_of(sources, frame, of_studies=by not in OF_FILES) if match.found else []:
            chosen[unit] = ([row], rows)
        else:
            left.append(NotJoined("label", row + 1, match.found or "", why.of(cells[by], match, frame)))
    return chosen, left


class _Why:
    """Why a label joins nothing, in words that name no patient."""

    def __init__(self, by: str, known: Names, aside: Mapping[str, str]) -> None:
        self.by, self.known, self.aside = by, known, aside
        self.set_aside = PathMatcher({source: source for source in aside})

    def of(self, name: str, match: Match, frame: int | None) -> str:
        """The reason, of a label that names a file, study or patient so and, where it speaks of one, a frame."""
        if match.found:
            return f"its file has no result for frame {frame}"
        if not name:
            return f"its {WORDS[self.by]} is empty"
        if self.by != "image":
            return f"no result of that {WORDS[self.by]}"
        found = self.set_aside.find(name).found
        if found:
            return f"its file was set aside: {self.aside[found]}"
        near = nearest(name, self.known)
        return f"no result of that {WORDS[self.by]}" + (f"; the nearest are {', '.join(near)}" if near else "")


def _nothing(labels: Labels, known: Mapping[str, Names], tried: Mapping[str, int]) -> str:
    looked = "; ".join(f"{WORDS[by]}, of which the results have {len(known.get(by, ())) or 'none'}" for by in tried)
    first = next((name for name in labels.rows.get("image", ()) if name), "")
    near = nearest(first, known["image"], 1) if first else []
    example = f" Its first row names {first}; the nearest file is {near[0]}." if near else ""
    return (
        f"None of the {counted(len(labels.rows), 'row')} of {labels.path.name} joins a result; looked for {looked}."
        f"{example} Needed them as the export has them: look at source and sop_instance_uid in results.csv."
    )


def _check_once(labels: Labels, by: str, chosen: Mapping[Unit, tuple[list[int], list[Row]]]) -> None:
    twice = [f"rows {rows_text(rows)} label one case" for rows, _ in chosen.values() if len(rows) > 1]
    frames = ", or name their frames in a column frame" if by in OF_FILES else ""
    check_no_faults(f"{labels.path.name} has", twice, f"Keep one of them{frames}. {COUNT_FROM}")


def _cases(
    labels: Labels,
    by: str,
    chosen: Mapping[Unit, tuple[list[int], list[Row]]],
    results: ResultRows,
    key: SecretKey,
    subgroups: Sequence[str],
) -> tuple[list[Case], dict[str, int]]:
    cases, told_apart, faults = [], Counter[str](), []
    for (_, frame), (numbers, rows) in chosen.items():
        own: tuple[Row, ...] = tuple(labels.rows.loc[number].to_dict() for number in numbers)
        try:
            kind, group = group_of(own[0], rows, results, key)
        except TableError as error:
            faults.append(f"row {numbers[0] + 1} {error}")
            continue
        told_apart[kind] += 1
        named = subgroups_of(own[0], rows, results, subgroups)
        level = LEVELS[by] if frame is None else "frame"
        frames = tuple(results.frames_of(rows))
        cases.append(Case(numbers[0] + 1, own, tuple(rows), level, group, named, frames))
    check_no_faults(f"{labels.path.name} has", faults, f"Join these by path or SOP Instance UID. {COUNT_FROM}")
    return cases, dict(told_apart)


def joined_text(joined: Joined) -> Iterator[str]:
    """How labels and results were joined, a sentence each."""
    labels = [one for one in joined.not_joined if one.side == "label"]
    results = [one for one in joined.not_joined if one.side == "result"]
    yield f"{counted(len(joined.cases), 'case')} joined by {WORDS[joined.by]}."
    if labels:
        yield f"{counted(len(labels), 'label')} without a result."
    if results:
        yield f"{counted(len(results), 'file')} of the results without a label, wholly or in part."
