"""The answer of a recognition beside the organ that a table names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from echocare_core.errors import TableError
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.tasks.recognition.answer import NONE, class_name
from echocare_core.types import Scores


def score_organ(item: Mapping[Hashable, Any], *, column: str, tree: OrganTree) -> dict[str, float]:
    """Set an answer beside the organ of the table; for `WriteEvaluation`.

    Args:
        item: with `outputs` of `Recognition`, and the column.
        column: of the table, the organ or what lies below it; "none of these" for a picture of something else.
        tree: of the known nodes.

    Returns:
        `organ_accuracy` (1 where the organ is right) and `organ_none_of_these` (1 where that is the answer).

    Raises:
        TableError: a name that the tree does not have, or no organ.
    """
    name = str(item[column])
    answer = next(output.answer for output in item["outputs"] if isinstance(output, Scores) and output.name == "organ")
    truth = NONE if class_name(name) == NONE else class_name(_organ_of(name, tree))
    return {"organ_accuracy": float(answer == truth), "organ_none_of_these": float(answer == NONE)}


def _organ_of(name: str, tree: OrganTree) -> str:
    path = tree.path(tree.find(name))
    if len(path) < 2:
        raise TableError(
            f"The table says '{name}', which is a body region; needed the name of an organ, or {NONE}. Correct it."
        )
    return path[1]
