"""`echocare table`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.say import say


def table(
    layout: Annotated[
        str,
        typer.Argument(
            metavar="LAYOUT", help="The data set that FOLDER holds: auitd, ddti, tn3k, tn5000 or usenhance."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The data set as it is downloaded, unpacked.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for table.csv, set_aside.csv and, of outlines, masks/.")
    ],
    seed: Annotated[int, typer.Option(metavar="N", help="Of splits that the data set leaves open.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is in OUT.")] = False,
) -> None:
    """Write the table to train from, of a public data set of the thyroid, or of pairs to enhance by."""
    from echocare_core.layouts import write_table

    for line in str(write_table(layout, folder, out, seed=seed, overwrite=overwrite)).splitlines():
        say(line)
