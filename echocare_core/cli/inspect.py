"""`echocare inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.say import say
from echocare_core.errors import SettingsError

MOST_PROCESSES = 8


def inspect(
    export: Annotated[
        list[Path], typer.Argument(metavar="EXPORT...", help="Export folder, DICOMDIR, ZIP archive, or files.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write tables there; the same command goes on there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    split: Annotated[str, typer.Option(metavar="A,B,C", help="Shares of train, val and test.")] = "0.7,0.15,0.15",
    pixels: Annotated[bool, typer.Option("--pixels", help="Decode every frame to find copies and damage.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write table.parquet as well.")] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes that read; one per core at most 8.")] = None,
) -> None:
    """Say what an export holds: what is readable, for which bundle, what is set aside and why, which files are copies.

    It reads headers, which do not say whether a picture shows the organ that a bundle is meant for.
    """
    import json
    import os

    from rich.console import Console

    from echocare_core.inventory.inspection import inspect_export
    from echocare_core.inventory.show import show

    readers = processes or min(os.cpu_count() or 1, MOST_PROCESSES)
    summary = inspect_export(
        export, out, split=_shares(split), decoded=pixels, parquet=parquet, processes=readers, progress=True
    )
    if as_json:
        say(json.dumps(summary))
    else:
        show(summary, Console())


def _shares(split: str) -> list[float]:
    try:
        return [float(share) for share in split.split(",")]
    except ValueError:
        raise SettingsError(f"--split {split} is no list of numbers; needed such as 0.7,0.15,0.15.") from None
