"""Colours as DICOM recommends them for display (PS3.3 C.10.7.1.1)."""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2lab


def cielab_of(colour: tuple[int, int, int]) -> list[int]:
    """An RGB colour, 0 to 255 each, as PCS-Values: L* 0 to 100 and a*, b* -128 to 127 spread over 16 bits."""
    lightness, a, b = rgb2lab(np.array([[colour]], dtype=np.uint8))[0, 0]
    return [round(lightness / 100 * 0xFFFF), round((a + 128) / 255 * 0xFFFF), round((b + 128) / 255 * 0xFFFF)]
