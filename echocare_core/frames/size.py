"""How small and how large a picture may be; outside of that a file shows nothing or its header is damaged."""

from __future__ import annotations

from echocare_core.errors import PixelDataError

SMALLEST_PX = 16  # of a side
LARGEST_PX = 1 << 26  # of a whole picture, which is 8192x8192


def check_size(height: int, width: int) -> None:
    """Refuse a picture that is too small or too large, before memory is spent on it.

    Raises:
        PixelDataError: a side is below 16 px, or the picture larger than any.
    """
    if height * width > LARGEST_PX:
        raise PixelDataError(f"is {width}x{height} px, larger than any ultrasound picture. Export it again.")
    if min(height, width) < SMALLEST_PX:
        raise PixelDataError(
            f"is {width}x{height} px; a picture has {SMALLEST_PX}x{SMALLEST_PX} px at least. Leave it out of the "
            "export."
        )
