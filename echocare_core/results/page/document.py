"""What every page of this package stands in: its head, its style, the scripts that may run, and nothing from outside.

A page is one file. Its Content-Security-Policy names the checksum of its style and of its scripts; whatever else a name
of a file or a text brings along is neither run nor loaded, and no element may carry a style of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template
from typing import Any

BEGIN = 'document.documentElement.classList.add("js");'  # before anything is shown: what needs no script is for others

_HEAD = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src $style_source; $scripts base-uri 'none'; form-action 'none'">
<title>$title</title>
<style>$style</style>
$begin</head>
""")


@dataclass(frozen=True)
class Document:
    """The frame of a page.

    Attributes:
        title: of the page, as text.
        styles: names of style sheets in this folder, in their order.
        scripts: names of scripts in this folder, in their order; they run as one. None run where there are none.
    """

    title: str
    styles: Sequence[str] = ("base.css",)
    scripts: Sequence[str] = ()

    @property
    def head(self) -> str:
        """Everything before the body."""
        sources = f"script-src {source_of(BEGIN)} {source_of(self.script)};" if self.scripts else ""
        return _HEAD.substitute(
            title=escape(self.title),
            style=self.style,
            style_source=source_of(self.style),
            scripts=sources,
            begin=f"<script>{BEGIN}</script>\n" if self.scripts else "",
        )

    @cached_property
    def style(self) -> str:
        """All style sheets in one piece."""
        return "".join(_read(name) for name in self.styles)

    @cached_property
    def script(self) -> str:
        """All scripts in one piece, in a scope of their own."""
        return '(() => {\n"use strict";\n' + "".join(_read(name) for name in self.scripts) + "})();"

    @property
    def script_element(self) -> str:
        """The scripts, to stand behind what they use; empty where there are none."""
        return f"<script>{self.script}</script>\n" if self.scripts else ""


def source_of(text: str) -> str:
    """The checksum of a style or script by which a Content-Security-Policy lets it be (CSP Level 2, 7.17.2)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def data_element(name: str, content: str) -> str:
    """JSON text for scripts to read, as an element that ends where it is meant to, whatever is in it.

    Args:
        name: id of the element.
        content: JSON.
    """
    return f'<script type="application/json" id="{name}">{safe_json(content)}</script>\n'


def compact_json(value: Any) -> str:
    """A value as JSON without blanks; letters that are no text (a file name's bytes) are spelled."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def safe_json(content: str) -> str:
    """JSON in which nothing looks like HTML: all three signs stand in strings alone."""
    return content.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def package_version() -> str:
    """Version of the installed package; "unknown" where it runs from a bare copy."""
    try:
        return version("echocare")
    except PackageNotFoundError:
        return "unknown"


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
