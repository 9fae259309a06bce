"""Run as by torchrun: a small pretraining over all processes; process 0 writes its losses as JSON.

python -m torch.distributed.run --nproc_per_node 2 distributed_pretraining.py DATA OUT STRATEGY STEPS_UNTIL_KILLED
"""

import contextlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parent))
from small_pretraining import WITH_MOMENTUM, KilledError, Losses, small_run

from echocare_core.pretraining.networks import distribute_network


def main(data, out, strategy, killed_after):
    dist.init_process_group("gloo", timeout=timedelta(minutes=2))
    torch.set_num_threads(1)
    losses = Losses(stop_after=int(killed_after) or None)
    run = small_run(
        Path(data), Path(out), handlers=[losses], process=dist.get_rank(), processes=dist.get_world_size(),
        optimizer=WITH_MOMENTUM,
        wrap=lambda network: distribute_network(network, strategy, torch.device("cpu")),
    )  # fmt: skip
    with contextlib.suppress(KilledError):
        run.trainer.run()
    if dist.get_rank() == 0:
        Path(out, "losses.json").write_text(json.dumps(losses.by_step), encoding="utf-8")
    dist.barrier()
    os._exit(0)  # gloo's destructor can wait for a thread that waits for Python


if __name__ == "__main__":
    main(*sys.argv[1:])
