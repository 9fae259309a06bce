"""The place of one case on the page: its pictures, what was found and what a reader must know about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape
from string import Template
from typing import cast
from urllib.parse import quote

from echocare_core.printable import printable
from echocare_core.results.page.beside import file_text
from echocare_core.results.page.boxes import show_boxes
from echocare_core.results.page.cases import Case
from echocare_core.results.page.embeddings import show_embeddings
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.measurements import show_measurements
from echocare_core.results.page.points import show_points
from echocare_core.results.page.scores import show_scores
from echocare_core.results.page.texts import show_texts
from echocare_core.results.table import NOTES, file_columns
from echocare_core.results.wording import NOT_CALIBRATED, NOTHING_FOUND, counted, in_pixels, name_text
from echocare_core.types import Boxes, BundleCard, Embedding, Measurement, Points, Scores, Text

# What the page says about each kind, beside its pictures; a new kind is a module beside this one and a line here.
SHOWN: dict[type, Callable[[Sequence[Entry]], str]] = {
    Scores: show_scores,
    Measurement: show_measurements,
    Boxes: show_boxes,
    Points: show_points,
    Text: show_texts,
    Embedding: show_embeddings,
}

_ARTICLE = Template("""<article class="case" id="$anchor" aria-labelledby="$anchor-title">
<h2 id="$anchor-title" tabindex="-1">$title</h2>
<p class="meta">$facts</p>
$notes<div class="body">
<div class="viewer"></div>
<div class="said">$outputs</div>
</div>
<p class="meta files">$files$made</p>
</article>
""")


def article(case: Case, card: BundleCard) -> str:
    """A case as HTML: everything but its pictures, which a script puts into the element of class "viewer".

    Args:
        case: what it is about.
        card: of the bundle that said it.
    """
    whole, frames = ([one.entry for one in part] for part in (case.whole, case.frames))
    facts = [part for entries in (whole, frames) if entries for part in _facts(entries)]
    notes = [f'<p class="note doubt">{note}</p>' for part in (whole, frames) for note in _doubts(part)]
    notes += [f'<p class="note">{note}</p>' for note in dict.fromkeys(_notes(whole, frames))]
    return _ARTICLE.substitute(
        anchor=case.anchor,
        title=title_of(case),
        facts=" · ".join(facts),
        notes="".join(f"{note}\n" for note in notes),
        outputs="\n".join(_outputs(part) for part in (whole, frames) if part),
        files=_files((frames or whole)[len(frames or whole) // 2], alone=case.is_still),
        made=f"{escape(card.name)} {escape(card.version)}, weights {escape(card.weights_sha256[:12])}",
    )


def title_of(case: Case, folder: str = "") -> str:
    """What a case is about, as HTML: a study by its number, a file by its path below a folder."""
    return case.name if case.is_study else breakable(case.source.removeprefix(folder))


def _outputs(entries: Sequence[Entry]) -> str:
    """What was found, in the order in which the bundle gives it."""
    kinds = dict.fromkeys(type(output) for entry in entries for output in entry.details.outputs)
    parts = [part for kind in kinds if kind in SHOWN and (part := SHOWN[kind](entries))]
    if not parts:
        return '<p class="none">No measurement.</p>' if not kinds and entries[0].row.get("mask") else ""
    return f'<div class="outputs">{"".join(parts)}</div>'


def _facts(entries: Sequence[Entry]) -> Iterator[str]:
    rows, level = [entry.row for entry in entries], entries[0].level
    yield counted(len(rows), "frame") if level == "frame" else f"the whole {level}"
    if level == "study":
        yield f"folder {breakable(str(rows[0]['source']))}"
    times = [cast(float, row["frame_time_ms"]) for row in rows if row["frame_time_ms"] is not None]
    if len(times) > 1:
        yield f"{(max(times) - min(times)) / 1000:.1f} s"
    spacings = {(row["spacing_row_mm"], row["spacing_column_mm"]) for row in rows} - {(None, None)}
    if len(spacings) == 1:
        row_mm, column_mm = cast(tuple[float, float], spacings.pop())
        same = abs(row_mm - column_mm) < 5e-4
        yield f"{row_mm:.3f} mm per pixel" if same else f"{row_mm:.3f} × {column_mm:.3f} mm per pixel (row × column)"


def _notes(whole: Sequence[Entry], frames: Sequence[Entry]) -> Iterator[str]:
    """What a reader must know before the numbers."""
    for note in dict.fromkeys(str(entry.row[NOTES]) for entry in (*whole, *frames) if entry.row.get(NOTES)):
        yield f"<strong>How it was read:</strong> {escape(note)}"
    for entries in (whole, frames):
        yield from _lacks(entries)


def _lacks(entries: Sequence[Entry]) -> Iterator[str]:
    """What was not found, and what is not calibrated."""
    frames, empty = len(entries), sum(entry.details.nothing_found for entry in entries)
    if empty:
        what = "the mask is empty" if any(entry.row.get("mask") for entry in entries) else f"no {_looked_for(entries)}"
        where = "" if frames == 1 else f" in {empty} of {frames} frames"
        yield f"<strong>Nothing found:</strong> {what}{where}."
    uncalibrated = sum(_lacks_calibration(entry) for entry in entries)
    if uncalibrated and empty < frames:
        where = "" if uncalibrated == frames else f" (in {uncalibrated} of {frames} frames)"
        yield f"<strong>Not calibrated:</strong> {NOT_CALIBRATED}{where}."


def _doubts(entries: Sequence[Entry]) -> Iterator[str]:
    """What speaks against the numbers, once with how many frames it is about; that nothing was found is said apart."""
    found = [doubt for entry in entries for doubt in entry.details.doubts if doubt[0] != NOTHING_FOUND]
    for says, times in Counter(says for says, _, _ in found).items():
        only = next(value for words, value, _ in found if words == says)
        where = f" (in {times} of {len(entries)} frames)" if len(entries) > 1 else f" ({only})" if only else ""
        yield f"<strong>Check this:</strong> {escape(says)}{escape(where)}."


def _looked_for(entries: Sequence[Entry]) -> str:
    names = [name for entry in entries for boxes in entry.of(Boxes) for name in boxes.classes]
    names += [name for entry in entries for points in entry.of(Points) for name in points.names]
    return escape(" or ".join(name_text(name) for name in dict.fromkeys(names)))


def _lacks_calibration(entry: Entry) -> bool:
    has_lengths = bool(entry.row.get("mask")) or in_pixels(entry.details.outputs)
    return has_lengths and entry.row["spacing_row_mm"] is None


def _files(entry: Entry, *, alone: bool) -> str:
    """Links to the files of a row, whatever they are."""
    there = {column: str(entry.row[column]) for column in file_columns([entry.row]) if entry.row[column]}
    links = [f'<a href="{_link(path)}">{escape(file_text(column))}</a>' for column, path in there.items()]
    of = "" if alone or entry.level != "frame" else f" of {entry.words}"
    return f"Beside this page{of}: {', '.join(links)} · " if links else ""


def _link(path: str) -> str:
    return escape(quote(path))


def breakable(source: str) -> str:
    """The path, escaped, with places where a line may break."""
    return escape(printable(source)).replace("/", "/<wbr>")
