"""A team's own table of images and reports, as the table that a report is trained on: what is heard becomes a column.

    image,group,split,report
    images/001.png,patient-1,train,"Oval, circumscribed mass, no calcifications. BI-RADS 3."

It is a table as `echocare_core.frames.manifest` reads it, in UTF-8, with the further column `report`.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pandas as pd

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.counting import counted, first_ten
from echocare_core.errors import TableError
from echocare_core.frames.manifest import COLUMNS, check_columns, read_csv
from echocare_core.frames.spelling import WRITTEN, parse_table
from echocare_core.tasks.report.heard import Listener
from echocare_core.tasks.report.lexicon import Lexicon
from echocare_core.types import SetAside

REPORT = "report"
logger = logging.getLogger(__name__)


def read_reports(table: str | Path) -> tuple[pd.DataFrame, tuple[SetAside, ...]]:
    """Read images and reports.

    Args:
        table: CSV in UTF-8 with `image` and `report`.

    Returns:
        The rows with a report, which stands there character by character, blanks and line breaks too; and those
        without one, set aside by name.

    Raises:
        TableError: no table, a column missing, or no row with a report.
    """
    path = Path(table)
    rows = read_csv(path, (*COLUMNS, REPORT))
    check_columns(rows, ("image", REPORT), path)
    untouched, _ = parse_table(path.read_bytes(), path)
    rows[REPORT] = untouched.iloc[:, list(rows.columns).index(REPORT)]
    is_empty = rows[REPORT].str.strip() == ""
    empty = rows.loc[is_empty, WRITTEN]
    aside = tuple(SetAside(one, "has an empty report; needed a text. Write one, or take the row out.") for one in empty)
    if len(aside) == len(rows):
        raise TableError(f"{path} has no row with a report; needed one. Fill the column {REPORT}.")
    return rows[~is_empty].copy(), aside


def describe_reports(table: str | Path, out: str | Path, lexicon: Lexicon) -> tuple[SetAside, ...]:
    """Write a table with a column for each descriptor, empty where the report does not name it.

    All other columns stay as they are, paths of images become relative to the new table.

    Args:
        table: CSV in UTF-8 with `image` and `report`, such as FOLDER/reports.csv.
        out: CSV to write, such as FOLDER/table.csv; it is readable for its owner alone, since reports name patients.
        lexicon: by whose words descriptors are found.

    Returns:
        Rows without a report, which are left out; a warning names them.

    Raises:
        TableError: see `read_reports`; or a column that is called as a descriptor is.
    """
    path, out = Path(table), Path(out)
    rows, aside = read_reports(path)
    taken = [name for name in lexicon.names if name in rows.columns]
    if taken:
        raise TableError(f"{path} has the column {taken[0]} already; needed its place for what is heard. Rename it.")
    listen = Listener(lexicon)
    heard = pd.DataFrame(
        [{**dict.fromkeys(lexicon.names, ""), **listen(report)} for report in rows[REPORT]], index=rows.index
    )
    rows["image"] = [_seen_from(out.parent, path.parent / image) for image in rows["image"]]
    with replacing(out, OWNER_ALONE) as unfinished:
        pd.concat([rows.drop(columns=WRITTEN), heard], axis=1).to_csv(
            unfinished, index=False, encoding="utf-8", lineterminator="\n"
        )
    known = ", ".join(f"{name} in {count}" for name, count in (heard != "").sum().items())
    logger.info("%s: of %s, heard %s.", out, counted(len(rows), "report"), known)
    if aside:
        names = first_ten([one.source for one in aside])
        logger.warning("%s: %s set aside: %s.", path, counted(len(aside), "empty report"), names)
    return aside


def _seen_from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
