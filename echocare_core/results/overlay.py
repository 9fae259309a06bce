"""The picture a person looks at (overlay) and the picture a program reads (mask)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage.measure import find_contours

from echocare_core.results.caption import draw_caption

# Okabe and Ito (2008), told apart with every kind of colour blindness; the ones that stand out on grey tissue first.
COLOURS = (
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (240, 228, 66),  # yellow
    (204, 121, 167),  # reddish purple
    (0, 158, 115),  # bluish green
    (213, 94, 0),  # vermilion
    (0, 114, 178),  # blue
)
FILL = 0.07  # share of the label's colour inside its outline: the speckle must stay readable
HALO = 0.45  # a thin dark rim beside the line, so that it shows on bright tissue
LEGIBLE_WIDTH = 480  # pixels; narrower pictures are enlarged by a whole factor
MOST_ENLARGED = 4
_SUPERSAMPLING = 4


def draw_overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    labels: Mapping[int, str],
    caption_lines: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """Outline every label on the picture and write what was measured below it, never on it.

    Args:
        image: uint8 RGB (height, width, 3).
        mask: uint8 (height, width), 0 = background.
        labels: name of each value of the mask; a value without a name is called "label n".
        caption_lines: text for the strip below; the legend of the labels stands before it.

    Returns:
        uint8 RGB (factor * height + strip, factor * width, 3); see `enlargement` for the factor. There is no strip
        where there is nothing to say.

    Raises:
        ValueError: the picture is not RGB of 8 bits, or the mask has another size.
    """
    _check(image, mask)
    factor = enlargement(*mask.shape)
    picture = np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)  # every pixel as recorded, only larger
    found = [int(value) for value in np.unique(mask) if value]
    for value in found:
        _draw_label(picture, mask == value, colour_of(value), factor)
    legend = [(colour_of(value), labels.get(value, f"label {value}").replace("_", " ")) for value in found]
    strip = draw_caption(picture.shape[1], legend, caption_lines)
    return np.concatenate([picture, strip])


def mask_image(mask: NDArray[np.uint8]) -> Image.Image:
    """The mask as a palette picture: its pixel values are the label numbers, its palette makes them visible.

    Args:
        mask: uint8 (height, width), 0 = background.

    Returns:
        PIL image of mode "P"; `numpy.asarray` of it, also after saving as PNG, gives the label numbers back.
    """
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8))  # grey ...
    picture.putpalette([0, 0, 0, *(part for value in range(1, 256) for part in colour_of(value))])  # ... now "P"
    return picture


def colour_of(label: int) -> tuple[int, int, int]:
    """RGB colour of a label number, the same in every frame."""
    return COLOURS[(label - 1) % len(COLOURS)]


def enlargement(height: int, width: int) -> int:
    """Whole factor by which the overlay of a picture is enlarged: text and line need some width to be legible."""
    return 1 if height > 4 * width else max(1, min(MOST_ENLARGED, ceil(LEGIBLE_WIDTH / width)))


def _check(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"the picture is {image.dtype} {image.shape}; uint8 RGB (height, width, 3) is needed")
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {mask.shape} and the picture {image.shape[:2]}; they must have the same size")


def _draw_label(
    picture: NDArray[np.uint8], region: NDArray[np.bool_], colour: tuple[int, int, int], factor: int
) -> None:
    """Draw one label into the enlarged picture, touching only the box around it."""
    thickness = max(2.0, min(picture.shape[:2]) / 240)
    top, left, bottom, right = _box(region, margin=ceil((thickness + 2) / factor) + 1)
    inside = region[top:bottom, left:right]
    window = picture[factor * top : factor * bottom, factor * left : factor * right]
    fill = np.repeat(np.repeat(inside, factor, axis=0), factor, axis=1) * FILL
    rim, line = _line(inside, factor, thickness + 2) * HALO, _line(inside, factor, thickness)
    blended = window.astype(np.float32)
    for alpha, paint in ((fill, colour), (rim, (0, 0, 0)), (line, colour)):
        blended += alpha[..., None] * (np.asarray(paint, dtype=np.float32) - blended)
    window[:] = np.rint(blended).astype(np.uint8)


def _box(region: NDArray[np.bool_], margin: int) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what is True, with a margin, inside the picture."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return (
        int(top),
        int(left),
        min(region.shape[0], int(rows[-1]) + margin + 1),
        min(region.shape[1], int(columns[-1]) + margin + 1),
    )


def _line(inside: NDArray[np.bool_], factor: int, thickness: float) -> NDArray[np.float32]:
    """Opacity in [0, 1], (factor * height, factor * width), of an anti-aliased line along the edge of a region."""
    scale = _SUPERSAMPLING * factor
    height, width = inside.shape
    canvas = Image.new("L", (scale * width, scale * height))
    draw = ImageDraw.Draw(canvas)
    width_drawn = 2 * round(_SUPERSAMPLING * thickness / 2) + 1  # odd: Pillow centres only those
    for contour in find_contours(np.pad(inside, 1).astype(np.float32), 0.5):
        corners = np.rint((contour - 0.5) * scale)  # -1 for the pad, +0.5 since a pixel's centre is its middle
        draw.line([(x, y) for y, x in corners], fill=255, width=width_drawn, joint="curve")
    small = canvas.resize((factor * width, factor * height), Image.Resampling.BOX)
    return (np.asarray(small) / 255).astype(np.float32)
