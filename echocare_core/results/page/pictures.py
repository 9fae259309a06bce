"""Where the pictures of a page come from, one after the other: never all of them in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from echocare_core.results.page.document import safe_json
from echocare_core.results.page.picture import LONGEST_SIDE, smaller_picture, waiting_path
from echocare_core.results.page.spaced import evenly_spaced

PictureSource = Callable[[str], str | None]  # path of an overlay, as its row has it -> JSON of its picture

MOST_BYTES = 64 << 20  # of the pictures of one page: what a browser of a ward's PC opens at once
SMALLER_SIDES = (480, 360, 256)  # pixels, where they would be more
_BEGIN, _END = '<script type="application/json" class="picture" id="picture-', "</script>\n"


class WaitingPictures:
    """The pictures of a run that wait in its folder until the page is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, overlay: str) -> str | None:
        path = self._folder / waiting_path(overlay)
        return path.read_text(encoding="ascii") if path.is_file() else None


class PagePictures:
    """The pictures of a page that was written before.

    Args:
        page: its path.
        prefix: of the paths by which they are asked for, which that page has not.

    Raises:
        OSError: it is not there.
    """

    def __init__(self, page: Path, prefix: str = "") -> None:
        self._page, self._prefix = page, prefix
        self._places = dict(_places_of(page))

    def __call__(self, overlay: str) -> str | None:
        place = self._places.get(overlay.removeprefix(self._prefix))
        if place is None:
            return None
        with self._page.open("rb") as file:
            file.seek(place[0])
            return file.read(place[1]).decode("utf-8")


def _places_of(page: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """The overlay of each picture on a page, with where its JSON begins and how long it is."""
    start = 0
    with page.open("rb") as file:
        for line in file:
            if line.startswith(_BEGIN.encode()) and line.endswith(_END.encode()):
                head, _, rest = line.partition(b">")
                overlay = head.decode("utf-8").partition('data-of="')[2].removesuffix('"')
                yield unquote(overlay), (start + len(head) + 1, len(rest) - len(_END))
            start += len(line)


def picture_elements(wanted: Sequence[tuple[int, str, PictureSource]]) -> Iterator[str]:
    """The pictures as elements that a script reads, one a line; smaller or fewer where there are very many.

    Args:
        wanted: number of the picture on the page, its overlay, and where it comes from.
    """
    side, kept = _fitting(wanted)
    for number, overlay, source in kept:
        text = source(overlay)
        if text is not None:
            text = text if side == LONGEST_SIDE else smaller_picture(text, side)
            yield f'{_BEGIN}{number}" data-of="{quote(overlay)}">{safe_json(text)}{_END}'


def _fitting(
    wanted: Sequence[tuple[int, str, PictureSource]],
) -> tuple[int, Sequence[tuple[int, str, PictureSource]]]:
    """How large the pictures may be, and which of them there is room for: judged by a few of them."""
    some = [len(text) for _, overlay, source in evenly_spaced(wanted, 200) if (text := source(overlay))]
    whole = sum(some) / max(1, len(some)) * len(wanted)
    for side in (LONGEST_SIDE, *SMALLER_SIDES):
        share = (side / LONGEST_SIDE) ** 1.6  # smaller ones have more bytes a pixel
        if whole * share <= MOST_BYTES:
            return side, wanted
    return SMALLER_SIDES[-1], evenly_spaced(wanted, int(len(wanted) * MOST_BYTES / (whole * share)))
