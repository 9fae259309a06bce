"""Python's configuration of logging, which MONAI applies by itself and which evaluates what stands in it."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

HARMLESS = {
    "class": ("StreamHandler", "logging.Formatter"),
    "args": ("()", "(sys.stdout,)", "(sys.stderr,)"),
    "kwargs": ("{}",),
}


def faults_of_logging(path: Path) -> Iterator[str]:
    """What a logging.conf would build or evaluate, beside a handler that prints, in words."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (configparser.Error, ValueError):
        yield "cannot be read as a configuration of logging"
        return
    for section in parser.sections():
        for name, value in parser.items(section):
            if name in HARMLESS and value not in HARMLESS[name]:
                yield f"[{section}] {name} is evaluated: {value}"
