"""Paths in a table that lead to no file here, whatever it holds: of another computer, or of the web."""

from __future__ import annotations

import os
import re

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # //, of which a path keeps one; a drive has a single letter
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|[\\/]{2}")


def is_elsewhere(name: str) -> str:
    """What a path is that can be none of this computer, as a sentence goes on from its name; "" for any other.

    Args:
        name: as the table writes it, of a file that was not found.
    """
    if _URL.match(name):
        return "is a URL, and only files are read"
    if os.name != "nt" and _DRIVE.match(name):
        return "is a path of another computer"
    return ""
