"""The cases of a page as data for its scripts: what is shown beside each picture, and what a correction begins with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from echocare_core.results.page.beside import file_text
from echocare_core.results.page.cases import Case, Numbered
from echocare_core.results.page.document import compact_json, package_version
from echocare_core.results.table import cell, file_columns
from echocare_core.results.wording import NOTHING_FOUND, name_text, outputs_text
from echocare_core.types import BundleCard, JoinKeys, Measurement, Scores

KEYS = tuple(field.name for field in fields(JoinKeys))


def page_data(sections: Sequence[Sequence[Case]], cards: Sequence[BundleCard]) -> str:
    """JSON: {"run", "version", "bundles": [...], "cases": [...]}, empty entries left out.

    Args:
        sections: cases of each bundle.
        cards: of each bundle.
    """
    bundles = [_bundle(card, cases) for card, cases in zip(cards, sections, strict=True)]
    cases = [_case(case, bundle) for of_bundle, bundle in zip(sections, bundles, strict=True) for case in of_bundle]
    about = compact_json([bundles, [[case["source"], [row.get("frame") for row in case["rows"]]] for case in cases]])
    run = hashlib.sha256(about.encode("ascii")).hexdigest()[:16]
    return compact_json({"run": run, "version": package_version(), "bundles": bundles, "cases": cases})


def _bundle(card: BundleCard, cases: Sequence[Case]) -> dict[str, Any]:
    """A bundle, its columns of numbers, and its questions with their classes."""
    measured: dict[str, Measurement] = {}
    questions: dict[str, dict[str, None]] = {}
    for output in (output for case in cases for entry in case.entries for output in entry.details.outputs):
        if isinstance(output, Measurement):
            measured.setdefault(output.column, output)
        if isinstance(output, Scores):
            questions.setdefault(output.name, {}).update(dict.fromkeys(output.probabilities))
    columns = [
        {"column": column, "name": name_text(one.name), "unit": one.unit, **_limits(card, column)}
        for column, one in measured.items()
    ]
    asked = [{"column": name, "name": name_text(name), "classes": list(names)} for name, names in questions.items()]
    about = {"name": card.name, "version": card.version, "title": card.title, "weights": card.weights_sha256}
    return {**about, "columns": columns, "questions": asked}


def _limits(card: BundleCard, column: str) -> dict[str, float]:
    known = card.plausible.get(column)
    return {"low": known.low, "high": known.high} if known else {}


def _case(case: Case, bundle: Mapping[str, Any]) -> dict[str, Any]:
    row = case.first.row
    keys = {key: str(row[key]) for key in KEYS if row.get(key)}
    return {
        "source": case.source,
        "name": case.name,
        "bundle": case.bundle,
        **({"study": row["study"]} if row.get("study") else {}),
        **({"keys": keys} if keys else {}),
        "rows": [_row(one, bundle) for one in case.all],
        **({"still": True} if case.is_still else {}),
    }


def _row(one: Numbered, bundle: Mapping[str, Any]) -> dict[str, Any]:
    entry, row = one.entry, one.entry.row
    values = [_number(column["column"], row.get(column["column"])) for column in bundle["columns"]]
    answers = [row.get(question["column"]) for question in bundle["questions"]]
    doubts = [": ".join(filter(None, (says, found))) for says, found, _ in entry.details.doubts]
    told: dict[str, Any] = {
        "level": entry.level if entry.level != "frame" else None,
        "frame": row["frame"],
        "ms": row["frame_time_ms"],
        "values": values if any(value is not None for value in values) else None,
        "answers": answers if any(answers) else None,
        "doubts": doubts,
        "said": NOTHING_FOUND if entry.details.nothing_found else ", ".join(outputs_text(entry.details.outputs)),
        "files": {file_text(column): row[column] for column in file_columns([row]) if row[column]},
        "picture": one.number if row.get("overlay") else None,
    }
    return {name: value for name, value in told.items() if value not in (None, [], {}, "")}


def _number(column: str, value: object) -> float | None:
    """A number as `results.csv` has it."""
    return float(cell(column, value)) if isinstance(value, (int, float)) and math.isfinite(value) else None
