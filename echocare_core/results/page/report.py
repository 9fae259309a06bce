"""The page for people: one HTML file that opens in any browser, offline, and prints on A4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

from echocare_core.result_files import ORIGIN_JSON
from echocare_core.results.page.aside import list_set_aside
from echocare_core.results.page.beside import list_beside
from echocare_core.results.page.card import breakable, card
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.groups import folders_of, groups_of
from echocare_core.results.page.index import SORT, SORT_SOURCE, list_files
from echocare_core.results.page.origin import origin_facts
from echocare_core.results.table import Row
from echocare_core.results.wording import counted, enumerated, range_text
from echocare_core.types import BundleCard, Details, Measurement, Origin, SetAside

LEVELS = ("frame", "cine", "study")
MOST_THUMBNAILS_PER_FILE = 6
MOST_THUMBNAILS = 300  # of one page: about 5 MB

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'$scripts">
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
$beside
</ul></section>
<section aria-labelledby="cite"><h2 id="cite">How to cite</h2>
<p>State the software, the bundle and the weights, so that others can repeat it, and the publications that the bundle's
own documentation names:</p>
$citations</section>
</main>
$script</body>
</html>
""")

_SECTION = Template("""<section class="run" aria-labelledby="run-$number">
<h2 id="run-$number">$title</h2>
<p class="lead">$summary</p>
<dl class="facts">
<div><dt>Intended use</dt><dd>$intended_use</dd></div>
<div><dt>Bundle</dt><dd>$name, version $version</dd></div>
$plausible<div><dt>Weights</dt><dd><code>$weights</code> (SHA-256)</dd></div>
$origin
</dl>
$cards
</section>""")


@dataclass(frozen=True)
class Section:
    """What one bundle said.

    Attributes:
        card: of the bundle.
        rows: one per frame, cine or study, the columns of `results.csv`; files relative to the page.
        details: of each row.
        tables: names of the tables that kinds of output added.
        origin: how they were made; None where that is not known.
    """

    card: BundleCard
    rows: Sequence[Row]
    details: Sequence[Details]
    tables: Sequence[str] = ()
    origin: Origin | None = None

    @property
    def entries(self) -> list[Entry]:
        return [Entry(row, details) for row, details in zip(self.rows, self.details, strict=True)]


