"""The worst cases with their pictures, some of the middle and the best beside them, and the list of all."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from echocare_core.assessment.cases import Case
from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.kinds.classes import ClassQuestion
from echocare_core.assessment.kinds.masks import MaskQuestion
from echocare_core.assessment.kinds.numbers import NumberQuestion
from echocare_core.assessment.page.numbers import NOT_KNOWN
from echocare_core.assessment.page.pictures import picture_of
from echocare_core.assessment.scored import Scored
from echocare_core.evaluation.failures import best_cases, middle_cases, worst_cases
from echocare_core.printable import printable
from echocare_core.results.page.listing import Case as Listed
from echocare_core.results.page.listing import Cell, Head, case_list
from echocare_core.results.wording import value_text

MOST_PICTURES, MOST_OF_SEVERAL, MOST_LISTED = 12, 8, 2000
BESIDE = 4  # pictures of the middle, and as many of the best


def show_worst(evaluation: Evaluation) -> str:
    """The worst cases of each question as HTML, the worst first, and some of the middle and the best."""
    cases = {case.number: case for case in evaluation.joined.cases}
    return "".join(_of_question(evaluation, scored, cases) for scored in evaluation.scored)


def _of_question(evaluation: Evaluation, scored: Scored, cases: dict[int, Case]) -> str:
    column, largest = scored.question.worst
    failed = scored.rows[scored.question.failed(scored.rows)]
    most = MOST_PICTURES if len(evaluation.scored) == 1 else MOST_OF_SEVERAL
    beside = _beside(evaluation, scored, cases) if len(scored.rows) >= most + 3 * BESIDE else ""
    if failed.empty:
        return f"<h3>{escape(scored.question.words.capitalize())}</h3>\n<p>Every case is right.</p>\n{beside}"
    rows = worst_cases(failed, column, most, lowest=not largest)
    shown = [_figure(evaluation, scored, cases[int(number)], row) for number, row in rows.iterrows()]
    legend = ' <span class="key drawn">Orange</span>: drawn by a person; <span class="key">blue</span>: predicted.'
    says = legend if isinstance(scored.question, MaskQuestion) else ""
    wrong = "" if len(failed) == len(scored.rows) else f" that are wrong, among {len(scored.rows)}"
    return (
        f'<h3>{escape(scored.question.words.capitalize())}</h3>\n<p class="meta">The {len(shown)} worst of '
        f'{len(failed)}{wrong}, the worst first.{says}</p>\n<ol class="worst">{"".join(shown)}</ol>\n{beside}'
    )


def _beside(evaluation: Evaluation, scored: Scored, cases: dict[int, Case]) -> str:
    """Cases of the middle, and the best."""
    column, largest = scored.question.worst
    chosen = {
        f"{BESIDE} of the middle": middle_cases(scored.rows, column, BESIDE),
        f"The {BESIDE} best": best_cases(scored.rows, column, BESIDE, lowest=not largest),
    }
    return "".join(
        f'<p class="meta">{words}.</p>\n<ol class="worst">'
        f"{''.join(_figure(evaluation, scored, cases[int(number)], row) for number, row in rows.iterrows())}</ol>\n"
        for words, rows in chosen.items()
    )


def _figure(evaluation: Evaluation, scored: Scored, case: Case, row: pd.Series) -> str:
    source = printable(case.rows[0]["source"])
    says = _says(scored, row)
    picture = picture_of(case, scored.question, evaluation)
    image = f'<img src="{picture}" alt="{escape(f"{source}: {says}")}">' if picture else ""
    frame = f", frame {case.rows[0]['frame']}" if case.rows[0].get("frame") not in ("", "0", None) else ""
    return (
        f"<li><figure>{image}<figcaption><strong>{escape(says)}</strong><br>{escape(source)}{frame}, row "
        f"{case.number} of the labels</figcaption></figure></li>\n"
    )


def _says(scored: Scored, row: pd.Series) -> str:
    """What went wrong, in a few words."""
    question = scored.question
    if isinstance(question, MaskQuestion):
        return ", ".join(
            f"Dice {row[f'dice_{name}']:.2f} {name.replace('_', ' ')}" for name in question.labels.values()
        )
    if isinstance(question, NumberQuestion):
        found, true = (
            value_text(float(row[name]), question.unit) for name in (question.name, f"{question.name}_reference")
        )
        return f"{found}, labelled {true}".replace(f" {question.symbol}", f"\u00a0{question.symbol}")
    if isinstance(question, ClassQuestion):
        true = str(row[f"{question.name}_reference"])
        share = row[f"{question.name}_{true}_probability"]
        return f"answered {row[question.name]}, labelled {true} (given {100 * share:.0f}%)".replace("_", " ")
    column = question.worst[0]
    return f"{column.replace('_', ' ')}: {NOT_KNOWN if pd.isna(row[column]) else f'{row[column]:g}'}"


def show_cases(evaluation: Evaluation) -> str:
    """The list of all cases as HTML, which a script sorts; the first of very many."""
    rows = evaluation.rows.head(MOST_LISTED)
    columns = [column for scored in evaluation.scored for column in _listed(scored)]
    groups = list(dict.fromkeys(part.name for one in evaluation.subgroups for part in one.parts))
    heads = [
        Head("Case"),
        Head("Row", True),
        *(Head(name) for name in groups),
        *(Head(words, True) for _, words in columns),
    ]
    listed = [_row(int(number), row, groups, [name for name, _ in columns]) for number, row in rows.iterrows()]
    more = "" if len(rows) == len(evaluation.rows) else f"<p>The first {len(rows)}; evaluation.csv has all.</p>"
    return case_list("All cases", heads, listed) + more


def _listed(scored: Scored) -> Sequence[tuple[str, str]]:
    question = scored.question
    if isinstance(question, MaskQuestion):
        return [(f"dice_{name}", f"Dice {name.replace('_', ' ')}") for name in question.labels.values()]
    if isinstance(question, NumberQuestion):
        names = {f"{question.name}_reference": "labelled", question.name: "measured", f"{question.name}_error": "error"}
        return [(name, f"{question.words}, {words} ({question.symbol})") for name, words in names.items()]
    if isinstance(question, ClassQuestion):
        return [(f"{question.name}_reference", f"{question.words}, labelled"), (question.name, "answered")]
    return [(question.worst[0], question.worst[0].replace("_", " "))]


def _row(number: int, row: pd.Series, groups: Sequence[str], columns: Sequence[str]) -> Listed:
    name = printable(str(row["image"]))
    cells = [Cell(str(number), number), *(Cell(escape(str(row[one])), str(row[one])) for one in groups)]
    cells += [_cell(row.get(column)) for column in columns]
    return Listed("cases", escape(name).replace("/", "/<wbr>"), name, cells)


def _cell(value: object) -> Cell:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return Cell("", "")
    return Cell(f"{value:.3f}", value) if isinstance(value, float) else Cell(escape(str(value)), value)
