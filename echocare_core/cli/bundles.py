"""`echocare bundles`."""

from __future__ import annotations

from pathlib import Path

from echocare_core.cli.say import say
from echocare_core.errors import BundleError


def bundles() -> None:
    """List the bundles that can be found by name.

    They stand in the folder that $ECHOCARE_BUNDLES names or in your own, where `echocare install` puts them, or came
    with this package; of two with one name, the first of these counts. The current folder is not searched: give a path,
    such as ./NAME, for a bundle there.
    """
    from echocare_core.bundle import list_bundles

    found = list_bundles()
    for place in dict.fromkeys(folder.parent for folder in found):
        say(f"{place}:")
        for folder in (folder for folder in found if folder.parent == place):
            say(f"  {folder.name:32} {_described(folder)}")


def _described(folder: Path) -> str:
    from echocare_core.bundle import read_metadata

    try:
        metadata = read_metadata(folder)
    except BundleError as error:
        return str(error)
    return f"{metadata.get('version', '?')!s:8} {metadata.get('task', '')}"
