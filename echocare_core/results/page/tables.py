"""A table of the page."""

from __future__ import annotations

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as HTML.

    Args:
        heads: of the columns, as HTML.
        rows: of cells, as HTML; the first of each is its head.
    """
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<table class="measurements"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
