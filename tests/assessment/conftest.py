"""Results, labels and what is made of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium, open_page
from labelled_results import Written, write_bundle, write_export, write_labels, write_results

from echocare_core.assessment.evaluate import evaluate
from echocare_core.assessment.evaluation import Evaluation

__all__ = ["chromium", "open_page"]  # fixtures

Evaluate = Callable[..., Evaluation]


@pytest.fixture
def run(tmp_path: Path) -> Evaluate:
    """Evaluates results that say this of an export, beside these rows of labels."""
    bundle = write_bundle(tmp_path / "bundle")

    def run(
        files: Mapping[str, Mapping[str, Any]],
        written: Sequence[Written],
        rows: Sequence[Mapping[str, object]],
        *,
        frames: int = 1,
        spacing_mm: tuple[float, float] | None = None,
        other: Sequence[Written] | None = None,
        **settings: Any,
    ) -> Evaluation:
        export = write_export(tmp_path / "export", files, frames)
        results = write_results(tmp_path / "results", export, written, spacing_mm=spacing_mm)
        if other is not None:
            settings["compare_with"] = write_results(tmp_path / "other", export, other, weights="b" * 64)
        table = write_labels(tmp_path / "labels.csv", rows)
        return evaluate(bundle, export, table, tmp_path / "out", results=results, progress=False, **settings)

    return run
