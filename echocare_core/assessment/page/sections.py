"""The parts of the page: how labels were joined, what is reported, subgroups, and beside another model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from echocare_core.assessment.about import NOT_STATED
from echocare_core.assessment.cases import NotJoined
from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.join import WORDS
from echocare_core.assessment.kinds.classes import ClassQuestion
from echocare_core.assessment.kinds.masks import MaskQuestion
from echocare_core.assessment.kinds.numbers import NumberQuestion
from echocare_core.assessment.page.forest import forest
from echocare_core.assessment.page.numbers import (
    HEADS,
    estimate_cells,
    interval_text,
    measures_table,
    numbers_table,
    scrolling,
    unbroken,
    value_text,
)
from echocare_core.assessment.page.of_classes import show_classes
from echocare_core.assessment.page.of_masks import show_masks
from echocare_core.assessment.page.of_numbers import show_numbers
from echocare_core.assessment.scored import Scored
from echocare_core.assessment.subgroups import Part, Subgroups
from echocare_core.counting import counted, enumerated
from echocare_core.evaluation.comparison import Comparison
from echocare_core.evaluation.estimate import Estimate
from echocare_core.results.page.tables import table

PLOTS = {MaskQuestion: show_masks, NumberQuestion: show_numbers, ClassQuestion: show_classes}
APART = {
    **{"table": "as the table of labels or the results group them", "patient": "by Patient ID"},
    **{"study": "by study, as no Patient ID is stated", "series": "by series, as no study is stated"},
    "file": "not at all: each file counts as a patient, so that intervals are too narrow where one has several",
}
MOST_LEFT = 20
BY_CHANCE = "No interval is corrected for there being several: among twenty, one may lie apart by chance."


def tiles(evaluation: Evaluation) -> str:
    """The headline numbers, as large as they deserve."""
    shown = [one for scored in evaluation.scored for one in scored.headlines]
    items = "".join(
        f"<li><strong>{escape(value_text(number.estimate, number.unit))}</strong>{escape(measure.words)}<br>"
        f"{escape(interval_text(number)) or 'no interval'}</li>"
        for measure, number in shown
    )
    return f'<ul class="tiles">{items}</ul>\n'


def summary(evaluation: Evaluation) -> str:
    """Headline numbers with intervals in one table."""
    rows = [
        [escape(measure.words), *estimate_cells(number)]
        for one in evaluation.scored
        for measure, number in one.headlines
    ]
    return numbers_table("Headline numbers", rows)


def joining(evaluation: Evaluation) -> str:
    """How labels and results came together, and what is left over."""
    joined = evaluation.joined
    counts = enumerated([f"{counted(number, 'case')} {APART[kind]}" for kind, number in joined.told_apart.items()])
    rules = list(dict.fromkeys(one.question.rule for one in evaluation.scored))
    facts = [
        ("Joined by", f"{WORDS[joined.by]}: {counted(len(joined.cases), 'case')}{_tried(evaluation)}"),
        ("A label speaks of", enumerated(sorted({_level(case.level) for case in joined.cases}))),
        ("Output and label", " ".join(rules)),
        ("Patients told apart", counts),
        ("Intervals", "95 %, over patients: the images of one patient are drawn together"),
    ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)
    return f'<dl class="facts">{items}</dl>\n{_left_over(joined.not_joined)}{_unscored(evaluation)}'


def _level(level: str) -> str:
    return {"frame": "one frame", "image": "one file"}.get(level, f"one {level}")


def _tried(evaluation: Evaluation) -> str:
    others = {by: number for by, number in evaluation.joined.tried.items() if by != evaluation.joined.by}
    return "".join(f"; by {WORDS[by]} it would have been {number}" for by, number in others.items())


def _left_over(left: tuple[NotJoined, ...]) -> str:
    if not left:
        return "<p>Every label has a result, and every result a label.</p>\n"
    labels = sum(one.side == "label" for one in left)
    said = f"{counted(labels, 'label')} without a result, {counted(len(left) - labels, 'file')} without a label"
    rows = [
        [f"row {one.row}" if one.row else "result", escape(one.source).replace("/", "/<wbr>"), escape(one.reason)]
        for one in left[:MOST_LEFT]
    ]
    more = "" if len(left) <= MOST_LEFT else f"<p>{len(left) - MOST_LEFT} more in not_joined.csv.</p>"
    inside = scrolling("Not joined", table(("Which", "File", "Why"), rows)) + more
    return f"<details{' open' if labels else ''}><summary>Left over: {said}</summary>{inside}</details>\n"


def _unscored(evaluation: Evaluation) -> str:
    rows = [
        [f"row {number}", escape(one.question.words), escape(why)]
        for one in evaluation.scored
        for number, why in one.unscored.items()
    ]
    if not rows:
        return ""
    inside = scrolling("Not scored", table(("Which", "Of", "Why"), rows[:MOST_LEFT]))
    return f"<details open><summary>{counted(len(rows), 'label')} could not be scored</summary>{inside}</details>\n"


def questions(evaluation: Evaluation) -> Iterator[str]:
    """Each output with its numbers and plots."""
    for number, scored in enumerate(evaluation.scored, 1):
        plots = PLOTS.get(type(scored.question), lambda _: [])(scored)
        words = scored.question.words
        numbers = measures_table(words, scored.measures, scored.more)
        yield (
            f'<section aria-labelledby="of-{number}"><h2 id="of-{number}">{escape(words.capitalize())}</h2>\n'
            f'{_about(scored)}<div class="plots wide">{numbers}{"".join(plots)}</div></section>'
        )


def _about(scored: Scored) -> str:
    question = scored.question
    if not isinstance(question, ClassQuestion) or not question.asked:
        return ""
    asked = question.asked.replace("_", " ")
    fixed = (
        "fixed in the bundle, before these cases were seen" if question.point else "the likeliest class is the answer"
    )
    return f"<p>Asked about: <strong>{escape(asked)}</strong>, answered from {question.threshold:g} on ({fixed}).</p>\n"


def subgroups(evaluation: Evaluation) -> str:
    """Headline numbers by subgroup: of each output a table for each subgroup, its first number drawn."""
    every = [parts for one in evaluation.subgroups for parts in _by_name(one)]
    first = evaluation.subgroups[0].question if evaluation.subgroups else ""
    words = {one.question.name: one.question.words for one in evaluation.scored}
    parts = "".join(_divided(words[question], parts, is_open=question == first) for question, parts in every)
    said = f'<p class="meta">{BY_CHANCE}</p>\n' if parts else ""
    return said + parts + "".join(dict.fromkeys(_alike(one) for one in evaluation.subgroups)) or "<p>None.</p>"


def _by_name(one: Subgroups) -> Iterator[tuple[str, list[Part]]]:
    for name in dict.fromkeys(part.name for part in one.parts):
        yield one.question, [part for part in one.parts if part.name == name]


def _divided(words: str, parts: Sequence[Part], *, is_open: bool) -> str:
    title = f"{words.capitalize()} by {parts[0].name}"
    heads = [escape(parts[0].name.capitalize()), "Cases", "Patients"]
    heads += [escape(part.measure.words) for part in parts]
    rows = [_value_row(place, parts) for place in range(len(parts[0].values))]
    numbers = numbers_table(title, rows, (*heads, HEADS[-1]))
    apart = [
        [escape(part.measure.words), escape(value.name), _difference(value.difference)]
        for part in parts
        for value in part.values
        if math.isfinite(value.difference.estimate)
    ]
    rest = scrolling(f"{title}, less the rest", table(("Measure", "Subgroup", "Less the rest (95 % interval)"), apart))
    unseen = f"<span class='unseen'>: {escape(title)}</span>"
    folded = f"<details><summary>Each beside the rest{unseen}</summary>{rest}</details>"
    drawn = forest(parts[0], f"{parts[0].measure.words} by {parts[0].name}")
    return (
        f'<details class="subgroup"{" open" if is_open else ""}><summary>{escape(title)}</summary>\n'
        f'<div class="result">{drawn}<div>{numbers}{folded}</div></div></details>\n'
    )


def _value_row(place: int, parts: Sequence[Part]) -> list[str]:
    """One value of a subgroup: its cases and patients, then each number with its interval."""
    numbers = [part.values[place].estimate for part in parts]
    most = max(numbers, key=lambda one: one.images)
    warnings = " ".join(dict.fromkeys(one.warning for one in numbers if one.warning))
    cells = [
        f"<strong>{unbroken(value_text(one.estimate, one.unit))}</strong> {unbroken(interval_text(one))}"
        for one in numbers
    ]
    warning = f'<span class="warns">{escape(warnings)}</span>' if warnings else ""
    return [escape(parts[0].values[place].name), str(most.images), str(most.groups), *cells, warning]


def _difference(one: Estimate) -> str:
    if not math.isfinite(one.estimate):
        return ""
    sign = "+" if one.estimate > 0 else ""
    interval = interval_text(one)
    return unbroken(f"{sign}{value_text(one.estimate, one.unit)}" + (f" ({interval})" if interval else ""))


def _alike(one: Subgroups) -> str:
    unstated = [name for name, value in one.unstated.items() if value == NOT_STATED]
    alike = [f"{name} ({value})" for name, value in one.unstated.items() if value != NOT_STATED]
    said = [f"Not stated in the files: {enumerated(unstated)}." if unstated else ""]
    said += [f"The same in all cases: {enumerated(alike)}." if alike else ""]
    return f'<p class="meta">{escape(" ".join(filter(None, said)))}</p>\n'


def comparison(evaluation: Evaluation) -> str:
    """This model beside the other one, as a section; empty where there is none."""
    compared = evaluation.compared
    if compared is None:
        return ""
    names = [_called(one.origin) for one in (evaluation.results, compared.other)]
    rows = [
        _compared_row(measure.words, found, compared.corrected.get(measure.name)) for measure, found in compared.numbers
    ]
    heads = (
        "Measure",
        "This",
        "Other",
        "Difference",
        "95 % interval",
        "p",
        "p, corrected",
        "Cases",
        "Only here, only there",
    )
    tests = enumerated(list(dict.fromkeys(found.test for _, found in compared.numbers)))
    return (
        '<section aria-labelledby="beside"><h2 id="beside">Beside another model</h2>\n'
        f"<p>This: {escape(names[0])}. Other: {escape(names[1])}. On the cases that both have.</p>\n"
        f"{scrolling('Comparison', table(heads, rows))}"
        f'<p class="meta">Test: {escape(tests)}; corrected for {len(rows)} numbers (Holm).</p></section>\n'
    )


def _called(origin: object) -> str:
    known = origin if isinstance(origin, dict) else {}
    return (
        f"{known.get('bundle', 'unknown')} {known.get('version', '')}, weights {str(known.get('weights_sha256'))[:12]}"
    )


def _compared_row(words: str, found: Comparison, corrected: float | None) -> list[str]:
    unit = found.first.unit
    return [
        escape(words),
        *(unbroken(value_text(one.estimate, unit)) for one in (found.first, found.second)),
        f"<strong>{unbroken(value_text(found.difference.estimate, unit))}</strong>",
        unbroken(interval_text(found.difference)) or "none",
        f"{found.p:.3f}" if math.isfinite(found.p) else "",
        "" if corrected is None else f"{corrected:.3f}",
        str(found.first.images),
        f"{len(found.only_first)}, {len(found.only_second)}",
    ]
