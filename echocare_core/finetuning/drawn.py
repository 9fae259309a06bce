"""Whether the masks of a table can be right: they mark something, and not what lies around it.

No mask of HC18, AUL, BUSI, BUS-BRA, CCAUI and MMOTU, 5,263 of heads, livers, breasts, carotids and ovaries, marks more
than 0.61 of its picture or 0.09 of its border, and the median of none of them is above 0.32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.finetuning.cases import NEEDED

MOST_OF_PICTURE = 0.5  # marked in the median
ALL_ROUND = 0.9  # of the border


class Drawn(NamedTuple):
    """What a mask marks, of whatever label.

    Attributes:
        share: of the picture.
        border: share of its outermost pixels.
    """

    share: float
    border: float


def measure_drawn(mask: NDArray[np.uint8]) -> Drawn:
    """What a mask (height, width) of label numbers marks."""
    marked = mask > 0
    border = np.concatenate([marked[0], marked[-1], marked[:, 0], marked[:, -1]])
    return Drawn(float(marked.mean()), float(border.mean()))


def check_some_drawn(drawn: Mapping[int, Drawn], splits: pd.Series, path: Path) -> None:
    """TableError where no mask of `train`, or none of `val`, marks anything.

    Args:
        drawn: by row.
        splits: of each row.
        path: of the table.
    """
    for split in NEEDED:
        shares = [drawn[row].share for row in splits.index[splits == split]]
        if not any(shares):
            raise TableError(
                f"{path} has {counted(len(shares), 'mask')} in split '{split}' and none that marks anything; needed "
                f"some, or a network learns to find nothing. Draw them, or move rows that have some into '{split}'."
            )


def doubt_drawn(drawn: Mapping[int, Drawn]) -> Iterator[str]:
    """Sentences on masks that look as if 0 stood for what is to be found; right ones of a close view may, too."""
    marking = {row: one for row, one in drawn.items() if one.share}
    around = [row for row, one in marking.items() if one.border > ALL_ROUND]
    asked = "Is what is to be found 0 in them and all else 1? Then stop, invert them and begin anew."
    if around:
        yield (
            f"{len(around)} of {counted(len(marking), 'mask')} mark the border of their picture all round, the first "
            f"in row {min(around) + 1}. {asked}"
        )
    elif marking and (share := median(one.share for one in marking.values())) > MOST_OF_PICTURE:
        yield f"The masks mark {share:.0%} of their picture in the median. {asked}"
