"""Nodes of an organ tree, and the file that holds them.

Layout of the file (YAML), in which children nest:

    version: 1                      # of this layout
    regions:
      - id: 7                       # whole number above 0, given once and for all
        name: thorax                # unique in the file, synonyms included
        synonyms: [chest]           # optional
        snomed_ct: "816094009"      # optional, in quotes; likewise radlex
        children: [...]             # optional, rows like this one
        structures: [...]           # optional, what masks outline in it: rows like this one, but without children
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from echocare_core.errors import TableError

VERSION = 1
CODES = ("snomed_ct", "radlex")
KEYS_OF_FILE = ("version", "regions")
KEYS_OF_STRUCTURE = ("id", "name", "synonyms", *CODES, "structures")
KEYS_OF_NODE = (*KEYS_OF_STRUCTURE, "children")


@dataclass(frozen=True)
class Node:
    """A body region, organ, view or part; or a structure that masks outline in one.

    Attributes:
        id: above 0; never changed, and never given to another node.
        name: standard English, with at least one letter.
        parent: id of the node above; None for a body region.
        synonyms: other names that tables may use.
        codes: `snomed_ct` and `radlex`, where known.
        structure: whether pixels show it, but no image is named by it.

    Raises:
        TableError: a value that is not as said here.
    """

    id: int
    name: str
    parent: int | None = None
    synonyms: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    structure: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.id, int) or isinstance(self.id, bool) or self.id < 1:
            raise TableError(f"node {self.name!r} has the id {self.id!r}; needed a whole number above 0. Give it one.")
        for name in (self.name, *self.synonyms):
            if not isinstance(name, str) or not any(letter.isalpha() for letter in name):
                raise TableError(f"node {self.id} is named {name!r}; needed text with a letter. Name it, in quotes.")
        for system, code in self.codes.items():
            if not isinstance(code, str) or not code.strip():
                raise TableError(
                    f"node {self.name!r} has the {system} code {code!r}; needed text. Put it in quotes, or take it out."
                )


def read_nodes(path: Path) -> Iterator[Node]:
    """Read the nodes of a file, parents before children, one at a time.

    A YAML alias that holds itself gives nodes without end, the first of them twice: stop at an id seen before.

    Args:
        path: YAML file in the layout that this module describes.

    Raises:
        TableError: no such file, not YAML, or another layout; it names the node.
    """
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise TableError(f"cannot be read ({error.strerror}); needed an organ tree (YAML).") from error
    except (yaml.YAMLError, ValueError) as error:
        raise TableError(f"not YAML in UTF-8: {error}. Correct it.") from error
    _check_keys(tree, KEYS_OF_FILE, KEYS_OF_FILE, "the file")
    if tree["version"] != VERSION:
        raise TableError(f"the layout has version {tree['version']!r}; needed {VERSION}. Update this package.")
    yield from _nodes_of(tree["regions"], None, "the file")


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is refused: the second would replace the first in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: list[Any] = []
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"found '{key.value}' twice", key.start_mark)
            seen.append(key.value)
        return super().construct_mapping(node, deep)


def _nodes_of(rows: Any, parent: int | None, where: str, structure: bool = False) -> Iterator[Node]:
    if not isinstance(rows, list):
        raise TableError(f"{where} has the nodes {rows!r}; needed a list of them. Put '- ' before each.")
    for row in rows:
        place = f"node {row.get('name', row.get('id'))!r}" if isinstance(row, dict) else f"a node of {where}"
        _check_keys(row, KEYS_OF_STRUCTURE if structure else KEYS_OF_NODE, ("id", "name"), place)
        synonyms = row.get("synonyms", [])
        if not isinstance(synonyms, list):
            raise TableError(f"{place} has the synonyms {synonyms!r}; needed a list. Put [ ] around them.")
        codes = {system: row[system] for system in CODES if system in row}
        yield Node(row["id"], row["name"], parent, tuple(synonyms), codes, structure)
        yield from _nodes_of(row.get("children", []), row["id"], place)
        yield from _nodes_of(row.get("structures", []), row["id"], place, structure=True)


def _check_keys(row: Any, allowed: tuple[str, ...], needed: tuple[str, ...], where: str) -> None:
    if not isinstance(row, dict):
        raise TableError(f"{where} is {row!r}; needed a mapping with {', '.join(needed)}. Write it as one.")
    missing = [key for key in needed if key not in row]
    if missing:
        raise TableError(f"{where} lacks {', '.join(missing)}; needed {' and '.join(needed)}. Add them.")
    unknown = [str(key) for key in row if key not in allowed]
    if unknown:
        raise TableError(
            f"{where} has the unknown keys {', '.join(unknown)}; needed some of {', '.join(allowed)}. Correct them."
        )
