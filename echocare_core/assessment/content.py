"""Everything that an evaluation found, as `evaluation.json` has it."""

from __future__ import annotations

from typing import Any

from echocare_core.assessment.as_json import plain
from echocare_core.assessment.compare import Compared
from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.subgroups import Subgroups


def content_of(evaluation: Evaluation) -> dict[str, Any]:
    """Numbers by name, then where they come from and what stands behind them."""
    joined = evaluation.joined
    left = [one.side for one in joined.not_joined]
    origin = dict(evaluation.results.origin)
    return plain(
        {
            **evaluation.numbers,
            "cases": {
                "joined": len(joined.cases),
                "by": joined.by,
                "tried": dict(joined.tried),
                "labels_without_result": left.count("label"),
                "results_without_label": left.count("result"),
                "levels": sorted({case.level for case in joined.cases}),
                "patients_told_apart_by": dict(joined.told_apart),
                "not_scored": {one.question.name: len(one.unscored) for one in evaluation.scored},
            },
            "further": {one.question.name: dict(one.more) for one in evaluation.scored if one.more},
            "subgroups": {one.question: _subgroups(one) for one in evaluation.subgroups},
            **({"comparison": _comparison(evaluation.compared)} if evaluation.compared else {}),
            "weights": {"sha256": origin.get("weights_sha256")},
            **({"origin": origin} if origin else {}),
        }
    )


def _subgroups(one: Subgroups) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in one.parts:
        values = {value.name: {"number": value.estimate, "less_the_rest": value.difference} for value in part.values}
        found.setdefault(part.name, {})[part.measure.name] = values
    return {**found, **({"all_alike": dict(one.unstated)} if one.unstated else {})}


def _comparison(compared: Compared) -> dict[str, Any]:
    numbers = {
        measure.name: {
            "this": found.first,
            "other": found.second,
            "difference": found.difference,
            "p": found.p,
            "p_holm": compared.corrected.get(measure.name, float("nan")),
            "test": found.test,
            "label_rows_only_here": len(found.only_first),
            "label_rows_only_there": len(found.only_second),
        }
        for measure, found in compared.numbers
    }
    return {"other": dict(compared.other.origin), "numbers": numbers}
