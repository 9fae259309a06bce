"""`echocare watch`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import CaBundle, Calling, Settings, parse_names
from echocare_core.cli.say import say


def watch(
    inbox: Annotated[
        Path, typer.Argument(metavar="INBOX", help="Folder in which each study is a folder or a ZIP archive.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for OUT/STUDY/BUNDLE and watched.csv.")],
    bundles: Annotated[
        str, typer.Option("--bundles", metavar="A,B", help="Names or folders of bundles, with commas between.")
    ],
    send: Annotated[
        str | None,
        typer.Option("--send", metavar="URL", help="PACS that gets the results: https:// or dicom://, as of `send`."),
    ] = None,
    calling: Calling = "ECHOCARE",
    orthanc: Annotated[
        str | None,
        typer.Option("--orthanc", metavar="URL", help="Orthanc whose studies come to INBOX once they are stable."),
    ] = None,
    backlog: Annotated[
        bool, typer.Option("--backlog", help="Begin with the studies that Orthanc has already.")
    ] = False,
    quiet: Annotated[
        float | None,
        typer.Option(
            "--quiet", metavar="SECONDS", min=0, help="Take a study when nothing came to it for so long [30]."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Take what is there, and end.")] = False,
    settings: Settings = None,
    ca_bundle: CaBundle = None,
) -> None:
    """Predict on each study that arrives, and store the results in a PACS; until Ctrl-C or SIGTERM.

    Nothing is predicted twice: begun again, it goes on where it was. A study whose files have changed is predicted
    anew. OUT/watched.csv says what happened to each. INBOX is only read; delete from it what you no longer need.

    Who asks a PACS is never an argument: see `echocare send --help`.
    """
    from echocare_core.arrivals.studies import WatchOrders
    from echocare_core.arrivals.watch import watch as run

    options = tuple(word for setting in settings or () for word in ("--set", setting))
    orders = WatchOrders(tuple(parse_names(bundles)), send, calling, options, ca_bundle)
    states = run(inbox, out, orders, orthanc=orthanc, backlog=backlog, quiet_s=quiet, once=once, say=say)
    counts = Counter(states.values())
    listed = ", ".join(f"{number} {state}" for state, number in counts.items())
    say(f"Studies: {listed or 'none is there that is whole'}.")
    if set(counts) - {"done"}:
        raise typer.Exit(1)