def write_report(
    path: Path,
    sections: Sequence[Section],
    set_aside: Sequence[SetAside] = (),
    *,
    pictures: Path | None = None,
    written: datetime | None = None,
) -> None:
    """Write the page: nothing is loaded from outside, thumbnails are inside it, each linked to its overlay.

    The only script is that which sorts the index of many files (`page.index`).

    Args:
        path: the file.
        sections: one per bundle.
        set_aside: what was not used, and why.
        pictures: folder from which the masks and overlays of the rows are read now; that of the page when None.
        written: date and time on the page, with its time zone; now when None.
    """
    written = written or datetime.now().astimezone()
    entries = [entry for section in sections for entry in section.entries]
    tables = [name for section in sections for name in section.tables]
    tables += [ORIGIN_JSON for section in sections if section.origin is not None]
    parts = "\n".join(_sections(sections, pictures or path.parent))
    sorts = '<table class="index">' in parts
    text = _PAGE.substitute(
        title=escape(sections[0].card.title if len(sections) == 1 else "Ultrasound measurements"),
        style=_style(entries),
        version=escape(package_version()),
        summary=summary_text([entry.row for entry in entries], set_aside),
        iso=written.isoformat(timespec="seconds"),
        written=_time_text(written),
        sections=parts,
        scripts=f"; script-src {SORT_SOURCE}" if sorts else "",
        script=f"<script>{SORT}</script>\n" if sorts else "",
        set_aside=list_set_aside(set_aside),
        beside=list_beside(entries, tables, "" if len(sections) == 1 else "In the folder of each bundle, "),
        citations="".join(f"<p class='citation'>{citation(section.card)}</p>\n" for section in sections),
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _style(entries: Sequence[Entry]) -> str:
    """The style of the page, and of what stands on it beside masks and measurements."""
    more = any(entry.level != "frame" for entry in entries) or _has_more(entries)
    names = ("report.css", "outputs.css") if more else ("report.css",)
    return "".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


def _has_more(entries: Sequence[Entry]) -> bool:
    """Whether something else than masks and measurements is on the page."""
    return any(not isinstance(output, Measurement) for entry in entries for output in entry.details.outputs)


def package_version() -> str:
    """Version of the installed package; "unknown" where it runs from a bare copy."""
    try:
        return version("echocare")
    except PackageNotFoundError:
        return "unknown"


def summary_text(rows: Sequence[Row], set_aside: Sequence[SetAside]) -> str:
    """The run in one line: "12 frames of 3 files measured, 2 files set aside."."""
    whole = len({item.source for item in set_aside if item.frame is None})
    single = sum(item.frame is not None for item in set_aside)
    aside = [counted(number, noun) for number, noun in ((whole, "file"), (single, "frame")) if number]
    return f"{_counted_rows(rows)} measured, {enumerated(aside) or 'none'} set aside."


def _counted_rows(rows: Sequence[Row]) -> str:
    """How many frames, cines and studies of how many files; what several bundles looked at counts once."""
    seen: dict[str, set[tuple[object, ...]]] = {level: set() for level in LEVELS}
    for row in rows:
        level = str(row.get("level", "frame"))
        seen[level].add((row["study"],) if level == "study" else (row["source"], row["frame"]))
    counts = [counted(len(found), level) for level, found in seen.items() if found] or [counted(0, "frame")]
    files = len({row["source"] for row in rows if row.get("level") != "study"})
    return f"{enumerated(counts)} of {counted(files, 'file')}"


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
    total = sum(len(groups_of(section.entries)) for section in sections)
    per_file = max(1, min(MOST_THUMBNAILS_PER_FILE, MOST_THUMBNAILS // max(1, total)))
    for number, section in enumerate(sections, 1):
        groups, cards = groups_of(section.entries), []
        anchors = [f"file-{number}-{place}" for place in range(1, len(groups) + 1)]
        sources = [None if group[0].level == "study" else str(group[0].row["source"]) for group in groups]
        for entries, anchor, (folder, begins) in zip(groups, anchors, folders_of(sources), strict=True):
            shown = min(per_file, left, len(entries))
            if begins:
                cards.append(f'<p class="folder">{breakable(folder)}</p>')
            cards.append(card(entries, pictures, shown, anchor, folder))
            left -= shown
        index = list_files(groups, anchors)
        yield _section(number, section, [*([index] if index else []), *cards], repeats_title=len(sections) == 1)


def _section(number: int, section: Section, cards: Sequence[str], repeats_title: bool) -> str:
    about = section.card
    return _SECTION.substitute(
        number=number,
        title=_heading(section) if repeats_title else escape(about.title),
        summary=f"{_counted_rows(section.rows)}, in the order of the export.",
        intended_use=escape(about.intended_use),
        name=escape(about.name),
        version=escape(about.version),
        plausible=_plausible(about),
        weights=escape(about.weights_sha256),
        origin=origin_facts(section.origin),
        cards="\n".join(cards) or "<p>No frame was measured.</p>",
    )


def _plausible(card: BundleCard) -> str:
    """Between which numbers measurements are believed, and why, folded up."""
    if not card.plausible:
        return ""
    items = "".join(
        f"<li>{escape(range_text(name, known))} ({escape(known.source)})</li>" for name, known in card.plausible.items()
    )
    folded = f"<details><summary>between which numbers</summary><ul>{items}</ul></details>"
    return f"<div><dt>Plausible</dt><dd>{folded}</dd></div>\n"


def _heading(section: Section) -> str:
    return "Results" if _has_more(section.entries) else "Measurements"
