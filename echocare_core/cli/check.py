"""`echocare check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echocare_core.cli.say import say
from echocare_core.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from echocare_core.checks import Finding

STYLES = {"passed": "green", "noted": "yellow", "failed": "bold red"}


def check(
    bundles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BUNDLE]...", help="Names or folders; all that are found without any."),
    ] = None,
    untrusted: Annotated[
        bool, typer.Option("--untrusted", help="Run nothing: list what each would run, for you to read.")
    ] = False,
) -> None:
    """Check bundles for what MONAI, its Model Zoo, MONAI Label and this package need, offline; some seconds for each.

    Each line names a check. One that failed says what to do, and the command then ends with exit code 1. The network is
    built as the bundle's configuration says, which is code: check only bundles that you would run. Of any other,
    --untrusted lists what it would run, build, open or unpickle beyond what is known to do no harm.
    """
    if untrusted:
        _examine(bundles)
        return
    from rich.console import Console
    from rich.markup import escape

    from echocare_core.bundle import find_bundle, list_bundles
    from echocare_core.checks import check as run

    folders = [find_bundle(bundle) for bundle in bundles] if bundles else list_bundles()
    console = Console()
    failed = 0
    for folder in folders:
        with console.status(escape(printable(f"checking {folder.name}"))):
            findings = run(folder)
        say(f"{folder.name} ({folder})")
        _show(findings, console)
        failed += any(finding.outcome == "failed" for finding in findings)
    say(f"{len(folders) - failed} of {len(folders)} bundles pass.")
    if failed:
        raise typer.Exit(1)


def _examine(bundles: list[str] | None) -> None:
    """Show what bundles would run; end with exit code 1 where there is anything."""
    from echocare_core.bundle import find_bundle, is_name, list_bundles
    from echocare_core.untrusted import examine

    folders = [find_bundle(bundle) if is_name(bundle) else Path(bundle) for bundle in bundles or ()]
    listed = 0
    for folder in folders or list_bundles():
        found = examine(folder)
        listed += len(found)
        say(f"{folder}: {len(found)} to read before you run it.")
        for one in found:
            say(f"  {one.file}{' ' if one.entry else ''}{one.entry}: {one.says}")
    if listed:
        raise typer.Exit(1)


def _show(findings: tuple[Finding, ...], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("check", "outcome", "what was found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(finding.check, Text(finding.outcome, STYLES[finding.outcome]), Text(printable(finding.says)))
    console.print(table)
