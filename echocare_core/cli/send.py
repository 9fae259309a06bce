"""`echocare send`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import CaBundle, Calling
from echocare_core.cli.say import say
from echocare_core.counting import first_ten


def send(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Results of `echocare predict --dicom`; or a folder of DICOM results, or one of them."
        ),
    ],
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="https://pacs.example/dicom-web for STOW-RS, dicom://CALLED_AET@pacs.example:104 for C-STORE; "
            "dicoms:// is C-STORE with TLS.",
        ),
    ],
    calling: Calling = "ECHOCARE",
    new_studies: Annotated[
        bool,
        typer.Option("--new-studies", help="Send also what belongs to a study that the PACS does not have (any more)."),
    ] = False,
    ca_bundle: CaBundle = None,
) -> None:
    """Store the DICOM objects of results in a PACS: segmentations, reports and captures that EchoCare wrote, alone.

    Images of patients, and what other software made, stay where they are. Objects are sent as their files are, in their
    transfer syntax. What the PACS has is not sent again: stopped or cut off, the same command goes on. OUT/sent.csv
    says what became of each object; the exit code is 1 where one was not stored.

    Who asks is never an argument, which shells keep: set ECHOCARE_PACS_USER and ECHOCARE_PACS_PASSWORD, or
    ECHOCARE_PACS_TOKEN, or ECHOCARE_PACS_CERTIFICATE and ECHOCARE_PACS_KEY (PEM files), or write a netrc file.
    """
    from echocare_core.pacs.send import send as run

    sent = run(out, url, calling=calling, new_studies=new_studies, ca_bundle=ca_bundle, say=say)
    say(f"Objects: {', '.join(f'{number} {name}' for name, number in sent.counts.items())}.")
    for told in sorted({f"  {aside.reason}" for aside in sent.warnings}):
        say(told)
    say(f"  {sent.table}")
    if sent.not_stored:
        named = first_ten([f"{aside.source}: {aside.reason.rstrip('.')}" for aside in sent.not_stored])
        say(f"Not stored: {named}.", err=True)
        raise typer.Exit(1)
