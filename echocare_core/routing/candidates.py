"""The bundles that can be found by name and are meant for some organ, by the tree of the one that tells organs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from echocare_core.bundle import check_needed_version, list_bundles, read_metadata
from echocare_core.errors import EchoCareError
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.printable import printable
from echocare_core.recognition import MeantFor, is_in_auto, read_meant_for
from echocare_core.routing.judged import read_judged

_log = logging.getLogger(__name__)


class Candidate(NamedTuple):
    """A bundle that may be run on some images.

    Attributes:
        folder: of the bundle.
        meant: for what it is meant.
        judged: name of the bundle that finds what it judges; "" where it judges whole images.
    """

    folder: Path
    meant: MeantFor
    judged: str = ""

    @property
    def name(self) -> str:
        """By which it is found, and its results are."""
        return self.folder.name

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return str(read_metadata(self.folder).get("name", self.name))


def find_candidates(tree: OrganTree) -> list[Candidate]:
    """All of them, by name. One that is broken, or made for another version, is left out, which the log says."""
    return list(_candidates(tree))


def _candidates(tree: OrganTree) -> Iterator[Candidate]:
    for folder in list_bundles():
        try:
            names = read_meant_for(folder)
            if names and is_in_auto(folder):
                check_needed_version(folder)
                yield Candidate(folder, MeantFor(tree, names), read_judged(folder))
        except EchoCareError as error:
            _log.warning("Bundle %s is left out: %s", printable(folder.name), error)
