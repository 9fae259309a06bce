"""Where the drawn mask of a case stands, and of which picture it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from echocare_core.assessment.cases import Case
from echocare_core.errors import TableError
from echocare_core.frames.elsewhere import is_elsewhere
from echocare_core.frames.mask_files import place_masks, split_masks
from echocare_core.transforms.of_image import OfImage


class Drawn(NamedTuple):
    """What `read_mask` asks for, but the size and the labels."""

    path: str
    frame: int
    image: OfImage


def drawn_at(case: Case, table: Path) -> Drawn:
    """The drawn mask of a case that speaks of one frame.

    Args:
        case: with a cell `mask`.
        table: folder that the masks of labels are relative to.

    Raises:
        TableError: a file that is not there; without a full stop.
    """
    for name in split_masks(case.cell("mask"), table):
        if not (table / name).is_file():
            raise TableError(f"has the mask {name}, which {is_elsewhere(name) or 'is not there'}")
    row = case.rows[0]
    image = OfImage(row.get("image") or row["source"], row.get("sop_instance_uid", ""))
    return Drawn(place_masks(case.cell("mask"), table), int(row.get("frame") or 0), image)
