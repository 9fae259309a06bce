"""The report: a single HTML file that opens in any browser, offline, on a telephone too, and prints on A4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from echocare_core.result_files import ORIGIN_JSON
from echocare_core.results.page.article import article
from echocare_core.results.page.aside import list_set_aside
from echocare_core.results.page.beside import list_beside
from echocare_core.results.page.case_data import page_data
from echocare_core.results.page.case_index import list_cases, plot_cases
from echocare_core.results.page.cases import Case, cases_of
from echocare_core.results.page.document import Document, data_element, package_version
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.origin import origin_facts
from echocare_core.results.page.overview import TOOLBAR, tiles
from echocare_core.results.page.pictures import PictureSource, picture_elements
from echocare_core.results.table import Row
from echocare_core.results.wording import counted, enumerated, range_text
from echocare_core.types import BundleCard, Details, Measurement, Origin, SetAside

LEVELS = ("frame", "cine", "study")
STYLES = ("base.css", "list.css", "case.css", "outputs.css")
SCRIPTS = (
    "dom.js", "wording.js", "list.js", "filters.js", "pictures.js", "legend.js", "cine.js", "curve.js", "numbers.js",
    "viewer.js", "csv.js", "corrections.js", "corrections_table.js", "corrections_form.js", "print.js", "cases.js",
)  # fmt: skip

_BEGINNING = Template("""<body>
<a class="skip" href="#main">Skip to the cases</a>
<p class="unseen" id="announced" role="status"></p>
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
<main id="main" tabindex="-1">
<div id="overview">
""")

_END = Template("""$set_aside
<section aria-labelledby="made"><h2 id="made">How it was made</h2>
$made</section>
<section aria-labelledby="files"><h2 id="files">Beside this page</h2>
<ul>
$beside
</ul></section>
<section aria-labelledby="cite"><h2 id="cite">How to cite</h2>
<p>Name the software, the bundle and the checksum of its weights, so that others can repeat it, and the publications
that the bundle's own documentation names:</p>
$citations</section>
</div>
""")

_SECTION = Template("""<section class="run" aria-labelledby="run-$number">
<h2 id="run-$number">$title</h2>
<p class="lead">$summary</p>
$plots$list</section>
""")

_FACTS = Template("""<h3>$title</h3>
<dl class="facts">
<div><dt>Intended use</dt><dd>$intended_use</dd></div>
<div><dt>Bundle</dt><dd>$name, version $version</dd></div>
$plausible<div><dt>Weights</dt><dd><code>$weights</code> (SHA-256)</dd></div>
$origin
</dl>
""")


def no_pictures(overlay: str) -> None:
    """Where a page has none."""


@dataclass(frozen=True)
class Section:
    """What one bundle said.

    Attributes:
        card: of the bundle.
        rows: one per frame, cine or study, the columns of `results.csv`; files relative to the page.
        details: of each row.
        tables: names of the tables that kinds of output added.
        origin: how they were made; None where that is not known.
        pictures: where the pictures of its rows come from.
    """

    card: BundleCard
    rows: Sequence[Row]
    details: Sequence[Details]
    tables: Sequence[str] = ()
    origin: Origin | None = None
    pictures: PictureSource = no_pictures

    @property
    def entries(self) -> list[Entry]:
        return [Entry(row, details) for row, details in zip(self.rows, self.details, strict=True)]


def write_report(
    path: Path, sections: Sequence[Section], set_aside: Sequence[SetAside] = (), *, written: datetime | None = None
) -> None:
    """Write the page, piece by piece: nothing is loaded from outside, and pictures are inside it.

    Args:
        path: the file.
        sections: one per bundle.
        set_aside: what was not used, and why.
        written: date and time on the page, with its time zone; now when None.
    """
    written = written or datetime.now().astimezone()
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.writelines(_pieces(sections, set_aside, written))


def _pieces(sections: Sequence[Section], set_aside: Sequence[SetAside], written: datetime) -> Iterator[str]:
    """What is read at once, then the scripts, which work before the pictures, most of it all, are there."""
    of_sections = cases_of([section.entries for section in sections])
    title = sections[0].card.title if len(sections) == 1 else "Ultrasound measurements"
    document = Document(title, STYLES, SCRIPTS)
    yield document.head
    yield _beginning(title, sections, set_aside, written)
    yield tiles([case for cases in of_sections for case in cases], set_aside)
    yield TOOLBAR
    for number, (section, cases) in enumerate(zip(sections, of_sections, strict=True), start=1):
        yield _section(number, section, cases, alone=len(sections) == 1)
    yield _end(sections, set_aside)
    yield '<div id="cases">\n'
    for section, cases in zip(sections, of_sections, strict=True):
        yield from (article(case, section.card) for case in cases)
    yield "</div>\n</main>\n"
    yield data_element("data", page_data(of_sections, [section.card for section in sections]))
    yield document.script_element
    yield from picture_elements(
        [
            (one.number, str(one.entry.row["overlay"]), section.pictures)
            for section, cases in zip(sections, of_sections, strict=True)
            for case in cases
            for one in case.all
            if one.entry.row.get("overlay")
        ]
    )
    yield "</body>\n</html>\n"


def _beginning(title: str, sections: Sequence[Section], set_aside: Sequence[SetAside], written: datetime) -> str:
    return _BEGINNING.substitute(
        title=escape(title),
        version=escape(package_version()),
        summary=summary_text([row for section in sections for row in section.rows], set_aside),
        iso=written.isoformat(timespec="seconds"),
        written=_time_text(written),
    )


def _section(number: int, section: Section, cases: Sequence[Case], *, alone: bool) -> str:
    title = _heading(section) if alone else section.card.title
    return _SECTION.substitute(
        number=number,
        title=escape(title),
        summary=f"{_counted_rows(section.rows)}, in the order of the export.",
        plots=plot_cases(cases, section.card),
        list=list_cases(cases, f"Cases: {title}") if cases else "<p>No frame was measured.</p>",
    )


def _end(sections: Sequence[Section], set_aside: Sequence[SetAside]) -> str:
    tables = [name for section in sections for name in section.tables]
    tables += [ORIGIN_JSON for section in sections if section.origin is not None]
    entries = [entry for section in sections for entry in section.entries]
    return _END.substitute(
        set_aside=list_set_aside(set_aside),
        made="".join(_facts(section) for section in sections),
        beside=list_beside(entries, tables, "" if len(sections) == 1 else "In the folder of each bundle, "),
        citations="".join(f"<p class='citation'>{citation(section.card)}</p>\n" for section in sections),
    )


def _facts(section: Section) -> str:
    about = section.card
    return _FACTS.substitute(
        title=escape(about.title),
        intended_use=escape(about.intended_use),
        name=escape(about.name),
        version=escape(about.version),
        plausible=_plausible(about),
        weights=escape(about.weights_sha256),
        origin=origin_facts(section.origin),
    )


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
    """Whether masks and measurements alone are on the page, or more."""
    outputs = (output for details in section.details for output in details.outputs)
    return "Measurements" if all(isinstance(output, Measurement) for output in outputs) else "Results"
