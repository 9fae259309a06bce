"""What an evaluation leaves in its folder, all at once or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from echocare_core.assessment.content import content_of
from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.folder import (
    CHECKLIST_MD,
    ENTRIES,
    EVALUATION_CSV,
    EVALUATION_HTML,
    EVALUATION_JSON,
    NOT_JOINED_CSV,
)
from echocare_core.assessment.page.checklist import checklist_markdown
from echocare_core.assessment.page.page import page_of
from echocare_core.disk import explained
from echocare_core.results.staging import Staging
from echocare_core.spreadsheet import image_cell, text_cell


def write_evaluation(evaluation: Evaluation) -> None:
    """Write the tables, the numbers, the checklist and the page; former ones are replaced.

    Raises:
        OutputError: something cannot be written; nothing has changed then.
    """
    staging = Staging(evaluation.folder, "the evaluation")
    try:
        with explained(evaluation.folder, "the evaluation"):
            _write(evaluation, staging.path)
        staging.move_in(ENTRIES)
    except BaseException:
        staging.discard()
        raise


def _write(evaluation: Evaluation, place: Path) -> None:
    content = content_of(evaluation)
    _write_table(place / EVALUATION_CSV, evaluation.rows.reset_index())
    left = [{**vars(one), "row": "" if one.row is None else str(one.row)} for one in evaluation.joined.not_joined]
    _write_table(place / NOT_JOINED_CSV, pd.DataFrame(left, columns=["side", "row", "source", "reason"]))
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (place / EVALUATION_JSON).write_text(f"{text}\n", encoding="utf-8")
    checklist = checklist_markdown(evaluation, content)
    (place / CHECKLIST_MD).write_text(checklist, encoding="utf-8", errors="backslashreplace")
    (place / EVALUATION_HTML).write_text(page_of(evaluation, content), encoding="utf-8", errors="backslashreplace")


def _write_table(path: Path, rows: pd.DataFrame) -> None:
    """As the tables of results: UTF-8 with its mark, and no cell that a spreadsheet would run."""
    if "image" in rows:
        rows = rows.assign(image=rows["image"].map(image_cell))
    rows.map(text_cell).to_csv(path, index=False, encoding="utf-8-sig", errors="backslashreplace")
