"""How small and how large a picture may be; outside of that a file shows nothing or its header is damaged or a trap."""

from __future__ import annotations

from echocare_core.errors import PixelDataError

SMALLEST_PX = 16  # of a side
# Of a whole picture, 4096x4096: twice the largest screen that a scanner draws on (3840x2160), and a photograph of one.
# As uint8 RGB such a picture has 48 MiB, as the float32 that a network is given 192 MiB.
LARGEST_PX = 1 << 24
BORDERS_PX = 1 << 20  # that a video decoder lays around such a picture, to whole blocks


def check_size(height: int, width: int) -> None:
    """Refuse a picture that is too small or too large, before memory is spent on it.

    Raises:
        PixelDataError: a side is below 16 px, or the picture larger than any.
    """
    if height * width > LARGEST_PX:
        raise PixelDataError(
            f"is {width}x{height} px, larger than any ultrasound picture ({LARGEST_PX >> 20} megapixels are read). "
            "Export it again, or make it smaller."
        )
    if min(height, width) < SMALLEST_PX:
        raise PixelDataError(
            f"is {width}x{height} px; a picture has {SMALLEST_PX}x{SMALLEST_PX} px at least. Leave it out of the "
            "export."
        )
