"""How the results of a bundle were made, on the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from echocare_core.types import Origin, Setting

LONGEST = 80  # letters of a value; origin.json has the whole


def origin_facts(origin: Origin | None) -> str:
    """Entries of the list of facts about a bundle, as HTML; none where it is not known how the results were made."""
    return "" if origin is None else "\n".join(_fact(name, text) for name, text in _facts(origin))


def _facts(origin: Origin) -> Iterator[tuple[str, str]]:
    if not origin.own_weights:
        yield "Whose weights", "<strong>not those that came with the bundle</strong>"
    if origin.ran is not None:
        ran = origin.ran
        yield "Ran on", escape(f"{ran.engine}, {ran.precision}, {ran.device}: {', '.join(ran.files)}")
    if origin.settings is not None:
        changed = "<br>".join(_setting(name, setting) for name, setting in origin.settings.items())
        yield "Settings that differ from the bundle's", changed or "none"
    yield "Made with", escape(", ".join(f"{name} {number}" for name, number in origin.packages.items()))


def _setting(name: str, setting: Setting) -> str:
    return f"<code>{escape(name)} = {_value(setting.here)}</code> (bundle: <code>{_value(setting.bundle)}</code>)"


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}...")


def _fact(name: str, text: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{text}</dd></div>"
