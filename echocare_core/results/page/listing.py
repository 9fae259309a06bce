"""A list of cases that a page sorts, filters and pages through; without a script it is the whole table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from echocare_core.printable import printable

APART = "|"  # between several values of one entry


class Head(NamedTuple):
    """A column: its words as text, and whether it holds numbers."""

    text: str
    numeric: bool = False


class Cell(NamedTuple):
    """A cell: what it shows, as HTML, and by what it is sorted; "" stands last."""

    shown: str
    sort: object = ""


class Case(NamedTuple):
    """A row about one case.

    Attributes:
        anchor: where the case stands on the page.
        title: as HTML.
        name: by which the first column is sorted, as text.
        cells: of the columns behind the first.
        folder: it lies in, "" where that is not worth a filter.
        findings: what was found, in a word or two each.
        states: what a reader may look for: "check", "nothing".
        picture: number of the picture on the page that stands for it; None where there is none.
        before: HTML before the title.
    """

    anchor: str
    title: str
    name: str
    cells: Sequence[Cell]
    folder: str = ""
    findings: Sequence[str] = ()
    states: Sequence[str] = ()
    picture: int | None = None
    before: str = ""


def case_list(caption: str, heads: Sequence[Head], cases: Sequence[Case]) -> str:
    """The table as HTML.

    Args:
        caption: what is listed, as text.
        heads: of all columns, that of the title first.
        cases: in the order of the page.
    """
    head = "".join(f'<th scope="col"{_numeric(one)}>{escape(one.text)}</th>' for one in heads)
    rows = "\n".join(_row(case, heads[1:]) for case in cases)
    return (
        f'<div class="scrolls"><table class="cases"><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
    )


def _row(case: Case, heads: Sequence[Head]) -> str:
    cells = "".join(
        f'<td data-head="{escape(head.text)}" data-sort="{escape(str(cell.sort))}"{_numeric(head)}>{cell.shown}</td>'
        for head, cell in zip(heads, case.cells, strict=True)
    )
    about = "".join(
        f' data-{name}="{escape(printable(value))}"'
        for name, value in (
            ("folder", case.folder),
            ("finding", _joined(case.findings)),
            ("state", _joined(case.states)),
            ("picture", "" if case.picture is None else str(case.picture)),
        )
        if value
    )
    return (
        f'<tr{about}><th scope="row" data-sort="{escape(printable(case.name))}">'
        f'{case.before}<a href="#{case.anchor}">{case.title}</a></th>{cells}</tr>'
    )


def _joined(values: Sequence[str]) -> str:
    return APART.join(value.replace(APART, "/") for value in values)


def _numeric(head: Head) -> str:
    return ' class="number"' if head.numeric else ""
