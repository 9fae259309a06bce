"""What was set aside, on the page: each file with its reason, its folder named once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from echocare_core.results.page.article import breakable
from echocare_core.results.page.groups import folders_of
from echocare_core.types import SetAside


def list_set_aside(set_aside: Sequence[SetAside]) -> str:
    """What was not used, and why, as a section of the page."""
    head = '<section aria-labelledby="aside"><h2 id="aside">Set aside</h2>\n'
    if not set_aside:
        return f"{head}<p>Nothing: every file could be used.</p></section>"
    rows = "\n".join(_aside_rows(set_aside))
    return (
        f"{head}<p>These were not used. The reason stands beside each.</p>\n<table class='aside'><thead><tr>"
        '<th scope="col">File</th><th scope="col">Frame</th><th scope="col">Reason</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></section>"
    )


def _aside_rows(set_aside: Sequence[SetAside]) -> Iterator[str]:
    """A row for each, below one for their folder where it holds several."""
    for item, (folder, begins) in zip(set_aside, folders_of([item.source for item in set_aside]), strict=True):
        if begins:
            yield f'<tr><th scope="rowgroup" colspan="3" class="folder">{breakable(folder)}</th></tr>'
        yield (
            f'<tr><th scope="row">{breakable(item.source.removeprefix(folder))}</th>'
            f"<td>{'all' if item.frame is None else item.frame}</td><td>{escape(item.reason)}</td></tr>"
        )
