"""To whom a case belongs: rows of one patient are drawn together, and no patient is named."""

from __future__ import annotations

from collections.abc import Sequence

from echocare_core.assessment.about import NOT_STATED
from echocare_core.assessment.rows import ResultRows, Row
from echocare_core.errors import TableError
from echocare_core.secret import SecretKey

SURE = ("patient", "study", "series", "file")


def group_of(label: Row, rows: Sequence[Row], results: ResultRows, key: SecretKey) -> tuple[str, str]:
    """What tells the patient of a case apart, and what it is called.

    Args:
        label: its `group` comes first.
        rows: of results that it joins; their `group`, which a table gave, comes next.
        results: whose headers come last: Patient ID, else the study, the series, or the file alone.
        key: of the pseudonym of what a header says.

    Returns:
        "table", "patient", "study", "series" or "file"; and the name.

    Raises:
        TableError: files of several patients.
    """
    units = list(dict.fromkeys(results.about(source).unit for source in results.sources_of(rows)))
    if len([unit for unit in units if unit[0] == "patient"]) > 1:
        raise TableError("joins files of several patients")
    stated = label.get("group") or rows[0].get("group")
    if stated:
        return "table", stated
    kind, name = min(units, key=lambda unit: SURE.index(unit[0]))
    return kind, key.pseudonym("group", f"{kind} {name or rows[0]['source']}")


def subgroups_of(label: Row, rows: Sequence[Row], results: ResultRows, columns: Sequence[str]) -> dict[str, str]:
    """In which subgroups a case falls: by the headers of its files, and by columns of the labels."""
    every = [results.about(source).subgroups for source in results.sources_of(rows)]
    names = dict.fromkeys(name for one in every for name in one)
    found = {name: {one.get(name, NOT_STATED) for one in every} for name in names}
    headers = {name: values.pop() if len(values) == 1 else "several" for name, values in found.items()}
    return {**headers, **{column: label.get(column) or NOT_STATED for column in columns}}
