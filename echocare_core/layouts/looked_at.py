"""Pictures that were found, looked at: whether each can be read, its mask, and whether another one shows the same."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.progress import track

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.layouts.found import Found, below
from echocare_core.types import SetAside

MANY = 200  # pictures, which take seconds
KEPT_FIRST = ("test", "val", "train", "")  # of copies: a test stays the test that others measured on


@dataclass(frozen=True)
class LookedAt:
    """A picture that can be read.

    Attributes:
        found: as its layout gave it.
        digest: of its pixels; None where they are all alike.
        mask: the bytes of a PNG of values 0 and 1 and of its size; None where nobody drew one.
    """

    found: Found
    digest: str | None
    mask: bytes | None


def look_at(pictures: Sequence[Found], folder: Path) -> tuple[list[LookedAt], list[SetAside]]:
    """Decode each picture and draw its mask, with a progress bar where they are many.

    Args:
        pictures: as a layout found them.
        folder: that was read.

    Returns:
        Those that can be used, and the others with the reason.
    """
    kept: list[LookedAt] = []
    set_aside: list[SetAside] = []
    for found in track(pictures, "reading pictures", transient=True, disable=len(pictures) < MANY):
        try:
            kept.append(_look(found))
        except UnreadableFrames as fault:
            set_aside.append(SetAside(below(found.path, folder), fault.reason))
        except ValueError as fault:
            set_aside.append(SetAside(below(found.path, folder), str(fault)))
    return kept, set_aside


def _look(found: Found) -> LookedAt:
    frames = read_frames(found.path)
    pixels = frames.pixels[0]
    digest = None if pixels.min() == pixels.max() else hashlib.sha256(pixels.tobytes()).hexdigest()
    if found.draw is None:
        return LookedAt(found, digest, None)
    png = io.BytesIO()
    Image.fromarray(found.draw(frames.size)).save(png, "PNG")
    return LookedAt(found, digest, png.getvalue())


def leave_out_copies(pictures: Sequence[LookedAt], folder: Path) -> tuple[list[LookedAt], list[SetAside]]:
    """Leave out pictures that another group has too, pixel for pixel, since a training refuses them.

    Of copies the one stays that is in `test`, else in `val`, else in `train`; none where they say different things.

    Args:
        pictures: of a data set.
        folder: that was read.

    Returns:
        Those that stay, and the others with the reason.
    """
    alike: dict[str, list[LookedAt]] = defaultdict(list)
    for one in pictures:
        if one.digest:
            alike[one.digest].append(one)
    reasons: dict[str, str] = {}
    for copies in alike.values():
        if len({one.found.group for one in copies}) > 1:
            reasons |= _reasons(copies, folder)
    return (
        [one for one in pictures if one.found.name not in reasons],
        [
            SetAside(below(one.found.path, folder), reasons[one.found.name])
            for one in pictures
            if one.found.name in reasons
        ],
    )


def _reasons(copies: Iterable[LookedAt], folder: Path) -> dict[str, str]:
    """Why copies are left out, by the names of their pictures."""
    ordered = sorted((one.found for one in copies), key=lambda found: KEPT_FIRST.index(found.split))
    if labels := sorted({found.label for found in ordered if found.label})[1:]:
        return {found.name: f"shows what another picture shows, as {found.label or labels[0]}." for found in ordered}
    first = ordered[0]
    return {
        found.name: f"shows the same picture as {below(first.path, folder)}, which is used."
        for found in ordered
        if found.group != first.group
    }
