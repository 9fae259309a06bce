"""What a run says of one file, from its rows and the files beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.errors import EchoCareError
from echocare_core.results.dicom.source import Source
from echocare_core.results.table import Row
from echocare_core.types import BundleCard, Details


class NoObject(EchoCareError):  # noqa: N818  (it reads as what was found)
    """No DICOM object can be made of what a run says of a file; the text says why, and names nobody."""


@dataclass(frozen=True)
class Said:
    """What a run says of one file.

    Attributes:
        source: the file, a DICOM object.
        card: of the bundle.
        folder: in which the files of the rows stand, masks and overlays among them.
        rows: of `results.csv`, in the order of the run; all are about this file.
        details: of each row.
    """

    source: Source
    card: BundleCard
    folder: Path
    rows: Sequence[Row]
    details: Sequence[Details]

    @property
    def spacing_mm(self) -> tuple[float, float] | None:
        """(row, column) millimetres per pixel; None where the rows name none, or not all the same."""
        found = {(row["spacing_row_mm"], row["spacing_column_mm"]) for row in self.rows}
        row_mm, column_mm = found.pop()
        if found or not isinstance(row_mm, float) or not isinstance(column_mm, float):
            return None
        return row_mm, column_mm

    def read_mask(self, row: Row) -> NDArray[np.uint8]:
        """The mask of a row, uint8 (height, width) of the stored frame.

        Raises:
            NoObject: it has other pixels.
        """
        with Image.open(self.folder / str(row["mask"])) as picture:
            mask = np.asarray(picture)
        if mask.shape != self.source.size:
            (height, width), (rows, columns) = mask.shape, self.source.size
            raise NoObject(f"its mask has {width}x{height} px and its stored frames have {columns}x{rows} px.")
        return mask
