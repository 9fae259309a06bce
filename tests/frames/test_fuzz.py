"""Damaged files give frames or a named error, and the process lives on; `benchmarks/fuzz.py` runs thousands more."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import fuzz

    yield fuzz
    del sys.modules["fuzz"]


def test_mutated_files_give_frames_or_a_named_error(fuzz):
    summary = fuzz.run(300, seconds=15)  # many of these processes may share a machine that tests a commit
    assert summary["faults"] == []
    assert summary["whole_files_refused"] == []  # of any transfer syntax, before they are mutated
    assert summary["peak_mb"] < fuzz.MEGABYTES
    assert min(summary["outcomes"].get(outcome, 0) for outcome in ("frames", "refused")) > 60


def test_the_same_seed_makes_the_same_mutations(fuzz):
    import numpy as np

    one, other = (fuzz.mutate(bytes(range(256)) * 20, np.random.default_rng(3)) for _ in range(2))
    assert one == other != bytes(range(256)) * 20
