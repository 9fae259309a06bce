"""The page for people: one HTML file that opens in any browser, offline, and prints on A4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from string import Template

from echocare_core.results.report_card import file_card
from echocare_core.results.wording import counted
from echocare_core.types import BundleCard, SetAside

MOST_THUMBNAILS_PER_FILE = 6
MOST_THUMBNAILS = 300  # of one page: about 5 MB

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<header>
<p class="brand">EchoCare, open <span>version $version</span></p>
<h1>$title</h1>
<p class="summary">$summary</p>
<p class="meta">Written <time datetime="$iso">$written</time></p>
</header>
<aside class="notice" aria-label="Intended use">
<p><strong>Not a medical device.</strong> These numbers come from software for research. They have not been checked by
a person and must not be used for diagnosis or treatment.</p>
</aside>
<main>
$sections
$set_aside
<section aria-labelledby="files"><h2 id="files">Beside this page</h2>
<ul>
<li><a href="results.csv">results.csv</a>: one row per frame, every number in it with its unit, its mask, its overlay
and the checksum of the weights. Opens in Excel. Frames are counted from 0.</li>
<li><a href="set_aside.csv">set_aside.csv</a>: what was not used, and why.</li>
<li>$pictures</li>
</ul></section>
<section aria-labelledby="cite"><h2 id="cite">How to cite</h2>
<p>State the software, the bundle and the weights, so that others can repeat it, and the publications that the bundle's
own documentation names:</p>
$citations</section>
</main>
</body>
</html>
""")

_SECTION = Template("""<section class="run" aria-labelledby="run-$number">
<h2 id="run-$number">$title</h2>
<p class="lead">$summary</p>
<dl class="facts">
<div><dt>Intended use</dt><dd>$intended_use</dd></div>
<div><dt>Bundle</dt><dd>$name, version $version</dd></div>
<div><dt>Weights</dt><dd><code>$weights</code> (SHA-256)</dd></div>
</dl>
$cards
</section>""")

_PICTURES = (
    "masks/ holds one PNG per frame whose pixel values are the label numbers; overlays/ holds what is shown here."
)


@dataclass(frozen=True)
class Section:
    """What one bundle measured.

    Attributes:
        card: of the bundle.
        rows: one per frame, the columns of `results.csv`; mask and overlay relative to the page.
    """

    card: BundleCard
    rows: Sequence[Mapping[str, object]]


def write_report(
    path: Path,
    sections: Sequence[Section],
    set_aside: Sequence[SetAside] = (),
    *,
    pictures: Path | None = None,
    written: datetime | None = None,
) -> None:
    """Write the page: no script and nothing loaded from outside, thumbnails inside it, each linked to its overlay.

    Args:
        path: the file.
        sections: one per bundle.
        set_aside: what was not used, and why.
        pictures: folder from which the masks and overlays of the rows are read now; that of the page when None.
        written: date and time on the page, with its time zone; now when None.
    """
    written = written or datetime.now().astimezone()
    text = _PAGE.substitute(
        title=escape(sections[0].card.title if len(sections) == 1 else "Ultrasound measurements"),
        style=Path(__file__).with_name("report.css").read_text(encoding="utf-8"),
        version=escape(package_version()),
        summary=summary_text([row for section in sections for row in section.rows], set_aside),
        iso=written.isoformat(timespec="seconds"),
        written=_time_text(written),
        sections="\n".join(_sections(sections, pictures or path.parent)),
        set_aside=_set_aside_table(set_aside),
        pictures=_PICTURES if len(sections) == 1 else f"In the folder of each bundle, {_PICTURES}",
        citations="".join(f"<p class='citation'>{citation(section.card)}</p>\n" for section in sections),
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def package_version() -> str:
    """Version of the installed package; "unknown" where it runs from a bare copy."""
    try:
        return version("echocare")
    except PackageNotFoundError:
        return "unknown"


def summary_text(rows: Sequence[Mapping[str, object]], set_aside: Sequence[SetAside]) -> str:
    """The run in one line: "12 frames of 3 files measured, 2 files set aside."."""
    frames = len({(row["source"], row["frame"]) for row in rows})
    files = len({row["source"] for row in rows})
    whole = len({item.source for item in set_aside if item.frame is None})
    single = sum(item.frame is not None for item in set_aside)
    aside = [counted(number, noun) for number, noun in ((whole, "file"), (single, "frame")) if number]
    return (
        f"{counted(frames, 'frame')} of {counted(files, 'file')} measured, {' and '.join(aside) or 'none'} set aside."
    )


def citation(card: BundleCard) -> str:
    """One line that names software, bundle and weights, as HTML."""
    return escape(
        f"EchoCare, open (version {package_version()}), bundle {card.name} (version {card.version}),"
        f" weights SHA-256 {card.weights_sha256}."
    )


def _time_text(time: datetime) -> str:
    """Date and time with its distance to UTC, "2026-05-04 09:30 UTC+02:00"; without it where it is unknown."""
    zone = f"{time:%z}"
    return f"{time:%Y-%m-%d %H:%M}" + (f" UTC{zone[:3]}:{zone[3:5]}" if zone else "")


def _sections(sections: Sequence[Section], pictures: Path) -> Iterator[str]:
    left = MOST_THUMBNAILS
    total = sum(len(_files(section)) for section in sections)
    per_file = max(1, min(MOST_THUMBNAILS_PER_FILE, MOST_THUMBNAILS // max(1, total)))
    for number, section in enumerate(sections, 1):
        cards = []
        for rows in _files(section):
            shown = min(per_file, left, len(rows))
            cards.append(file_card(rows, pictures, shown))
            left -= shown
        yield _section(number, section, cards, repeats_title=len(sections) == 1)


def _section(number: int, section: Section, cards: Sequence[str], repeats_title: bool) -> str:
    card = section.card
    return _SECTION.substitute(
        number=number,
        title="Measurements" if repeats_title else escape(card.title),
        summary=f"{counted(len(section.rows), 'frame')} of {counted(len(cards), 'file')}, in the order of the export.",
        intended_use=escape(card.intended_use),
        name=escape(card.name),
        version=escape(card.version),
        weights=escape(card.weights_sha256),
        cards="\n".join(cards) or "<p>No frame was measured.</p>",
    )


def _files(section: Section) -> list[list[Mapping[str, object]]]:
    """The rows of a section, one list per file, in the order in which the files first appear."""
    order = {source: number for number, source in enumerate(dict.fromkeys(row["source"] for row in section.rows))}
    rows = sorted(section.rows, key=lambda row: order[row["source"]])
    return [list(group) for _, group in groupby(rows, key=lambda row: row["source"])]


def _set_aside_table(set_aside: Sequence[SetAside]) -> str:
    """What was not used, and why."""
    head = '<section aria-labelledby="aside"><h2 id="aside">Set aside</h2>\n'
    if not set_aside:
        return f"{head}<p>Nothing: every file could be used.</p></section>"
    rows = "\n".join(
        f'<tr><th scope="row">{escape(item.source)}</th><td>{"all" if item.frame is None else item.frame}</td>'
        f"<td>{escape(item.reason)}</td></tr>"
        for item in set_aside
    )
    return (
        f"{head}<p>These were not used. The reason stands beside each.</p>\n<table class='aside'><thead><tr>"
        '<th scope="col">File</th><th scope="col">Frame</th><th scope="col">Reason</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></section>"
    )
