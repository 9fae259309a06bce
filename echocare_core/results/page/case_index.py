"""The list of all cases of a bundle, a row each, and the plots of what was found in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

from echocare_core.results.page.article import breakable, title_of
from echocare_core.results.page.cases import Case
from echocare_core.results.page.listing import Case as ListRow
from echocare_core.results.page.listing import Cell, Head, case_list
from echocare_core.results.page.measurements import finite_measurements
from echocare_core.results.page.plots import bars, histogram, unit_in_brackets
from echocare_core.results.wording import NOTHING_FOUND, name_text, number_text, unit_symbol, value_text
from echocare_core.types import Boxes, BundleCard, Measurement, Scores

MOST_NUMBERS = 4  # columns of measurements: more are cut off on a telephone
MOST_QUESTIONS = 2
MOST_PLOTS = 8
APART = 1e9  # between numbers of two units, where they are sorted
FROM_VALUES = 3  # fewer are read faster than plotted
Name = tuple[str, str]  # of a measurement, with its unit


def list_cases(cases: Sequence[Case], caption: str) -> str:
    """The list as HTML.

    Args:
        cases: of one bundle.
        caption: what is listed, as text.
    """
    numbers = _columns(cases)
    questions = list(dict.fromkeys(name for case in cases for name in answers_of(case)))[:MOST_QUESTIONS]
    has_frames = any(len(case.frames) > 1 for case in cases)
    doubted = any(_doubts(case) for case in cases)
    heads = [Head("Case")]
    heads += [Head("Frames", numeric=True)] if has_frames else []
    heads += [Head(name_text(name)) for name in questions]
    heads += [Head(_title(name, units), numeric=True) for name, units in numbers.items()]
    heads += [Head("Check")] if doubted else []
    rows = []
    for case in cases:
        answers, values = answers_of(case), finite_measurements(case.entries)
        cells = [Cell(str(len(case.frames) or ""), len(case.frames) or "")] if has_frames else []
        cells += [_answer(answers.get(name)) for name in questions]
        cells += [_number(values, name, units) for name, units in numbers.items()]
        cells += [_check(case)] if doubted else []
        rows.append(_row(case, cells))
    return case_list(caption, heads, rows)


def _columns(cases: Sequence[Case]) -> dict[str, list[str]]:
    """The measurements that have a column, with their units: several where some files are calibrated and some not."""
    units: dict[str, list[str]] = {}
    for name, unit in dict.fromkeys(key for case in cases for key in finite_measurements(case.entries)):
        units.setdefault(name, []).append(unit)
    return dict(list(units.items())[:MOST_NUMBERS])


def _title(name: str, units: Sequence[str]) -> str:
    return f"{name_text(name)} {unit_symbol(units[0]) if len(units) == 1 else ''}".strip()


def plot_cases(cases: Sequence[Case], card: BundleCard) -> str:
    """How answers and numbers are spread over the cases, as HTML; empty where there are few."""
    plots = [*_plots_of_scores(cases), *_plots_of_numbers(cases, card)][:MOST_PLOTS]
    return f'<div class="plots">\n{"".join(plots)}</div>\n' if plots else ""


def answers_of(case: Case) -> dict[str, str]:
    """The answer to each question: that about the whole, else the one of most frames."""
    answers: dict[str, str] = {}
    for part in (case.frames, case.whole):
        counts: dict[str, Counter[str]] = {}
        for scores in (scores for one in part for scores in one.entry.of(Scores)):
            counts.setdefault(scores.name, Counter())[scores.answer] += 1
        answers.update({name: given.most_common(1)[0][0] for name, given in counts.items()})
    return answers


def has_doubts(case: Case) -> bool:
    """Whether something speaks against a number of it, beside that nothing was found."""
    return any(says != NOTHING_FOUND for says in _doubts(case))


def is_empty(case: Case) -> bool:
    """Whether something was looked for in it, and found nowhere."""
    return all(entry.details.nothing_found for entry in case.entries)


def _row(case: Case, cells: Sequence[Cell]) -> ListRow:
    folder, slash, _ = case.source.rpartition("/")
    above = "" if case.is_study else f'<span class="above">{breakable(folder + slash)}</span>'
    return ListRow(
        anchor=case.anchor,
        title=f"{above}{title_of(case, folder + slash)}",
        name=case.name,
        cells=cells,
        folder=f"Study {case.first.row['study']}" if case.first.row.get("study") else folder,
        findings=list(_findings(case)),
        states=[*(["check"] if has_doubts(case) else []), *(["nothing"] if is_empty(case) else [])],
        picture=case.picture,
        before='<span class="thumb" aria-hidden="true"></span>' if case.picture else "",
    )


def _findings(case: Case) -> Iterator[str]:
    """What was answered and found, in a word or two each."""
    yield from (f"{name_text(name)}: {name_text(answer)}" for name, answer in answers_of(case).items())
    labels = (label for entry in case.entries for boxes in entry.of(Boxes) for label in boxes.labels)
    yield from dict.fromkeys(map(name_text, labels))


def _answer(answer: str | None) -> Cell:
    return Cell("", "") if answer is None else Cell(escape(name_text(answer)), answer)


def _number(values: Mapping[Name, Sequence[float]], name: str, units: Sequence[str]) -> Cell:
    """The median of a measurement; with its unit where others of its column have another, which are sorted apart."""
    for place, unit in enumerate(units):
        if (name, unit) in values:
            value = median(values[name, unit])
            text = value_text(value, unit) if len(units) > 1 else number_text(value, unit)
            return Cell(escape(text), value + place * APART)
    return Cell("", "")


def _check(case: Case) -> Cell:
    says = _doubts(case)
    return Cell(f'<span class="checks">{escape("; ".join(says))}</span>', len(says) or "")


def _doubts(case: Case) -> list[str]:
    return list(dict.fromkeys(says for entry in case.entries for says, _, _ in entry.details.doubts))


def _plots_of_numbers(cases: Sequence[Case], card: BundleCard) -> Iterator[str]:
    found: dict[Name, list[float]] = {}
    for case in cases:
        for key, values in finite_measurements(case.entries).items():
            found.setdefault(key, []).append(median(values))
    for (name, unit), values in found.items():
        if len(values) >= FROM_VALUES and min(values) < max(values):
            known = card.plausible.get(Measurement(name, 0, unit).column)
            believed = (known.low, known.high) if known else None
            yield histogram(unit_in_brackets(name_text(name), unit), values, unit, believed=believed)


def _plots_of_scores(cases: Sequence[Case]) -> Iterator[str]:
    answers: dict[str, Counter[str]] = {}
    for case in cases:
        for name, answer in answers_of(case).items():
            answers.setdefault(name, Counter())[name_text(answer)] += 1
    for name, counts in answers.items():
        if counts.total() >= FROM_VALUES:
            yield bars(name_text(name), counts)
    for title, (threshold, values) in _asked(cases).items():
        if len(values) >= FROM_VALUES:
            yield histogram(title, [100 * value for value in values], "percent", from_on=100 * threshold)


def _asked(cases: Sequence[Case]) -> Mapping[str, tuple[float, list[float]]]:
    """The probabilities of each class that an operating point asks about: title -> threshold and a value a case."""
    found: dict[str, tuple[float, list[float]]] = {}
    for case in cases:
        points: dict[str, tuple[float, list[float]]] = {}
        for scores in (one for entry in case.entries for one in entry.of(Scores) if one.operating_point):
            point = scores.operating_point
            assert point
            title = f"{name_text(scores.name)}: probability of {name_text(point.label)}"
            points.setdefault(title, (point.threshold, []))[1].append(scores.probabilities[point.label])
        for title, (threshold, values) in points.items():
            found.setdefault(title, (threshold, []))[1].append(median(values))
    return found
