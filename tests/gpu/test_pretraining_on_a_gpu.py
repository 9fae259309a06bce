"""Pretraining where CUDA is seen: it learns what it learns on the CPU, and goes on where it was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_pretraining import WITH_MOMENTUM, KilledError, Losses, small_run, write_mix

NEAR = 1e-3  # relative, of losses after a dozen steps


def losses_of(
    data: Path, out: Path, device: str, stop_after: int | None = None, **settings: Any
) -> dict[int, dict[str, float]]:
    kept = Losses(stop_after)
    trainer = small_run(data, out, handlers=[kept], device=device, optimizer=WITH_MOMENTUM, **settings).trainer
    if stop_after is None:
        trainer.run()
    else:
        with pytest.raises(KilledError):
            trainer.run()
    return kept.by_step


def test_it_learns_what_it_learns_on_the_cpu_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    data = write_mix(tmp_path / "data")
    on_cpu, on_gpu = (losses_of(data, tmp_path / device, device) for device in ("cpu", "cuda"))
    before, after = (losses_of(data, tmp_path / "killed", "cuda", stop) for stop in (7, None))
    both = {**before, **after}

    of_cpu, of_gpu, of_both = ({number: one["loss"] for number, one in run.items()} for run in (on_cpu, on_gpu, both))
    assert of_gpu == pytest.approx(of_cpu, rel=NEAR)
    assert of_both == pytest.approx(of_cpu, rel=NEAR)
    assert min(after) == 7  # it lost the step since the last checkpoint only


def test_pictures_on_the_gpu_train_what_pictures_in_memory_train(tmp_path: Path) -> None:
    data = write_mix(tmp_path / "data")
    by_cache = [losses_of(data, tmp_path / str(cache), "cuda", cache=cache) for cache in (True, "device")]
    in_memory, on_gpu = ({number: one["loss"] for number, one in run.items()} for run in by_cache)
    assert on_gpu == pytest.approx(in_memory, rel=NEAR)


@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_a_compiled_training_learns_what_it_learns_without_and_goes_on(accumulation_steps: int, tmp_path: Path) -> None:
    data, parts = write_mix(tmp_path / "data"), {"accumulation_steps": accumulation_steps}
    wanted = losses_of(data, tmp_path / "plain", "cuda", **parts)
    before, after = (losses_of(data, tmp_path / "compiled", "cuda", stop, compile=True, **parts) for stop in (7, None))
    of_plain, of_both = ({number: one["loss"] for number, one in run.items()} for run in (wanted, {**before, **after}))
    assert of_both == pytest.approx(of_plain, rel=NEAR)
