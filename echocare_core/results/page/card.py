"""The part of the report about one file or study: its pictures, what was found and what a reader must know about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import cast
from urllib.parse import quote

from echocare_core.printable import printable
from echocare_core.results.page.boxes import show_boxes
from echocare_core.results.page.embeddings import show_embeddings
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.measurements import show_measurements
from echocare_core.results.page.points import show_points
from echocare_core.results.page.scores import show_scores
from echocare_core.results.page.texts import show_texts
from echocare_core.results.page.thumbnail import evenly_spaced, thumbnail_data_uri
from echocare_core.results.table import FILE, NOTES, file_columns
from echocare_core.results.wording import NOT_CALIBRATED, NOTHING_FOUND, counted, in_pixels, name_text, outputs_text
from echocare_core.types import Boxes, Embedding, Measurement, Points, Scores, Text

# What the page says about each kind, beside its pictures; a new kind is a module beside this one and a line here.
SHOWN: dict[type, Callable[[Sequence[Entry]], str]] = {
    Scores: show_scores,
    Measurement: show_measurements,
    Boxes: show_boxes,
    Points: show_points,
    Text: show_texts,
    Embedding: show_embeddings,
}

_CARD = Template("""<article class="$about" id="$anchor">
<h3>$source</h3>
<p class="meta">$facts</p>
$notes
<div class="$kind">
$outputs
<div class="thumbnails">$thumbnails</div>
</div>
</article>""")

_FIGURE = Template(
    '<figure><a href="$link"><img src="$picture" width="$width" height="$height" alt="$alt"></a>$caption</figure>'
)


def card(entries: Sequence[Entry], pictures: Path, shown: int, anchor: str, folder: str = "") -> str:
    """The frames of one file, one cine, or one study as HTML.

    Args:
        entries: of its frames, or the one of a cine or study.
        pictures: the folder to which their files are relative.
        shown: of how many entries to embed pictures at most, evenly spaced.
        anchor: by which the index of the page leads to it.
        folder: that stands above it, with a slash, and is not said again.
    """
    first = entries[0]
    chosen = [entry for entry in evenly_spaced(entries, shown) if _pictures(entry)]
    return _CARD.substitute(
        about="file study" if first.level == "study" else "file",
        anchor=anchor,
        source=title_of(first, folder),
        facts=" · ".join(_facts(entries)),
        notes="\n".join(
            [f'<p class="note doubt">{note}</p>' for note in _doubts(entries)]
            + [f'<p class="note">{note}</p>' for note in _notes(entries)]
        ),
        kind=_layout(entries),
        outputs=_outputs(entries),
        thumbnails="".join(_figures(entry, pictures, _is_still(entries)) for entry in chosen)
        + _more(entries, len(chosen)),
    )


def title_of(entry: Entry, folder: str = "") -> str:
    """What a card is about, as HTML: a study by its number, a file by its path below a folder."""
    if entry.level == "study":
        return f"Study {entry.row['study']}"
    return breakable(str(entry.row["source"]).removeprefix(folder))


def _layout(entries: Sequence[Entry]) -> str:
    """Words beside the one picture, or above several; a picture that was made from a frame stands beside it."""
    pictures = max(len(_pictures(entry)) for entry in entries)
    if pictures > 1:
        return "cine pairs" if len(entries) > 1 else "cine pair"
    return "still" if len(entries) == 1 and pictures else "cine"


def _outputs(entries: Sequence[Entry]) -> str:
    """What was found, in the order in which the bundle gives it."""
    kinds = dict.fromkeys(type(output) for entry in entries for output in entry.details.outputs)
    parts = [part for kind in kinds if kind in SHOWN and (part := SHOWN[kind](entries))]
    if not parts:
        return '<p class="none">No measurement.</p>' if not kinds and entries[0].row.get("mask") else ""
    return parts[0] if kinds.keys() == {Measurement} else f'<div class="outputs">{"".join(parts)}</div>'


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


def _notes(entries: Sequence[Entry]) -> Iterator[str]:
    """What a reader must know before the numbers."""
    for note in dict.fromkeys(str(entry.row[NOTES]) for entry in entries if entry.row.get(NOTES)):
        yield f"<strong>How it was read:</strong> {escape(note)}"
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


def _pictures(entry: Entry) -> list[str]:
    """Columns of its pictures: what is drawn on the frame, then what was made from it."""
    return [
        column
        for column in file_columns([entry.row])
        if column != "mask" and str(entry.row[column] or "").endswith(".png")
    ]


def _is_still(entries: Sequence[Entry]) -> bool:
    """Whether it is the one picture of a file, whose number and time say nothing."""
    return len(entries) == 1 and entries[0].row["frame"] == 0 and not entries[0].row["frame_time_ms"]


def _figures(entry: Entry, pictures: Path, still: bool) -> str:
    """The pictures of one entry, each linked to its file."""
    said = NOTHING_FOUND if entry.details.nothing_found else ", ".join(outputs_text(entry.details.outputs))
    said = said or ("outlined, nothing measured" if entry.row.get("mask") else "as recorded")
    figures = []
    for column in _pictures(entry):
        if column == "overlay":
            figures.append(_figure(entry, column, pictures, said, ", ".join(_caption(entry, still))))
        else:
            name = escape(name_text(column.removesuffix(FILE)))
            figures.append(_figure(entry, column, pictures, name, name if still else f"{entry.words}, {name}"))
    return f'<div class="of-one">{"".join(figures)}</div>' if len(figures) > 1 else "".join(figures)


def _caption(entry: Entry, still: bool) -> Iterator[str]:
    time = entry.row["frame_time_ms"]
    if not still:
        yield entry.words
        if time is not None:
            yield f"{time:.0f} ms"
    if entry.details.nothing_found:
        yield NOTHING_FOUND


def _figure(entry: Entry, column: str, pictures: Path, said: str, caption: str) -> str:
    path = str(entry.row[column])
    picture, (width, height) = thumbnail_data_uri(
        pictures / path, entry.details.overlay_px if column == "overlay" else None
    )
    caption = f"<figcaption>{caption}</figcaption>" if caption else ""
    alt = escape(f"{printable(str(entry.row['source']))}, {entry.words}: {said}")
    return _FIGURE.substitute(link=_link(path), picture=picture, width=width, height=height, alt=alt, caption=caption)


def _more(entries: Sequence[Entry], shown: int) -> str:
    """Where the frames are that have no thumbnail."""
    with_picture = [entry for entry in entries if _pictures(entry)]
    if shown == len(with_picture):
        return ""
    if not shown:
        link = _link(str(with_picture[0].row["overlay"]))
        return f'<p class="more">Not shown, to keep this page small: <a href="{link}">open the overlay</a>.</p>'
    return f'<p class="more">{counted(len(with_picture) - shown, "more frame")} in results.csv and overlays/.</p>'


def _link(path: str) -> str:
    return escape(quote(path))


def breakable(source: str) -> str:
    """The path, escaped, with places where a line may break."""
    return escape(printable(source)).replace("/", "/<wbr>")
