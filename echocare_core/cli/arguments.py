"""What several verbs take, and what they say at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echocare_core.cli.say import say
from echocare_core.errors import BundleError
from echocare_core.types import Results

if TYPE_CHECKING:
    from echocare_core.routing import Routed

Bundle = Annotated[str, typer.Argument(metavar="BUNDLE", help="Name or folder of a bundle; see `echocare bundles`.")]
Out = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", help="Folder for report.html, results.csv, and what the bundle gives, such as masks/."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier run in OUT.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Replace an entry of the bundle's inference configuration."),
]

CaBundle = Annotated[
    Path | None, typer.Option("--ca-bundle", metavar="FILE", help="PEM file with the certificates to trust.")
]
Calling = Annotated[str, typer.Option("--calling", metavar="AET", help="AE title of this side, for C-STORE.")]


def parse_names(names: str) -> list[str]:
    """The names in "A,B"."""
    return [name.strip() for name in names.split(",") if name.strip()]


def parse_settings(settings: list[str] | None) -> dict[str, object]:
    """Values of `--set`, read as JSON where they are JSON, else as text.

    Raises:
        BundleError: one without '='.
    """
    import json

    parsed: dict[str, object] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals:
            raise BundleError(f"--set {setting} has no '='; needed NAME=VALUE, such as --set batch_size=1.")
        try:
            parsed[name] = json.loads(value)
        except json.JSONDecodeError:
            parsed[name] = value
    return parsed


def say_what_was_written(results: Results | Routed) -> None:
    """Print how many frames, cines and studies were measured, and the files to look at."""
    for line in str(results).splitlines():
        say(line)
