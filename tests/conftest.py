"""Every test starts from the same random numbers and leaves them as they were."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

gc.disable()  # until all is imported and collected, of which nothing is garbage; looking for some takes a sixth of it

import torch  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))  # for `import ultrasound_files`
# Of one process; those of two workers, and of what they start, would wait for one another.
THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, torch.get_num_threads())
torch.set_num_threads(THREADS)
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on garbage is looked for, among what tests leave."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def same_random_numbers() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed spends 2 ms on devices that are not there
        yield


@pytest.fixture(autouse=True, scope="session")
def no_power_cut() -> Iterator[None]:
    """Nobody waits for the disk, which takes milliseconds for each file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
