"""A reporting checklist, filled as far as the evaluation knows; the rest is for the people of the study to fill in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.join import WORDS
from echocare_core.assessment.kinds.classes import ClassQuestion
from echocare_core.assessment.page.checklist_items import CLAIM, TRIPOD_AI
from echocare_core.assessment.page.numbers import interval_text, value_text
from echocare_core.bundle import WEIGHTS_CARD, read_metadata
from echocare_core.counting import counted, enumerated

OPEN = "To be filled in by you."
LISTS = {"CLAIM 2024": CLAIM, "TRIPOD+AI": TRIPOD_AI}


def checklist_markdown(evaluation: Evaluation, content: Mapping[str, Any]) -> str:
    """Both checklists as a page of Markdown."""
    known = known_facts(evaluation, content)
    parts = ["# Reporting checklist", "Filled as far as the evaluation knows. Items in our own short words."]
    for name, items in LISTS.items():
        rows = [f"| {number} | {what} | {(known.get(of) or OPEN).replace('|', '/')} |" for number, what, of in items]
        parts.append("\n".join([f"## {name}", "", "| Item | What it asks | Here |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def checklist_html(evaluation: Evaluation, content: Mapping[str, Any]) -> str:
    """Both checklists, folded up, as HTML."""
    known = known_facts(evaluation, content)
    return "".join(_list_html(name, items, known) for name, items in LISTS.items())


def _list_html(name: str, items: tuple[tuple[str, str, str], ...], known: Mapping[str, str]) -> str:
    rows = "\n".join(
        f'<tr{"" if known.get(of) else " class=open"}><th scope="row">{escape(number)}</th><td>{escape(what)}</td>'
        f"<td>{escape(known.get(of) or OPEN)}</td></tr>"
        for number, what, of in items
    )
    filled = sum(bool(known.get(of)) for _, _, of in items)
    head = '<tr><th scope="col">Item</th><th scope="col">What it asks</th><th scope="col">Here</th></tr>'
    return (
        f"<details><summary>{escape(name)}: {filled} of {len(items)} items filled in, wholly or in part</summary>"
        f'<div class="scrolls" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="checklist"><thead>{head}</thead><tbody>\n{rows}\n</tbody></table></div></details>\n'
    )


def known_facts(evaluation: Evaluation, content: Mapping[str, Any]) -> dict[str, str]:
    """What the evaluation knows, a sentence or two for each name in `checklist_items`."""
    return {name: text for name, text in [*_of_cases(evaluation, content), *_of_model(evaluation)] if text}


def _of_cases(evaluation: Evaluation, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    joined, cases = evaluation.joined, content["cases"]
    yield (
        "flow",
        (
            f"{counted(len(joined.cases), 'case')} of {counted(joined.groups, 'patient')} joined by "
            f"{WORDS[joined.by]}; {counted(cases['labels_without_result'], 'label')} without a result, "
            f"{counted(cases['results_without_label'], 'file')} without a label (not_joined.csv)."
        ),
    )
    left = {name: number for name, number in cases["not_scored"].items() if number}
    said = enumerated([f"{number} of {name}" for name, number in left.items()])
    yield "missing", f"Cases without a label or a result are left out and counted; not scored: {said or 'none'}."
    yield "labels", f"{evaluation.labels.name}, columns {enumerated([one.question.name for one in evaluation.scored])}."
    yield "set_aside", "Files that cannot be read are set aside, each with its reason (results/set_aside.csv)."
    yield (
        "identity",
        ("Patients are told apart by keyed pseudonyms; Patient IDs and accession numbers of headers are not written."),
    )
    yield "disjoint", "Not known here: whether a patient was in the training data of the model."
    yield "intervals", "95 % intervals over patients: the images of one patient are drawn together."
    yield "metrics", f"{enumerated([measure.words for one in evaluation.scored for measure, _ in one.measures])}."
    yield (
        "results",
        "; ".join(
            f"{measure.words} {value_text(number.estimate, number.unit)} ({interval_text(number) or 'no interval'})"
            for one in evaluation.scored
            for measure, number in one.headlines
        )
        + ".",
    )
    yield "failures", "The worst cases, ranked, with pictures, on the page."
    yield "evaluated", "Evaluation of a model that stands."
    named = [part.name for one in evaluation.subgroups for part in one.parts]
    yield "subgroups", f"By {enumerated(list(dict.fromkeys(named)))}, with intervals." if named else ""
    yield (
        "threshold",
        " ".join(
            f"{one.question.name}: {one.question.asked or 'the likeliest class'} from {one.question.threshold:g} on, "
            f"{'fixed in the bundle' if one.question.point else 'the likeliest class is the answer'}."
            for one in evaluation.scored
            if isinstance(one.question, ClassQuestion)
        ),
    )
    yield (
        "balance",
        " ".join(
            f"{one.question.name}: {enumerated([f'{n} {name}' for name, n in _counts(one).items()])}."
            for one in evaluation.scored
            if isinstance(one.question, ClassQuestion)
        ),
    )


def _counts(one: Any) -> dict[str, int]:
    return one.rows[f"{one.question.name}_reference"].value_counts().to_dict()


def _of_model(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    metadata, origin = read_metadata(evaluation.bundle), evaluation.results.origin
    yield "intended_use", str(metadata.get("intended_use", ""))
    yield (
        "model",
        (
            f"{metadata.get('bundle_name', '')} {metadata.get('version', '')}: {metadata.get('description', '')} "
            f"Weights SHA-256 {str(origin.get('weights_sha256', ''))[:12]}."
        ),
    )
    packages = origin.get("packages") or {}
    yield "software", ", ".join(f"{name} {number}" for name, number in packages.items())
    inputs = str(metadata.get("image_classes", ""))
    yield "preprocessing", f"That of the bundle: {inputs}." if inputs else ""
    card = _card(evaluation)
    yield "availability", f"Bundle {metadata.get('bundle_name', '')}, {card['licence']}." if card.get("licence") else ""
    yield "origin_of_weights", str(card.get("origin", ""))
    yield "training", f"Trained on {card['data']}. {card.get('command', '')}" if card.get("data") else ""


def _card(evaluation: Evaluation) -> Mapping[str, Any]:
    """What the bundle's card says of its weights; nothing where the results are of others."""
    path = evaluation.bundle / WEIGHTS_CARD
    card = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return card if set(evaluation.results.rows["weights_sha256"]) == {card.get("sha256")} else {}
