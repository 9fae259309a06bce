"""`echocare finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import Bundle, Settings, parse_settings
from echocare_core.cli.say import say


def finetune(
    bundle: Bundle,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="CSV with the columns image and mask, or image and the bundle's column of classes; where there are "
            "some, patient, split, pixel_mm.",
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the new bundle, report.html and the training.")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the new bundle's folder; own_BUNDLE otherwise.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Train a bundle further on your own images; it writes a bundle of your own, and says whether it is better."""
    import logging

    from echocare_core.finetuning import finetune as run

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for line in str(run(bundle, table, out, name=name, settings=parse_settings(settings))).splitlines():
        say(line)
