"""Pictures of one bit per pixel, as DICOM packs them (PS3.5 8.1.1, D)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def pack(frames: Iterable[NDArray[np.bool_]]) -> bytes:
    """Pack frames one behind the other, the first pixel in the lowest bit; a frame may begin within a byte.

    Args:
        frames: bool (height, width) each; one is needed at a time.

    Returns:
        Of an even length, padded with zero.
    """
    rest, parts = np.zeros(0, dtype=bool), []
    for frame in frames:
        bits = np.concatenate([rest, frame.reshape(-1)])
        whole = len(bits) // 8 * 8
        parts.append(np.packbits(bits[:whole], bitorder="little").tobytes())
        rest = bits[whole:]
    content = b"".join([*parts, np.packbits(rest, bitorder="little").tobytes()])
    return content + b"\0" * (len(content) % 2)
