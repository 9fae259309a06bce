"""Every verb on what `hostile_files` writes, in one process: `python hostile_run.py COMMANDS`.

COMMANDS is a JSON list of command lines of `echocare`. Prints a JSON list of [exit code, output], and then the most
memory in bytes that this process ever held.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from typer.testing import CliRunner


def run(words: list[str]) -> tuple[int, str]:
    """One command as `main` runs it; an error that is no sentence of this package counts as exit code 99."""
    from echocare_core.cli import app
    from echocare_core.errors import EchoCareError

    done = CliRunner().invoke(app, words)
    if isinstance(done.exception, EchoCareError):
        return 1, f"{done.output}{type(done.exception).__name__}: {done.exception}"
    if done.exception and not isinstance(done.exception, SystemExit):
        return 99, f"{done.output}{done.exception!r}"
    return done.exit_code, done.output


if __name__ == "__main__":
    results = [run(words) for words in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    most = int(status["VmHWM"].split()[0]) * 1024  # getrusage would count the process that started this one
    print(json.dumps([results, most]))
