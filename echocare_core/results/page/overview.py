"""The beginning of the page: how many cases there are, how many to look at first, and the toolbar of the list."""

from __future__ import annotations

from collections.abc import Sequence

from echocare_core.results.page.case_index import has_doubts, is_empty
from echocare_core.results.page.cases import Case
from echocare_core.types import SetAside

TOOLBAR = """<form class="toolbar needs-script" id="filters" role="search" aria-label="Filter the cases">
<div class="field wide"><label for="filter-text">Search</label>
<input type="search" id="filter-text" name="text" autocomplete="off" placeholder="File, finding, doubt"></div>
<div class="field"><label for="filter-folder">Folder or study</label>
<select id="filter-folder" name="folder"><option value="">All</option></select></div>
<div class="field"><label for="filter-finding">Finding</label>
<select id="filter-finding" name="finding"><option value="">All</option></select></div>
<div class="field"><label for="filter-state">State</label>
<select id="filter-state" name="state"><option value="">All</option></select></div>
<div class="actions" id="actions"></div>
</form>
<p class="counted needs-script" id="counted" role="status"></p>
"""


def tiles(cases: Sequence[Case], set_aside: Sequence[SetAside]) -> str:
    """The numbers that a reader wants first, as HTML."""
    frames = sum(len(case.frames) for case in cases)
    doubted, empty = sum(map(has_doubts, cases)), sum(map(is_empty, cases))
    numbers = [("Cases", len(cases), False)]
    numbers += [("Frames", frames, False)] if frames > len(cases) else []
    numbers += [("To check", doubted, doubted > 0), ("Nothing found", empty, False)]
    numbers += [("Set aside", len(set_aside), False)]
    items = "".join(_tile(name, number, warns) for name, number, warns in numbers)
    return f'<ul class="tiles">{items}</ul>\n'


def _tile(name: str, number: int, warns: bool) -> str:
    return f"<li{' class=warns' if warns else ''}><strong>{number:,}</strong>{name}</li>"
