"""`echocare WORDS`, to which a signal comes in its third batch: `python told_to_end.py SIGNAL WORDS`.

Says "as before" at its end, where the signal does again what it did when the program began.
"""

from __future__ import annotations

import signal
import sys

import torch
from bright_network import BrightNetwork

from echocare_core.cli import main


def forward_then_end(network: BrightNetwork, image: torch.Tensor) -> torch.Tensor:
    """Stands for `BrightNetwork.forward`."""
    if next(batches) == 3:
        signal.raise_signal(number)
    return forward(network, image)


if __name__ == "__main__":
    number = signal.Signals(int(sys.argv.pop(1)))
    signal.signal(number, signal.SIG_DFL)  # nohup has what it starts ignore SIGHUP
    batches, forward = iter(range(1, 100)), BrightNetwork.forward
    BrightNetwork.forward = forward_then_end
    try:
        main()
    finally:
        print("as before" if signal.getsignal(number) is signal.SIG_DFL else "otherwise")
