"""What the tags of a TIFF (TIFF 6.0, section 8) say of its numbers and pages, which Pillow reads otherwise or not."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from echocare_core.errors import PixelDataError

BITS, PHOTOMETRIC, DESCRIPTION, SAMPLE_FORMAT = 258, 262, 270, 339
WHITE_IS_ZERO, UNSIGNED, SIGNED = 0, 1, 2
# How ImageJ, OME and tifffile write that pages lie behind each other in space, and by how much.
PLANES = re.compile(r"^slices=(?!1$)|SizeZ=\"(?!1\")|\"axes\": \"[^\"]*Z", re.MULTILINE)
STEP = re.compile(r"^spacing=|PhysicalSizeZ=|\"spacing\":", re.MULTILINE)
THIRD_AXIS = "Its pages are taken for time: the file calls them planes, and may be a cine or a volume."


def check_numbers(image: Image.Image) -> None:
    """Refuse a page whose numbers Pillow would not give as they are: cut to their upper bits, wrapped or inverted.

    Raises:
        PixelDataError: it is one; the sentence says of which kind.
    """
    bits, kind = _tag(image, BITS, 1), _tag(image, SAMPLE_FORMAT, UNSIGNED)
    if len(bits) > 1 and max(bits) > 8:
        raise PixelDataError(f"has {max(bits)} bits in each colour; 8 are read of a TIFF. Export it as 8-bit, or PNG.")
    if SIGNED in kind and max(bits) <= 8:
        raise PixelDataError("holds signed numbers of 8 bits, which no picture has. Export it as unsigned.")
    if max(bits) > 8 and _tag(image, PHOTOMETRIC, 1) == (WHITE_IS_ZERO,):
        raise PixelDataError(f"has white as zero in {max(bits)} bits, which is not read. Export it with black as zero.")
    if max(bits) > 16 and kind == (UNSIGNED,):
        raise PixelDataError(f"holds whole numbers of {max(bits)} bits; 16 are read. Export it as 16-bit.")


def notes_on_pages(image: Image.Image, pages: int) -> tuple[str, ...]:
    """What must be said of a TIFF that calls its pages planes; ImageJ does so with any stack, cines among them.

    Raises:
        PixelDataError: it is a volume: it says how far apart the planes are.
    """
    description = str(image.tag_v2.get(DESCRIPTION, "")) if isinstance(image, TiffImageFile) else ""
    if pages == 1 or not PLANES.search(description):
        return ()
    if STEP.search(description):
        raise PixelDataError(
            "is a 3-D volume by its own description, which names the step between its planes; 2-D stills and cines are "
            "read. Export its planes, or save time as frames."
        )
    return (THIRD_AXIS,)


def _tag(image: Image.Image, number: int, default: int) -> tuple[int, ...]:
    found: Any = image.tag_v2.get(number, default) if isinstance(image, TiffImageFile) else default
    return found if isinstance(found, tuple) else (found,)
