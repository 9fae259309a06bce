"""Pictures that are decoded when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray


class LazyPixels(Sequence[NDArray[np.uint8]]):
    """A sequence of uint8 RGB arrays (height, width, 3); indexing it decodes that one frame, into a new array.

    Nothing is kept where a frame can be read alone. Each process keeps the last two inflated objects and videos
    (`dicom.deflated`, `dicom.video`), which cannot.

    A subclass is a frozen dataclass of plain values, so that it travels to worker processes by pickle.
    """

    @abstractmethod
    def decode(self, number: int) -> NDArray[np.uint8]:
        """Decode one frame, 0 <= number < len(self): uint8 RGB (height, width, 3).

        Raises:
            UnreadableFrames: the frame is damaged or is not the size its header says.
        """

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NDArray[np.uint8]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.uint8] | Sequence[NDArray[np.uint8]]:
        if isinstance(index, slice):
            return [self.decode(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return self.decode(int(number))


@dataclass(frozen=True, eq=False)
class FirstFrame(LazyPixels):
    """The first frame of pixels whose frames are all the same.

    Attributes:
        whole: all of them.
    """

    whole: Sequence[NDArray[np.uint8]]

    def __len__(self) -> int:
        return 1

    def decode(self, number: int) -> NDArray[np.uint8]:
        return self.whole[number]
