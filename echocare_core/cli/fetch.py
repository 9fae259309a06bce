"""`echocare fetch`."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import CaBundle
from echocare_core.cli.say import say
from echocare_core.errors import SettingsError


def fetch(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="DICOMweb service, such as https://pacs.example/dicom-web.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder, or that of an earlier fetch to go on with.")],
    studies: Annotated[
        list[str] | None, typer.Option("--study", metavar="UID", help="Study Instance UID; may be repeated.")
    ] = None,
    patients: Annotated[
        typer.FileText | None,
        typer.Option("--patients", metavar="FILE", help="Patient IDs, one a line; - reads them from the input."),
    ] = None,
    since: Annotated[datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="First study date.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last study date.")] = None,
    modality: Annotated[str, typer.Option("--modality", help="Of the series to fetch, such as US or IVUS.")] = "US",
    ca_bundle: CaBundle = None,
) -> None:
    """Fetch ultrasound from a PACS by DICOMweb, as it is stored, into a folder that the other commands read.

    Who asks is never an argument, which shells keep: set ECHOCARE_PACS_USER and ECHOCARE_PACS_PASSWORD, or
    ECHOCARE_PACS_TOKEN, or ECHOCARE_PACS_CERTIFICATE and ECHOCARE_PACS_KEY (PEM files), or write a netrc file.
    """
    from echocare_core.pacs.fetch import fetch as run
    from echocare_core.pacs.fetched import SET_ASIDE
    from echocare_core.pacs.query import StudyQuery

    ids = tuple(line.strip() for line in patients or () if line.strip())
    if patients and not ids:
        raise SettingsError("The file of patients names none; needed one Patient ID a line. Write them.")
    first, last = (day.date() if day else None for day in (since, until))
    query = StudyQuery(tuple(studies or ()), ids, first, last, modality)
    done = run(url, out, query, ca_bundle=ca_bundle)
    say(f"Objects: {done.fetched} fetched, {done.already_there} already there, {len(done.set_aside)} set aside.")
    if done.converted:
        say(f"{done.converted} came converted: the server does not give them as it stores them.")
    if done.set_aside:
        say(f"  {out / SET_ASIDE}")
    say(f"They name patients. Read them with: echocare predict BUNDLE {shlex.quote(str(out))} RESULTS")
