"""The part of the report about one file: its thumbnails, its measurements and what a reader must know about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from string import Template
from typing import cast
from urllib.parse import quote

from echocare_core.results.table import measurement_columns
from echocare_core.results.thumbnail import evenly_spaced, is_empty, thumbnail_data_uri
from echocare_core.results.wording import (
    NOT_CALIBRATED,
    NOTHING_FOUND,
    counted,
    measurement_text,
    name_text,
    number_text,
    split_column,
    unit_symbol,
    value_text,
)

Row = Mapping[str, object]

_CARD = Template("""<article class="file">
<h3>$source</h3>
<p class="meta">$facts</p>
$notes
<div class="$kind">
$measurements
<div class="thumbnails">$thumbnails</div>
</div>
</article>""")

_THUMBNAIL = Template(
    '<figure><a href="$overlay"><img src="$picture" width="$width" height="$height" alt="$alt"></a>'
    "<figcaption>$caption</figcaption></figure>"
)


def file_card(rows: Sequence[Row], pictures: Path, shown: int) -> str:
    """One file as HTML.

    Args:
        rows: of its frames, from `results.csv`.
        pictures: the folder to which their masks and overlays are relative.
        shown: how many thumbnails to embed at most, evenly spaced.
    """
    empty = {id(row) for row in rows if is_empty(pictures / str(row["mask"]))}
    chosen = evenly_spaced(rows, shown)
    return _CARD.substitute(
        source=_breakable(str(rows[0]["source"])),
        facts=" · ".join(_facts(rows)),
        notes="\n".join(f'<p class="note">{note}</p>' for note in _notes(rows, len(empty))),
        kind="still" if len(rows) == 1 else "cine",
        thumbnails="".join(_thumbnail(row, pictures, id(row) in empty) for row in chosen) + _more(rows, len(chosen)),
        measurements=_measurements(rows),
    )


def _facts(rows: Sequence[Row]) -> Iterator[str]:
    yield counted(len(rows), "frame")
    times = [cast(float, row["frame_time_ms"]) for row in rows if row["frame_time_ms"] is not None]
    if len(times) > 1:
        yield f"{(max(times) - min(times)) / 1000:.1f} s"
    spacings = {(row["spacing_row_mm"], row["spacing_column_mm"]) for row in rows} - {(None, None)}
    if len(spacings) == 1:
        row_mm, column_mm = cast(tuple[float, float], spacings.pop())
        same = abs(row_mm - column_mm) < 5e-4
        yield f"{row_mm:.3f} mm per pixel" if same else f"{row_mm:.3f} × {column_mm:.3f} mm per pixel (row × column)"


def _notes(rows: Sequence[Row], empty: int) -> Iterator[str]:
    """What a reader must know before the numbers."""
    one = len(rows) == 1
    if empty:
        yield "<strong>Nothing found:</strong> " + (
            "the mask is empty." if one else f"the mask is empty in {empty} of {len(rows)} frames."
        )
    uncalibrated = sum(row["spacing_row_mm"] is None for row in rows)
    if uncalibrated and empty < len(rows):
        where = "" if uncalibrated == len(rows) else f" (in {uncalibrated} of {len(rows)} frames)"
        yield f"<strong>Not calibrated:</strong> {NOT_CALIBRATED}{where}."


def _thumbnail(row: Row, pictures: Path, empty: bool) -> str:
    picture, (width, height) = thumbnail_data_uri(pictures / str(row["overlay"]), pictures / str(row["mask"]))
    said = NOTHING_FOUND if empty else ", ".join(_said(row)) or "outlined, nothing measured"
    time = row["frame_time_ms"]
    return _THUMBNAIL.substitute(
        overlay=_link(row),
        picture=picture,
        width=width,
        height=height,
        alt=escape(f"{row['source']}, frame {row['frame']}: {said}"),
        caption=f"frame {row['frame']}"
        + ("" if time is None else f", {time:.0f} ms")
        + (f", {NOTHING_FOUND}" if empty else ""),
    )


def _said(row: Row) -> Iterator[str]:
    for column, value in _measured([row]).items():
        name, unit = split_column(column)
        yield measurement_text(name, value[0], unit)


def _more(rows: Sequence[Row], shown: int) -> str:
    """Where the frames are that have no thumbnail."""
    if shown == len(rows):
        return ""
    if not shown:
        return (
            f'<p class="more">Not shown, to keep this page small: <a href="{_link(rows[0])}">open the overlay</a>.</p>'
        )
    return f'<p class="more">{counted(len(rows) - shown, "more frame")} in results.csv and overlays/.</p>'


def _measurements(rows: Sequence[Row]) -> str:
    """A table of the measurements: the value of a still, median and range of a cine."""
    measured = _measured(rows)
    if not measured:
        return '<p class="none">No measurement.</p>'
    heads = ["Measurement", "Value"] if len(rows) == 1 else ["Measurement", "Median", "Range", "Frames"]
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "\n".join(_measurement_row(column, values, len(rows)) for column, values in measured.items())
    return f'<table class="measurements"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'


def _measurement_row(column: str, values: Sequence[float], frames: int) -> str:
    name, unit = split_column(column)
    cells = [f"<strong>{escape(value_text(median(values), unit))}</strong>"]
    if frames > 1:
        low, high = number_text(min(values), unit), number_text(max(values), unit)
        cells += [escape(f"{low} to {high} {unit_symbol(unit)}".strip()), f"{len(values)} of {frames}"]
    return f'<tr><th scope="row">{escape(name_text(name))}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _measured(rows: Sequence[Row]) -> dict[str, list[float]]:
    """The numbers of each measurement that at least one frame has."""
    values = {
        column: [cast(float, row[column]) for row in rows if row.get(column) is not None]
        for column in measurement_columns(rows)
    }
    return {column: numbers for column, numbers in values.items() if numbers}


def _link(row: Row) -> str:
    return escape(quote(str(row["overlay"])))


def _breakable(source: str) -> str:
    """The path, escaped, with places where a line may break."""
    return escape(source).replace("/", "/<wbr>")
