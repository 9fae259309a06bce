"""`echocare finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import Bundle, parse_settings
from echocare_core.cli.say import say


def finetune(
    bundle: Bundle,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="CSV with the columns image and mask, or image and the bundle's column of classes, or image, point, "
            "row_px and column_px; where there are some, patient, split, pixel_mm.",
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the new bundle, report.html and the training.")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the new bundle's folder; own_BUNDLE otherwise.")
    ] = None,
    tuning: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help="How the encoder learns: full, all of it; layer_decay, the more slowly the nearer to the image; lora, "
            "by small matrices beside its weights, which are merged in the end; frozen, not at all, which is fastest. "
            "Decoder and head learn in each. Where it is left out, as the bundle's finetune.json says.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Replace an entry of the bundle's train.json or finetune.json."
        ),
    ] = None,
) -> None:
    """Train a bundle further on your own images; it writes a bundle of your own, and says whether it is better."""
    import logging

    from echocare_core.finetuning import finetune as run

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for line in str(run(bundle, table, out, name=name, tuning=tuning, settings=parse_settings(settings))).splitlines():
        say(line)
