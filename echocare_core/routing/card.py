"""One file on the page over all: its picture, what it shows, and where to read on."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from echocare_core.result_files import REPORT_HTML
from echocare_core.results.page.article import breakable
from echocare_core.results.page.picture import smaller_picture
from echocare_core.results.page.pictures import MOST_BYTES, PagePictures
from echocare_core.results.wording import counted, name_text
from echocare_core.routing.routed import Route

LONGEST_SIDE = 320  # pixels, of a picture on the page


class Thumbnails:
    """Small pictures of files, from the page of the bundle that looked at all of them, as long as there is room.

    Args:
        folder: of its results.
    """

    def __init__(self, folder: Path) -> None:
        self._pictures = PagePictures(folder / REPORT_HTML)
        self._left = MOST_BYTES

    def __call__(self, overlay: str) -> str:
        """Address of the picture as data, "" where there is none."""
        text = self._pictures(overlay) if overlay and self._left > 0 else None
        if text is None:
            return ""
        source = str(json.loads(smaller_picture(text, LONGEST_SIDE))["src"])
        self._left -= len(source)
        return source


def card(route: Route, thumbnails: Thumbnails) -> str:
    """A file as HTML."""
    link = route.ran[0].link if route.ran else route.look
    folder, slash, name = route.source.rpartition("/")
    above = f'<span class="above">{breakable(folder + slash)}</span>' if folder else ""
    return (
        f'<li class="card"><a class="shot" href="{escape(link)}" tabindex="-1" aria-hidden="true">'
        f"{_picture(route, thumbnails)}</a>"
        f'<div class="about"><p class="name">{above}<a href="{escape(link)}">{breakable(name)}</a></p>\n'
        f"{_shows(route)}{_said(route)}</div></li>\n"
    )


def _picture(route: Route, thumbnails: Thumbnails) -> str:
    source = thumbnails(route.overlay)
    return f'<img src="{source}" alt="" loading="lazy" decoding="async">' if source else ""


def _shows(route: Route) -> str:
    *above, last = route.lineage or ("none of these",)
    region = "".join(f'<span class="region">{escape(name)} › </span>' for name in above)
    percent = 100 * (route.probability or 0.0)
    bar = (
        '<svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="ground" width="100" height="4"/><rect class="bar" width="{percent:.0f}" height="4"/></svg>'
    )
    frames = f", {counted(route.frames, 'frame')}" if route.frames > 1 else ""
    taken = f", taken for {escape(route.taken_for)}" if route.taken_for else ""
    return (
        f'<p class="shows">{region}<strong>{escape(name_text(last))}</strong>{taken}{frames}</p>\n'
        f'<p class="sure">{bar}<span>{percent:.0f} %</span></p>\n'
    )


def _said(route: Route) -> str:
    """What its bundles said, or why none did; and how it was told what it shows."""
    told = f'<a href="{escape(route.look)}">why</a>'
    if route.reason:
        return f'<p class="reason">{escape(route.reason)}</p>\n<p class="more">{told}</p>'
    doubted = sum(one.doubted for one in route.ran)
    rows = sum(one.rows for one in route.ran)
    checks = f'<p class="checks">To check{f": {doubted} of {rows} results" if rows > 1 else ""}.</p>\n'
    links = [f'<a href="{escape(one.link)}">{escape(name_text(one.bundle))}</a>' for one in route.ran]
    doubt = f'<p class="checks">{escape(route.doubt)}</p>\n' if route.doubt else ""
    return f'{checks if doubted else ""}{doubt}<p class="more">{" · ".join([*links, told])}</p>'
