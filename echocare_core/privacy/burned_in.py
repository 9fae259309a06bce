"""What of a picture may hold burned-in text: all outside its regions, all outside the scan sector, and text within."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.sector import scan_extent
from echocare_core.privacy.text import find_text
from echocare_core.types import Frames

SAMPLED = 8  # frames that say what is constant in a cine
AROUND = 0.01  # by which the sector is widened, as a share of the picture's longer side; text there is found as text
TRACES = ("m_mode", "spectral")  # regions without a sector, kept whole


@dataclass(frozen=True, eq=False)
class BurnedIn:
    """Where every frame of a file is blanked.

    Attributes:
        outside: bool (height, width), True outside the regions and the sector.
        lines: bool (height, width), True on lines of text that stand still.
        count: how many lines of text stand still.
    """

    outside: NDArray[np.bool_]
    lines: NDArray[np.bool_]
    count: int

    def mask_of(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], int]:
        """What to blank in one frame, uint8 RGB (height, width, 3): bool (height, width); and how many lines of text
        inside the sector are only in this frame."""
        masked = self.outside | self.lines
        seen = 0
        for top, left, bottom, right in find_text(picture):
            box = masked[top:bottom, left:right]
            seen += not box.all()
            box[:] = True
        return masked, seen


def find_burned_in(frames: Frames) -> BurnedIn:
    """Look at a file once, before its frames are blanked one by one.

    Regions first (PS3.3 C.8.5.5): what lies outside them goes. In a 2-D region, or the whole picture where none is
    named, what lies outside the scan sector goes. M-mode and spectral regions are kept. Text is then looked for
    everywhere, in the darkest of some frames, where tissue that moves has faded, and later in each frame.

    Raises:
        UnreadableFrames: a frame is damaged, or the picture shows no scan.
    """
    darkest, brightest = _extremes(frames)
    inside = np.zeros(frames.size, dtype=np.bool_)
    for top, left, bottom, right in _scan_boxes(frames):
        inside[top:bottom, left:right] |= _sector(brightest[top:bottom, left:right])
    for region in frames.regions:
        if region.kind in TRACES:
            top, left, bottom, right = region.box
            inside[top:bottom, left:right] = True
    if not inside.any():
        raise UnreadableFrames(frames.path, "shows no scan: nothing of it would be left. Look at it.")
    lines, count = np.zeros(frames.size, dtype=np.bool_), 0
    for top, left, bottom, right in find_text(darkest):
        count += bool(inside[top:bottom, left:right].any())
        lines[top:bottom, left:right] = True
    return BurnedIn(~inside, lines, count)


def _scan_boxes(frames: Frames) -> Iterator[tuple[int, int, int, int]]:
    """(top, left, bottom, right) of the regions that have a sector."""
    for kind in ("tissue", "colour_flow"):
        boxes = [region.box for region in frames.regions if region.kind == kind]
        if boxes:
            yield from boxes
            return
    if not frames.regions:
        yield (0, 0, *frames.size)


def _extremes(frames: Frames) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The darkest and the brightest each pixel was, channel by channel, over evenly spaced frames."""
    numbers = np.unique(np.linspace(0, len(frames) - 1, SAMPLED).round().astype(int))
    darkest = frames.pixels[int(numbers[0])].copy()
    brightest = darkest.copy()
    for number in numbers[1:]:
        picture = frames.pixels[int(number)]
        np.minimum(darkest, picture, out=darkest)
        np.maximum(brightest, picture, out=brightest)
    return darkest, brightest


def _sector(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the probe may have looked, dim tissue included, and a little around it: bool, as large as the picture."""
    radius = max(1, round(AROUND * max(picture.shape)))
    inside = scan_extent(picture).astype(np.uint8)
    return np.asarray(maximum_filter(inside, 2 * radius + 1, mode="constant") > 0)
