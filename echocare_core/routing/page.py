"""The page over all files of an export: what each shows, where it is measured, or why it is not; it has no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from echocare_core.bundle import read_card
from echocare_core.printable import printable
from echocare_core.result_files import REPORT_HTML
from echocare_core.results.page.aside import list_set_aside
from echocare_core.results.page.document import Document, package_version
from echocare_core.results.page.report import citation
from echocare_core.results.wording import counted
from echocare_core.routing.candidates import Candidate
from echocare_core.routing.card import Thumbnails, card
from echocare_core.routing.routed import Route, Routed
from echocare_core.types import SetAside

_BEGINNING = Template("""<body>
<a class="skip" href="#main">Skip to the images</a>
<header>
<p class="brand">EchoCare, open <span>version $version</span></p>
<h1>What the images show</h1>
<p class="summary">$summary</p>
<p class="meta">Written <time datetime="$iso">$written</time></p>
</header>
<aside class="notice" aria-label="Intended use">
<p><strong>Not a medical device.</strong> What an image shows is a guess of software for research, and so is every
number. Nobody has checked them; they must not be used for diagnosis or treatment.</p>
</aside>
<main id="main" tabindex="-1">
<ul class="tiles">$tiles</ul>
""")

_SECTION = Template("""<section aria-labelledby="$anchor"><h2 id="$anchor" tabindex="-1">$title</h2>
<p class="lead">$lead</p>
<ul class="cards">
""")

_END = Template("""<section aria-labelledby="made"><h2 id="made">How it was made</h2>
<p><code>$name</code> $version looked at each still, and at the first, the middle and the last frame of each cine; then
the bundles that are meant for what it saw were run. Their own pages, linked here, say how their numbers were made. In
the images it learned from, organ and scanner go together: it can take a picture of a scanner that it does not know for
another organ. Look at the pictures before you believe what stands beside them.</p>
<dl class="facts">
<div><dt>Intended use</dt><dd>$intended_use</dd></div>
<div><dt>Weights</dt><dd><code>$weights</code> (SHA-256)</dd></div>
</dl></section>
<section aria-labelledby="files"><h2 id="files">Beside this page</h2>
<ul>
<li><code>results.csv</code>: one row per file: what it shows, how sure that is, which bundles measured it, or why none
did</li>
<li><code>set_aside.csv</code>: every file or frame that was not measured, with the reason</li>
$folders</ul></section>
<section aria-labelledby="cite"><h2 id="cite">How to cite</h2>
<p class="citation">$citation</p></section>
</main>
</body>
</html>
""")


def write_page(
    folder: Path,
    routed: Routed,
    recogniser: Path,
    candidates: Sequence[Candidate],
    *,
    written: datetime | None = None,
) -> None:
    """Write `report.html` into the folder that the results of the bundles stand in.

    Args:
        folder: where it will stand.
        routed: what became of each file.
        recogniser: folder of the bundle that tells organs.
        candidates: all bundles that might have been run.
        written: date and time on the page, with its time zone; now when None.
    """
    written = written or datetime.now().astimezone()
    thumbnails = Thumbnails(folder / recogniser.name)
    with (folder / REPORT_HTML).open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.writelines(_pieces(routed, recogniser, candidates, thumbnails, written))


def _pieces(
    routed: Routed, recogniser: Path, candidates: Sequence[Candidate], thumbnails: Thumbnails, written: datetime
) -> Iterator[str]:
    groups = list(_groups(routed, candidates))
    unread = [route for route in routed.routes if route.is_unread]
    yield Document("What the images show", ("base.css", "routes.css")).head
    yield _BEGINNING.substitute(
        version=escape(package_version()),
        summary=escape(printable(str(routed).splitlines()[0])),
        iso=written.isoformat(timespec="seconds"),
        written=escape(f"{written:%Y-%m-%d %H:%M %Z}".strip()),
        tiles="".join(_tile(*about) for about in [*((g[0], g[1], len(g[3])) for g in groups), *_of_unread(unread)]),
    )
    for anchor, title, lead, routes in groups:
        yield _SECTION.substitute(anchor=escape(anchor), title=escape(title), lead=lead)
        yield from (card(route, thumbnails) for route in routes)
        yield "</ul></section>\n"
    if unread:
        yield list_set_aside([SetAside(route.source, route.reason) for route in unread])
    yield _end(routed, recogniser)


def _groups(routed: Routed, candidates: Sequence[Candidate]) -> Iterator[tuple[str, str, str, list[Route]]]:
    """Anchor, title, what is said first (HTML) and the files of each section that has some."""
    for one in candidates:
        routes = [route for route in routed.routes if one.name in (ran.bundle for ran in route.ran)]
        if routes:
            page = f'<a href="{escape(one.name)}/{REPORT_HTML}">its page</a>'
            lead = f"{counted(len(routes), 'file')}, measured by <code>{escape(one.name)}</code>: {page}."
            yield f"by-{one.name}", one.title, lead, routes
    left = [route for route in routed.routes if route.reason and not route.is_unread]
    others = sorted((route for route in left if route.lineage), key=lambda route: route.lineage)
    if others:
        yield (
            "others",
            "Not measured",
            "No installed bundle is meant for what these show, or it could not be run.",
            others,
        )
    none = [route for route in left if not route.lineage]
    if none:
        yield "none", "None of these", "These do not look like ultrasound that the bundles know.", none


def _of_unread(unread: Sequence[Route]) -> list[tuple[str, str, int]]:
    return [("aside", "Not read", len(unread))] if unread else []


def _tile(anchor: str, name: str, number: int) -> str:
    return f'<li><a href="#{escape(anchor)}"><strong>{number:,}</strong>{escape(name)}</a></li>'


def _end(routed: Routed, recogniser: Path) -> str:
    about = read_card(recogniser)
    folders = [recogniser.name, *routed.bundles]
    return _END.substitute(
        name=escape(about.name),
        version=escape(about.version),
        intended_use=escape(about.intended_use),
        weights=escape(about.weights_sha256),
        folders="".join(map(_folder, folders)),
        citation=citation(about),
    )


def _folder(name: str) -> str:
    return f'<li><a href="{escape(name)}/{REPORT_HTML}"><code>{escape(name)}/</code></a>: its results</li>\n'
