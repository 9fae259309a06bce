"""What the command prints."""

from __future__ import annotations

import typer

from echocare_core.printable import printable


def say(line: str, *, err: bool = False) -> None:
    """Print a line, in which names and values from outside do nothing to the terminal."""
    typer.echo(printable(line), err=err)
