"""The index of a page with many files: one row each with its numbers, which a click on a head sorts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from statistics import median

from echocare_core.printable import printable
from echocare_core.results.page.card import breakable, title_of
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.groups import folders_of
from echocare_core.results.page.measurements import finite_measurements
from echocare_core.results.wording import name_text, number_text, unit_symbol

FROM_FILES = 11  # fewer are seen at a glance
MOST_NUMBERS = 4  # columns of measurements: more are cut off on a telephone

# Without it the table stands in the order of the export. It reads nothing but the page, and nothing else may run.
SORT = """document.querySelectorAll("table.index").forEach(function (table) {
  table.querySelectorAll("thead th").forEach(function (head, column) {
    var up = false, button = document.createElement("button");
    button.type = "button";
    while (head.firstChild) { button.appendChild(head.firstChild); }
    head.appendChild(button);
    button.addEventListener("click", function () {
      table.querySelectorAll("tr.folder").forEach(function (row) { row.remove(); });
      table.classList.add("sorted");
      var body = table.tBodies[0], key = function (row) { return row.cells[column].dataset.sort || ""; };
      up = !up;
      Array.prototype.slice.call(body.rows).sort(function (a, b) {
        var x = key(a), y = key(b), order = x && y && !isNaN(x) && !isNaN(y) ? x - y : x < y ? -1 : x > y ? 1 : 0;
        return !x !== !y ? (x ? -1 : 1) : up ? order : -order;
      }).forEach(function (row) { body.appendChild(row); });
      table.querySelectorAll("thead th").forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  });
});"""
SORT_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(SORT.encode('ascii')).digest()).decode('ascii')}'"


def list_files(groups: Sequence[Sequence[Entry]], anchors: Sequence[str]) -> str:
    """The index as HTML; empty where there are few files.

    A folder stands once above its files, and in each row only where they have been sorted.

    Args:
        groups: the entries of each card.
        anchors: of each card.
    """
    if len(groups) < FROM_FILES:
        return ""
    found = [finite_measurements(entries) for entries in groups]
    numbers = list(dict.fromkeys(key for values in found for key in values))[:MOST_NUMBERS]
    doubted = any(entry.details.doubts for entries in groups for entry in entries)
    names = [f"{escape(name_text(name))} {escape(unit_symbol(unit))}".strip() for name, unit in numbers]
    heads = ["File", "Frames", *names, *(["Check"] if doubted else [])]
    sources = [None if group[0].level == "study" else str(group[0].row["source"]) for group in groups]
    rows = []
    for entries, anchor, values, (folder, begins) in zip(groups, anchors, found, folders_of(sources), strict=True):
        if begins:
            rows.append(f'<tr class="folder"><th scope="rowgroup" colspan="{len(heads)}">{breakable(folder)}</th></tr>')
        cells = [_cell("Frames", str(len(entries)), len(entries))]
        cells += [_number(head, values.get(key), key[1]) for head, key in zip(names, numbers, strict=True)]
        cells += [_doubts(entries)] if doubted else []
        above = f'<span class="above">{breakable(folder)}</span>' if folder else ""
        title = f'<a href="#{anchor}">{above}{title_of(entries[0], folder)}</a>'
        name = escape(printable(str(entries[0].row["source"])))
        rows.append(f'<tr><th scope="row" data-sort="{name}">{title}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "\n".join(rows)
    return f'<table class="index"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'


def _number(head: str, values: Sequence[float] | None, unit: str) -> str:
    return _cell(head, number_text(median(values), unit), median(values)) if values else _cell(head, "", "")


def _doubts(entries: Sequence[Entry]) -> str:
    says = list(dict.fromkeys(says for entry in entries for says, _, _ in entry.details.doubts))
    return _cell("Check", escape("; ".join(says)), len(says) or "")


def _cell(head: str, text: str, value: object) -> str:
    return f'<td data-head="{head}" data-sort="{value}">{text}</td>'
