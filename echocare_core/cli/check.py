"""`echocare check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from echocare_core.checks import Finding

STYLES = {"passed": "green", "noted": "yellow", "failed": "bold red"}


def check(
    bundles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BUNDLE]...", help="Names or folders; all that are found without any."),
    ] = None,
) -> None:
    """Check bundles for what MONAI, its Model Zoo, MONAI Label and this package need, offline; some seconds for each.

    Each line names a check. One that failed says what to do, and the command then ends with exit code 1. The network is
    built as the bundle's configuration says, which is code: check only bundles that you would run.
    """
    from rich.console import Console

    from echocare_core.bundle import find_bundle, list_bundles
    from echocare_core.checks import check as run

    folders = [find_bundle(bundle) for bundle in bundles] if bundles else list_bundles()
    console = Console()
    failed = 0
    for folder in folders:
        with console.status(f"checking {folder.name}"):
            findings = run(folder)
        typer.echo(f"{folder.name} ({folder})")
        _show(findings, console)
        failed += any(finding.outcome == "failed" for finding in findings)
    typer.echo(f"{len(folders) - failed} of {len(folders)} bundles pass.")
    if failed:
        raise typer.Exit(1)


def _show(findings: tuple[Finding, ...], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("check", "outcome", "what was found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(finding.check, Text(finding.outcome, STYLES[finding.outcome]), Text(finding.says))
    console.print(table)
