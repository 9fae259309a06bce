"""The command `echocare`: thin, so that every verb is one call that Python has too; one module for each verb."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from echocare_core.cli.bundles import bundles
from echocare_core.cli.check import check
from echocare_core.cli.deidentify import deidentify
from echocare_core.cli.demo import demo
from echocare_core.cli.ending import ending_cleanly
from echocare_core.cli.evaluate import evaluate
from echocare_core.cli.fetch import fetch
from echocare_core.cli.finetune import finetune
from echocare_core.cli.inspect import inspect
from echocare_core.cli.install import install
from echocare_core.cli.label import label
from echocare_core.cli.pack import pack
from echocare_core.cli.predict import predict
from echocare_core.cli.quantize import quantize
from echocare_core.cli.say import say
from echocare_core.cli.send import send
from echocare_core.cli.serve import serve
from echocare_core.cli.shards import shards
from echocare_core.cli.table import table
from echocare_core.cli.watch import watch
from echocare_core.errors import EchoCareError
from echocare_core.version import __version__

VERBS: dict[str, tuple[Callable[..., None], ...]] = {
    "Results": (demo, predict, evaluate, send, watch, serve, label),
    "Exports": (fetch, inspect, table, deidentify, shards),
    "Bundles": (bundles, check, install, finetune, pack, quantize),
}

app = typer.Typer(
    name="echocare",
    help="Ultrasound DICOM in, clinical results out. For research; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # of docstrings: lines flow, and brackets are no style
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, verbs in VERBS.items():
    for verb in verbs:
        app.command(rich_help_panel=panel)(verb)


def _say_version(asked: bool) -> None:
    if asked:
        say(f"echocare {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """Typer reads the option; nothing else is common to all verbs."""


def main() -> None:
    """Entry point: an error this package raises on purpose is one sentence and exit code 1."""
    try:
        with ending_cleanly():
            app(prog_name="echocare")
    except EchoCareError as error:
        say(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1)
