"""Peak memory of a variant of the encoder on the CPU, in a process of its own."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import torch
from encoder_variants import Variants

from echocare_core.models import EncoderProfile


def memory(profile: EncoderProfile, name: str, shape: tuple[int, int, int], training: bool) -> float | None:
    """Gigabytes that a process of its own holds at most in two calls on the CPU, beyond its libraries."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure_memory, args=(sender, profile, name, shape, training))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        process.join()


def _measure_memory(
    sender: Any, profile: EncoderProfile, name: str, shape: tuple[int, int, int], training: bool
) -> None:
    before = _resident("VmRSS")
    variants = Variants(profile, "cpu")
    image = torch.rand(shape[0], 3, *shape[1:])
    run = (variants.training() if training else variants.inference(image))[name]()
    variants.state.clear()
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark so far is forgotten (proc(5))
    with torch.set_grad_enabled(training):
        for _ in range(2):
            run(image)
    sender.send((_resident("VmHWM") - before) / 1e9)


def _resident(mark: str) -> int:
    """Bytes in memory now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(mark))
