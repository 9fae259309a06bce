"""A command that is told to end does so as by Ctrl-C: what it prepared is kept or removed, and its workers end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
BY_SIGNAL = 128  # and its number: the exit code of a process that a signal has ended


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Turn the signals that end a process into SystemExit with their exit code; a second one ends it at once."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(BY_SIGNAL + number)  # KeyboardInterrupt would leave MONAI as an exit code of SIGINT

    heard = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]  # `nohup` ignores one
    with suppress(ValueError):  # only the main thread is told of signals
        for number in heard:
            signal.signal(number, end)
    try:
        yield
    finally:
        with suppress(ValueError):
            for number in heard:
                signal.signal(number, signal.SIG_DFL)
