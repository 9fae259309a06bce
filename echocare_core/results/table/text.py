"""A text in the results: a file that the table names."""

from __future__ import annotations

from echocare_core.result_files import TEXTS
from echocare_core.results.naming import safe_path
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Text


def write_text(text: Text, place: Place) -> Entries:
    """Write it as UTF-8."""
    return Entries(files={f"{text.name}_file": place.save_text(text.text, TEXTS, f"_{safe_path(text.name)}")})
