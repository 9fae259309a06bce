"""`echocare bundles`."""

from __future__ import annotations

import typer

from echocare_core.errors import BundleError


def bundles() -> None:
    """List the bundles that can be found by name.

    They stand in the folder that $ECHOCARE_BUNDLES names or in your own, where `echocare install` puts them, or came
    with this package. The current folder is not searched: give a path, such as ./NAME, for a bundle there.
    """
    from echocare_core.bundle import list_bundles, read_metadata

    for folder in list_bundles():
        try:
            metadata = read_metadata(folder)
        except BundleError as error:
            typer.echo(f"{folder.name:32} {error}")
            continue
        typer.echo(f"{folder.name:32} {metadata.get('version', '?'):8} {metadata.get('task', '')}")
