"""One prediction in a process of its own: its memory goes back when it ends, and what ends it ends nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from echocare_core.errors import BundleError

LONGEST_S = 6 * 3600.0  # for one study; more means that it hangs
TO_END_S = 60.0  # for a prediction that is told to stop, until it has noted where it is
LAST_BYTES = 4096  # of what it says, to look for its last line in
COMMAND = (
    "from echocare_core.parent import end_with_parent; end_with_parent(); "
    "from echocare_core.cli import main; main()"
)  # it ends with the watch, also where that is killed


def predict_apart(bundle: str, source: Path, out: Path, options: Sequence[str] = ()) -> None:
    """Run `echocare predict BUNDLE SOURCE OUT --dicom`, and wait for its end.

    A process that is told to end meanwhile tells the prediction so, which goes on there when it is run again.

    Args:
        bundle: name or folder of a bundle.
        source: a study.
        out: folder for the results; those of an earlier run are replaced.
        options: further words of the command, such as ("--set", "device=cpu").

    Raises:
        BundleError: it failed; the sentence is its last line, or says what ended it.
    """
    again = ["--overwrite"] if (out / "results.csv").exists() else []
    words = ["predict", bundle, str(source), str(out), "--dicom", *again, *options]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-c", COMMAND, *words], stdout=subprocess.DEVNULL, stderr=said)
        try:
            code = process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            raise BundleError(f"It did not end within {LONGEST_S / 3600:.0f} hours. Run it by hand.") from None
        finally:
            _end(process)
        if code:
            raise BundleError(_why(code, said))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(TO_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _why(code: int, said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - LAST_BYTES))
    lines = [line.strip() for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
    if code < 0:
        return f"It was ended by {signal.Signals(-code).name}, as by a system without memory. Run it by hand."
    return lines[-1] if lines else f"It ended with {code} and said nothing. Run it by hand."
