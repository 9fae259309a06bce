"""A page of HTML as tests read it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

UNSEEN = ("script", "style")


class Page(HTMLParser):
    """The tags of a page with their attributes, its text, and what its scripts read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.unseen: list[tuple[dict[str, str | None], str]] = []  # scripts and styles
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in UNSEEN and self.cdata_elem:
            self.unseen.append((self.tags[-1][1], data))
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def code(self) -> list[str]:
        """The scripts that run."""
        found = [text for attributes, text in self.unseen if attributes.keys() <= {"type"}]
        return [text for text in found if not text.startswith(":root")]

    @property
    def data(self) -> dict[str, Any]:
        """What the scripts read of the cases."""
        return self._json("data")[0]

    @property
    def pictures(self) -> list[dict[str, Any]]:
        """The pictures, in the order of the page."""
        return self._json("picture-")

    def _json(self, name: str) -> list[Any]:
        texts: dict[str, str] = {}
        for attributes, text in self.unseen:
            if (attributes.get("id") or "").startswith(name):
                texts[str(attributes["id"])] = texts.get(str(attributes["id"]), "") + text
        return [json.loads(text) for text in texts.values()]
