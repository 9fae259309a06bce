"""Mutated objects never stop the others; `benchmarks/fuzz_copies.py` runs thousands more."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def fuzz_copies(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import fuzz_copies

    yield fuzz_copies
    for name in ("fuzz_copies", "fuzz"):
        del sys.modules[name]


def test_each_mutated_object_is_copied_or_set_aside_by_a_sentence_without_patient_data(fuzz_copies):
    summary = fuzz_copies.run(60, seed=7)

    assert summary["faults"] == []
    assert summary["copied"] + sum(summary["set_aside"].values()) == 60
    assert summary["copied"] > 10
    assert summary["written_as_meant"] > 20
