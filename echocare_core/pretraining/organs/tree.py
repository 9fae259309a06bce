"""The organ tree: body region, organ, view or part, of any depth; who stands above whom, and which node a table means.

Indices follow the ids of the nodes, so the order of the file decides nothing. Structures, which masks outline, have no
index: what a whole image shows is never one of them (`pixel_tree` numbers those of a training).
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from echocare_core.errors import TableError
from echocare_core.pretraining.organs.node import Node, read_nodes

UNKNOWN = -1
NAMES_SHOWN = 3


class OrganTree:
    """Nodes in order of their ids, and who stands above whom.

    Args:
        nodes: in any order.

    Attributes:
        nodes: without structures, in order of ids; an index is a place in it.
        structures: and what stands below one, in order of ids.
        ancestors: bool (nodes, nodes), [v, u] True where u is v or an ancestor of v.
        depth: int64 (nodes,), 0 for body regions.
        lines: int64 (nodes, levels), who stands above each node, or is it, on each level; -1 on levels below it.

    Raises:
        TableError: no nodes, an id or a name given twice, a parent that is not there or stands below its own child.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._by_id = _by_id(nodes)
        self._id_of_name = _id_of_name(self._by_id)
        lines = {number: self.lineage(number) for number in sorted(self._by_id)}
        outlined = {number: any(self._by_id[above].structure for above in line) for number, line in lines.items()}
        self.nodes = tuple(self._by_id[number] for number in lines if not outlined[number])
        self.structures = tuple(self._by_id[number] for number in lines if outlined[number])
        self._index_of_id = {node.id: index for index, node in enumerate(self.nodes)}
        self.ancestors: npt.NDArray[np.bool_] = np.zeros((len(self), len(self)), dtype=np.bool_)
        for index, node in enumerate(self.nodes):
            self.ancestors[index, [self._index_of_id[number] for number in lines[node.id]]] = True
        self.depth: npt.NDArray[np.int64] = self.ancestors.sum(axis=1, dtype=np.int64) - 1
        self.lines: npt.NDArray[np.int64] = np.full((len(self), self.levels), -1, dtype=np.int64)
        below, above = np.nonzero(self.ancestors)
        self.lines[below, self.depth[above]] = above

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def levels(self) -> int:
        """How many levels the deepest branch has."""
        return int(self.depth.max()) + 1

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of ids, parents and names in order of ids; it tells weights of another tree apart."""
        rows = [[node.id, node.parent, node.name] for node in self.nodes]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def find(self, name: str) -> int:
        """Index of the node that a table names.

        Args:
            name: name, synonym or id in digits; capitals, hyphens, underscores and repeated blanks make no difference.

        Returns:
            The index; UNKNOWN (-1) for an empty name.

        Raises:
            TableError: no node has that name or id.
        """
        if not name.strip():
            return UNKNOWN
        node = self._named(name, self._index_of_id, ", or nothing where the organ is unknown")
        if node.id not in self._index_of_id:
            raise TableError(
                f"'{name}' is a structure, which masks outline; needed what the whole image shows, such as "
                f"'{self.nodes[self.shown_with(node)].name}'. Correct the table."
            )
        return self._index_of_id[node.id]

    def shown_with(self, node: Node) -> int:
        """Index of what a whole image shows where a mask outlines a node: itself, or what a structure stands below."""
        return next(self._index_of_id[number] for number in self.lineage(node.id) if number in self._index_of_id)

    def find_outlined(self, name: str) -> Node:
        """The node, a structure or any other, that the pixels of a mask show.

        Args:
            name: see `find`.

        Raises:
            TableError: no node has that name or id, or there is no name.
        """
        return self._named(name, self._by_id, "")

    def lineage(self, number: int) -> tuple[int, ...]:
        """Ids of a node and of those above it, up to the body region.

        Raises:
            TableError: a parent that is not there or stands below its own child.
        """
        line = [number]
        while (parent := self._by_id[line[-1]].parent) is not None:
            if parent not in self._by_id or parent in line:
                found = "stands below it" if parent in self._by_id else "is not in the tree"
                raise TableError(
                    f"node {line[-1]} has the parent {parent}, which {found}; needed one above. Correct it."
                )
            line.append(parent)
        return tuple(line)

    def _named(self, name: str, offered: Collection[int], otherwise: str) -> Node:
        bare = name.strip()
        number = int(bare) if bare.isdecimal() else self._id_of_name.get(_fold(bare))
        if number not in self._by_id:
            names = [known for known, its in self._id_of_name.items() if its in offered]
            nearest = difflib.get_close_matches(_fold(bare), names, n=NAMES_SHOWN, cutoff=0)
            raise TableError(
                f"The organ tree has no '{name}'; needed a name, synonym or id of it{otherwise}. The nearest names are "
                f"{', '.join(nearest)}. Correct the table, or add a node to the tree."
            )
        return self._by_id[number]

    def path(self, index: int) -> tuple[str, ...]:
        """Names from the body region down to the node at `index`; none for UNKNOWN."""
        if index == UNKNOWN:
            return ()
        lineage = np.flatnonzero(self.ancestors[index])
        return tuple(self.nodes[above].name for above in lineage[np.argsort(self.depth[lineage])])


def read_tree(path: str | Path) -> OrganTree:
    """Read an organ tree.

    Args:
        path: YAML file; `echocare_core.pretraining.organs.node` describes its layout.

    Returns:
        The tree, the same whatever the order of the file.

    Raises:
        TableError: no such file, not YAML, another layout, or what `Node` and `OrganTree` refuse; it names the file and
            the node.
    """
    try:
        return OrganTree(read_nodes(Path(path)))
    except TableError as error:
        raise TableError(f"{path}: {error}") from error


def _by_id(nodes: Iterable[Node]) -> dict[int, Node]:
    by_id: dict[int, Node] = {}
    for node in nodes:
        if node.id in by_id:
            raise TableError(
                f"'{by_id[node.id].name}' and '{node.name}' both have the id {node.id}; needed one each. Give the new "
                f"node an id that was never used."
            )
        by_id[node.id] = node
    if not by_id:
        raise TableError("the organ tree has no nodes; needed at least one body region. Add it.")
    return by_id


def _id_of_name(by_id: Mapping[int, Node]) -> dict[str, int]:
    id_of_name: dict[str, int] = {}
    for node in (by_id[number] for number in sorted(by_id)):
        for name in map(_fold, (node.name, *node.synonyms)):
            if name in id_of_name:
                first = by_id[id_of_name[name]]
                raise TableError(
                    f"'{name}' names both node {first.id} ('{first.name}') and node {node.id} ('{node.name}'); names "
                    f"and synonyms needed to be unique. Take one out."
                )
            id_of_name[name] = node.id
    return id_of_name


def _fold(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
