"""Which pixels of a picture show blood in colour: not the colour bar, not drawings, not a tinted grey map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echocare_core.types import Region

Mask = NDArray[np.bool_]
# Distances are between colours of 0 to 255, chosen by eye on 160 pictures of MMOTU and of BUSI (train, val): JPEG moves
# greys by less than 16, and Doppler colours stand at 60 and more.
COLOURED, LIT = 36.0, 32.0
FLAT, FLAT_SHARE = 40.0, 0.9  # a drawing has one colour, up to what JPEG makes of it, in this share of its pixels
ONE_HUE, STROKE = 0.93, 0.006  # length of the mean of its hues' unit vectors; half the width of a letter's stroke, of
# the picture's shorter side
BAR_LONGER, BAR_FILLED, BAR_EVEN = 3.0, 0.8, 14.0  # than wide; of its box; from one pixel to the next across it
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def find_colour_doppler(picture: NDArray[np.uint8], regions: Sequence[Region] = ()) -> Mask:
    """Find the pixels of colour Doppler.

    Where a region says it is colour flow, only its box is searched; else the whole picture but for regions that say
    they show something else, such as a spectrum or the colour bar. In there, a pixel counts that is coloured, and not
    as the grey map is (which may be tinted), in a patch that is more than a line, is no bar and has more than one
    colour. Blue or red letters whose strokes run together are taken for flow: mask text first where that matters.

    Args:
        picture: uint8 RGB (height, width, 3).
        regions: of the picture, from `Frames.regions`; none where the file names none.

    Returns:
        bool (height, width), True = blood or tissue moving. All False for a picture without colour.
    """
    coloured = (np.linalg.norm(colour_beside_map(picture), axis=2) > COLOURED) & _search_area(
        picture.shape[:2], regions
    )
    solid = ndimage.binary_propagation(ndimage.binary_opening(coloured, np.ones((3, 3))), mask=coloured)
    patches, _ = ndimage.label(solid, np.ones((3, 3)))
    stroke = 2 * max(round(STROKE * min(solid.shape)), 1) + 1
    for number, place in enumerate(ndimage.find_objects(patches), start=1):
        patch = patches[place] == number
        if _is_bar(picture[place], patch) or _is_drawing(picture[place], patch, stroke):
            solid[place] &= ~patch
    return solid


def colour_beside_map(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far the colour of each pixel is from that of the grey map at its brightness.

    A map is tinted where most of what is lit has a colour: then its own is found at each brightness. Else it is grey.

    Args:
        picture: uint8 RGB (height, width, 3).

    Returns:
        Differences of red, green and blue in grey levels, float32 (height, width, 3); near 0 where the map alone shows.
    """
    colours = picture.astype(np.float32)
    brightness = colours @ LUMA
    chroma: NDArray[np.float32] = colours - brightness[..., np.newaxis]
    lit = brightness >= LIT
    if lit.any() and np.median(np.linalg.norm(chroma[lit], axis=1)) > COLOURED / 3:
        chroma -= _tint(chroma, brightness)
    return chroma


def _search_area(size: tuple[int, ...], regions: Sequence[Region]) -> Mask:
    """Where colour Doppler may be, as far as regions say."""
    named = [region for region in regions if region.kind == "colour_flow"]
    searched = np.full(size, not named)
    for region in named:
        searched[_slices(region)] = True
    for region in regions:
        if region.kind not in ("tissue", "colour_flow", "other"):
            searched[_slices(region)] = False
    return searched


def _slices(region: Region) -> tuple[slice, slice]:
    top, left, bottom, right = region.box
    return slice(top, bottom), slice(left, right)


def _tint(chroma: NDArray[np.float32], brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour of the map at the brightness of each pixel.

    It is followed from the commonest brightness up and down: at each step it is the median of what is near the colour
    of the step before, so that flow or a mark, of which a brightness may have more pixels than of tissue, is not taken
    for it.
    """
    steps = (brightness / 8).astype(np.intp)
    commonest = int(np.bincount(steps[brightness >= LIT]).argmax())
    colours = np.zeros((int(steps.max()) + 1, 3), dtype=np.float32)
    for way in (range(commonest, len(colours)), range(commonest, -1, -1)):
        colour = np.median(chroma[steps == commonest], axis=0)
        for step in way:
            there = chroma[steps == step]
            near = there[np.linalg.norm(there - colour, axis=1) < COLOURED]
            colour = np.median(near, axis=0) if len(near) else colour
            colours[step] = colour
    tint: NDArray[np.float32] = colours[steps]
    return tint


def _is_bar(picture: NDArray[np.uint8], patch: Mask) -> bool:
    """A filled upright or lying strip whose colour changes along it, not across it."""
    height, width = patch.shape
    short = 1 if height >= width else 0
    if max(patch.shape) < BAR_LONGER * min(patch.shape) or patch.mean() < BAR_FILLED:
        return False
    middle = np.take(picture, range(1, max(patch.shape[short] - 1, 2)), axis=short).astype(np.float32)
    across = np.abs(np.diff(middle, axis=short))
    return across.size == 0 or float(across.mean()) < BAR_EVEN


def _is_drawing(picture: NDArray[np.uint8], patch: Mask, stroke: int) -> bool:
    """Text, rulers and icons are drawn in one colour, or what scaling and JPEG left of it: one hue that is yellow or
    green, which slow flow never is, or any hue in strokes no wider than `stroke` px."""
    core = ndimage.binary_erosion(patch, np.ones((3, 3)))
    colours = picture[core if core.any() else patch].astype(np.float32)
    away = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    if float((away < FLAT).mean()) >= FLAT_SHARE:
        return True
    hues = picture[patch] - (picture[patch] @ LUMA)[:, np.newaxis]
    hues /= np.maximum(np.linalg.norm(hues, axis=1, keepdims=True), 1.0)
    mean = hues.mean(axis=0)
    if float(np.linalg.norm(mean)) < ONE_HUE:
        return False
    return mean[1] > 0 or not ndimage.binary_opening(np.pad(patch, stroke), np.ones((stroke, stroke))).any()
