"""`echocare install`."""

from __future__ import annotations

from typing import Annotated

import typer

from echocare_core.cli.say import say


def install(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Zip file, folder, or http(s) address of a zip.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the bundle of that name.")] = False,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help="What the zip must have; `echocare pack` prints it.")
    ] = None,
) -> None:
    """Put a bundle where it is found by name: into $ECHOCARE_BUNDLES or, without that, your own folder of bundles.

    It is checked first, and moved there whole or not at all. A bundle's configuration is code: install only what you
    would run. Nothing is ever fetched but the address given here.
    """
    from echocare_core.installation import install as run

    folder = run(source, overwrite=overwrite, sha256=sha256)
    say(f"{folder} installed. Run it with:")
    say(f"  echocare predict {folder.name} EXPORT OUT")
