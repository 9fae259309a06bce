"""Texts on the page: the whole text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from echocare_core.result_files import TEXTS
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.spaced import evenly_spaced
from echocare_core.results.wording import counted, name_text
from echocare_core.types import Text

MOST_TEXTS = 6  # of the frames of one file


def show_texts(entries: Sequence[Entry]) -> str:
    """The texts of a still, of a cine or study; of many frames a few, and where the others are."""
    shown = evenly_spaced(entries, MOST_TEXTS)
    more = sum(len(list(entry.of(Text))) for entry in entries) - sum(len(list(entry.of(Text))) for entry in shown)
    rest = f'<p class="more">{counted(more, "more text")} in {TEXTS}/.</p>' if more else ""
    return "\n".join(part for entry in shown for part in _texts(entry, len(entries) > 1)) + rest


def _texts(entry: Entry, one_of_several: bool) -> Iterator[str]:
    for text in entry.of(Text):
        title = f"{name_text(text.name)}, {entry.words}" if one_of_several else name_text(text.name)
        words = escape(text.text.strip()) or "<em>empty</em>"
        yield f'<section class="words"><h3>{escape(title)}</h3><div class="text">{words}</div></section>'
