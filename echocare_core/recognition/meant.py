"""For which pictures a bundle is meant: nodes of the organ tree, which its metadata name.

    "meant_for": ["breast"]

A bundle that names none is meant for no organ before others, as that for pretraining: it is never chosen for a picture,
and doubts none. One that only doubts, and is run where somebody names it, says `"in_auto": false` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from echocare_core.bundle import METADATA, read_metadata
from echocare_core.errors import BundleError
from echocare_core.pretraining.organs.tree import OrganTree

MEANT_FOR, IN_AUTO = "meant_for", "in_auto"


def read_meant_for(folder: Path) -> tuple[str, ...]:
    """The nodes that a bundle names, by name, synonym or id, as they stand there; empty where it names none.

    Raises:
        BundleError: an entry that is no list of names, or metadata that cannot be read.
    """
    named = read_metadata(folder).get(MEANT_FOR, [])
    if not isinstance(named, list) or not all(isinstance(one, (str, int)) and str(one).strip() for one in named):
        raise BundleError(
            f'{folder / METADATA} has {MEANT_FOR} = {named!r}; needed names of the organ tree, such as ["breast"]. '
            "Write them so."
        )
    return tuple(map(str, named))


def is_in_auto(folder: Path) -> bool:
    """Whether a bundle is chosen for the pictures that it is meant for, as it is where its metadata say nothing.

    Raises:
        BundleError: an entry that is neither true nor false.
    """
    said = read_metadata(folder).get(IN_AUTO, True)
    if not isinstance(said, bool):
        raise BundleError(f"{folder / METADATA} has {IN_AUTO} = {said!r}; needed true or false. Write it so.")
    return said


class MeantFor:
    """Some nodes of an organ tree, with all that lies below them.

    Args:
        tree: in which they are.
        names: of the nodes, by name, synonym or id.

    Attributes:
        names: as the tree has them.

    Raises:
        TableError: the tree has no such node.
    """

    def __init__(self, tree: OrganTree, names: Sequence[str]) -> None:
        self._tree, self._nodes = tree, [tree.find(name) for name in names]
        self.names = tuple(tree.nodes[node].name for node in self._nodes)

    def holds(self, name: str) -> bool:
        """Whether the node of that name is one of these, or lies below one."""
        found = self._tree.find(name)
        return any(bool(self._tree.ancestors[found, node]) for node in self._nodes)

    def allows(self, name: str) -> bool:
        """Whether a picture of that node may show one of these: it is one, lies below one, or one lies below it."""
        found = self._tree.find(name)
        return self.holds(name) or any(bool(self._tree.ancestors[node, found]) for node in self._nodes)

    def is_known_by(self, names: Iterable[str]) -> bool:
        """Whether one of these nodes can be told at all by who tells nodes of those names."""
        return any(map(self.allows, names))

    @property
    def words(self) -> str:
        """Such as "breast" or "liver or gallbladder"."""
        return " or ".join(self.names)
