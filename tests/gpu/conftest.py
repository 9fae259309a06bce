"""Everything here needs a GPU; `pytest tests/gpu` runs it, and says so where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder, each with the reason."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for item in items:
        needed = 2 if item.get_closest_marker("two_gpus") else 1
        if HERE in item.path.parents and count < needed:
            what = "a GPU" if needed == 1 else f"{needed} GPUs"
            reason = f"needs {what}, and PyTorch sees {count or 'no'}; everything else is tested on the CPU"
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def same_random_numbers_on_the_gpu() -> None:
    """Those of the CPU are set for every test."""
    torch.cuda.manual_seed_all(0)
