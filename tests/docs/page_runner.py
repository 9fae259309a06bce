"""What a page tells people to type, from its top to its bottom, in one process: `python page_runner.py STEPS ENGINE`.

STEPS is a JSON list of [language, text]. Each step begins as a new program would, but that what is imported stays so.
ENGINE is "installed", or "torch" for what the command does where OpenVINO is not installed, which takes seconds to
compile each network.
"""

from __future__ import annotations

import json
import runpy
import shlex
import subprocess
import sys
from pathlib import Path


def run_command(command: str) -> None:
    """One line of a shell; `echocare` and `monai.bundle` in this process, which has imported PyTorch already."""
    program, *words = shlex.split(command)
    if program == "echocare":
        from echocare_core.cli import main

        sys.argv = [program, *words]
        main()
    elif [program, *words[:2]] == ["python", "-m", "monai.bundle"]:
        sys.argv = words[1:]
        runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    else:
        subprocess.run([program, *words], check=True)


def run_step(language: str, text: str) -> None:
    """A fence of a page."""
    if language == "python":
        exec(compile(text, "<page>", "exec"), {"__name__": "__main__"})
        return
    for command in text.replace("\\\n", " ").splitlines():
        try:
            run_command(command)
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"It ended with {end.code}: {command}") from end


if __name__ == "__main__":
    if sys.argv[2] == "torch":
        from echocare_core import prediction

        prediction.installed_engine = lambda bundle: {}
    for step in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        print("==", *step, flush=True)
        run_step(*step)
