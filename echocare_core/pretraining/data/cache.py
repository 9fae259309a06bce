"""Prepared pictures kept in memory that all workers of a data set share."""

from __future__ import annotations

import torch

from echocare_core.errors import SettingsError

GIB = 2**30


class PictureCache:
    """A place in shared memory for each picture of one data set, filled as they are made.

    It is the same memory in every worker, forked or spawned. Two workers that fill one place write the same bytes, and
    a place counts as filled only after its bytes stand.

    Args:
        pictures: how many.
        planes: of each: image, sector and, where there are masks, labels of pixels.
        size: side of a picture in px; each takes planes * size * size bytes, all of them from the start.

    Raises:
        SettingsError: not enough shared memory.
    """

    def __init__(self, pictures: int, planes: int, size: int) -> None:
        try:
            self._stored = torch.empty((pictures, planes, size, size), dtype=torch.uint8).share_memory_()
            self._filled = torch.zeros(pictures, dtype=torch.bool).share_memory_()
        except RuntimeError as error:
            raise SettingsError(
                f"There is no shared memory for {pictures} pictures of {size} px; needed "
                f"{pictures * planes * size * size / GIB:.1f} GiB. Train without the cache, or with smaller pictures."
            ) from error

    def get(self, row: int) -> torch.Tensor | None:
        """A copy of the picture at a row, uint8 (planes, size, size), None where there is none yet."""
        return self._stored[row].clone() if self._filled[row] else None

    def put(self, row: int, stored: torch.Tensor) -> None:
        """Keep a picture, uint8 (planes, size, size)."""
        self._stored[row] = stored
        self._filled[row] = True
