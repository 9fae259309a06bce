"""For which pictures a bundle is meant: nodes that the organ tree has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echocare_core.bundle import find_bundle, read_json
from echocare_core.checks.finding import Note
from echocare_core.errors import BundleError
from echocare_core.recognition import RECOGNISER, MeantFor, read_meant_for
from echocare_core.recognition.recogniser import TREE, read_tree_of
from echocare_core.routing.judged import read_judged

TARGET = "NoteForeignd"


def check_meant_for(folder: Path) -> Iterator[str]:
    """What the metadata name under meant_for are nodes of the tree, and pictures of others are marked; what is judged
    has the name of a bundle."""
    read_judged(folder)
    names = read_meant_for(folder)
    if not names:
        if not (folder / TREE).is_file():  # else it is meant for pictures of all that its tree has
            yield Note(
                "metadata.json names no organ under meant_for: `echocare predict auto` never chooses it, and no "
                "picture of something else is marked. Name those it was trained for."
            )
        return
    try:
        tree = read_tree_of(find_bundle(RECOGNISER))
    except BundleError:
        yield Note(f"Does not apply without the bundle {RECOGNISER}, whose organ tree has the names.")
        return
    MeantFor(tree, names)
    if TARGET not in str(read_json(folder / "configs" / "inference.json").get("preprocessing")):
        yield Note(f"preprocessing of inference.json has no {TARGET}: no picture of something else is marked. Add it.")
