"""`echocare deidentify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.say import say


def deidentify(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="DICOM file or export folder; it is only read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the copies, or one to go on with.")],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="FILE", help="Secret behind the new names; made if missing. Without it, OUT.key."
        ),
    ] = None,
    keep_intervals: Annotated[
        bool, typer.Option("--keep-intervals", help="Keep dates and times, moved alike for one patient.")
    ] = False,
) -> None:
    """Copy ultrasound DICOM without what names a patient (PS3.15 Annex E): attributes, burned-in text, file names.

    What is outside the scan sector turns black, and so does text inside it. Not all text is found: look at the copies
    before you pass them on. OUT/deidentified.csv says what was done to each file. Stopped, the same command goes on.
    Keep the key as safe as the export: it links copies to patients. Delete it once no copy is to be added.
    """
    from echocare_core.privacy import deidentify as run

    copies = run(export, out, key=key, keep_intervals=keep_intervals)
    say(f"{copies.made} copies, {copies.set_aside} files set aside; each has a row in {out / 'deidentified.csv'}.")
