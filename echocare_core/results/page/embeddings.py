"""Embeddings on the page: the known images nearest to a still, and those nearest to most of several frames."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from echocare_core.results.page.entry import Entry
from echocare_core.results.page.tables import table
from echocare_core.results.wording import name_text, similarity_text
from echocare_core.types import Embedding, KnownImage

MOST_IMAGES = 5  # of several frames


def show_embeddings(entries: Sequence[Entry]) -> str:
    """A table of known images; empty where none is near."""
    found = [embedding for entry in entries for embedding in entry.of(Embedding) if embedding.nearest]
    if not found:
        return ""
    return _one(found[0]) if len(entries) == 1 else _several(found)


def _one(embedding: Embedding) -> str:
    return table(
        ("Nearest known image", "Shows", "Similarity"),
        [(*_image(one), similarity_text(one.similarity)) for one in embedding.nearest],
    )


def _several(found: Sequence[Embedding]) -> str:
    """The known images that are the nearest of most frames."""
    nearest: dict[str, list[KnownImage]] = {}
    for embedding in found:
        nearest.setdefault(embedding.nearest[0].name, []).append(embedding.nearest[0])
    most_first = sorted(nearest.values(), key=len, reverse=True)[:MOST_IMAGES]
    rows = [
        (*_image(ones[0]), f"{len(ones)} of {len(found)}", similarity_text(max(one.similarity for one in ones)))
        for ones in most_first
    ]
    return table(("Nearest known image", "Shows", "Nearest in frames", "Highest similarity"), rows)


def _image(one: KnownImage) -> tuple[str, str]:
    return f'<span class="wraps">{escape(one.name)}</span>', escape(name_text(one.shows))
