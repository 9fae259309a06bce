"""What MONAI would run, build or open for the texts of a configuration, found without MONAI."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from echocare_core.untrusted.allowed import TARGETS
from echocare_core.untrusted.expressions import is_harmless

MOST_BYTES = 5_000_000
MODES = ("default", "callable")
ABOVE = re.compile(r"(^|[\\/'\"])\.\.($|[\\/'\"])")  # a path that leaves its folder
ELSEWHERE = re.compile(r"[/\\~]|[A-Za-z]:[/\\]|\w+://")  # how a path from the root, or an address, begins
SHAPE = re.compile(r"[\dnp*+\- ]+")  # of metadata, which MONAI evaluates


class Text(NamedTuple):
    """A text, and the ids that lead to it."""

    where: tuple[str, ...]
    text: str


class Pairs(list):
    """The pairs of a JSON object, doubled names among them."""


def read_texts(path: Path) -> list[Text]:
    """Every text of a JSON or YAML file with its place, each alias once; nothing is built of it.

    Raises:
        ValueError: it is too large, nests too deep or is no JSON or YAML.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES // 1_000_000} MB")
    content = path.read_text(encoding="utf-8-sig")
    try:
        if path.suffix.lower() == ".json":
            return list(_of_json(json.loads(content, object_pairs_hook=Pairs), ()))
        return list(_of_yaml(yaml.compose(content, Loader=yaml.SafeLoader), (), set()))
    except yaml.YAMLError:
        raise ValueError("is no YAML") from None
    except RecursionError:
        raise ValueError("nests too deep") from None


def _of_json(value: object, where: tuple[str, ...]) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(where, value)
    elif isinstance(value, Pairs):
        for name, one in value:
            yield from _of_json(one, (*where, name))
            if _is_target(name) and not isinstance(one, str):
                yield Text((*where, name), "what another entry gives")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _of_json(one, (*where, str(number)))


def _of_yaml(node: yaml.Node | None, where: tuple[str, ...], seen: set[int]) -> Iterator[Text]:
    if isinstance(node, yaml.ScalarNode):
        yield Text(where, node.value)
    if node is None or isinstance(node, yaml.ScalarNode) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, one in enumerate(node.value):
            yield from _of_yaml(one, (*where, str(number)), seen)
    if isinstance(node, yaml.MappingNode):
        for key, one in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            yield from _of_yaml(one, (*where, name), seen)
            if _is_target(name) and not isinstance(one, yaml.ScalarNode):
                yield Text((*where, name), "what another entry gives")


def _is_target(name: str) -> bool:
    return _last_id(name) == "_target_"


def _last_id(name: str) -> str:
    """Of an entry such as network#_target_, which stands for one inside another."""
    return re.split("#|::", name)[-1]


def place_fault(text: str) -> str | None:
    """Which place outside the folder a text of a configuration names, in words; None where it names none."""
    return f"names a place elsewhere: {text}" if ELSEWHERE.match(text) or ABOVE.search(text) else None


def fault(found: Text) -> str | None:
    """What a text of a configuration would make MONAI do, in words; None where it does no harm."""
    where, text = found
    last = _last_id(where[-1]) if where else ""
    if last == "_target_":
        return None if text in TARGETS else f"builds {text}, which is not on the list of what does no harm"
    if last == "_mode_" and text not in MODES:
        return f"asks for the mode {text}"
    if text.startswith("$"):
        return None if is_harmless(text[1:]) else f"runs {text[1:]}"
    if text.startswith("%"):
        return f"copies an entry, perhaps of another file: {text}"
    if "spatial_shape" in where and not SHAPE.fullmatch(text):
        return f"has MONAI evaluate {text}"
    return None
