"""Class activation maps beside drawn masks: how much of what spoke for the class lies on the lesion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.drawn import drawn_at
from echocare_core.assessment.kinds.question import lost
from echocare_core.bundle import read_json
from echocare_core.evaluation.mask_scores import share_inside
from echocare_core.results.table import evidence_of
from echocare_core.tasks.class_activation import IN_MASK, MASK_SHARE, read_lesion

OF_MAPS = (  # name, words, which way is better
    (IN_MASK, "Share of the class activation inside the drawn mask", "higher"),
    (MASK_SHARE, "Share of the scan that the drawn mask takes: what chance would give", ""),
)
EVALUATE, LESION = "configs/evaluate.json", "lesion"


class ActivationMaps:
    """The maps of one question in a folder of results.

    Args:
        column: of `results.csv` that names their files.
        results: folder that these are relative to.
        table: folder that the masks of labels are relative to.
        lesion: label number of the lesion in drawn masks; None: all that is drawn is.
        threshold: of drawn masks; see `read_mask`.
    """

    def __init__(self, column: str, results: Path, table: Path, lesion: int | None, threshold: int | None) -> None:
        self.column, self.results, self.table = column, results, table
        self.lesion, self.threshold = lesion, threshold

    def score(self, case: Case) -> dict[str, float]:
        """`activation_in_mask` and `mask_share` of a case with one frame, a map and a mask; else nothing.

        Raises:
            OutputError: the map is gone or damaged.
            TableError: a mask that is not there or cannot be read, or of another size; without a full stop.
        """
        row = case.rows[0]
        if len(case.rows) > 1 or not row.get(self.column) or not case.cell("mask"):
            return {}
        path = self.results / row[self.column]
        try:
            with Image.open(path) as picture:
                evidence = evidence_of(np.asarray(picture))
        except OSError:
            raise lost(path) from None
        drawn = drawn_at(case, self.table)
        mask = read_lesion(
            drawn.path, evidence.shape, self.lesion, threshold=self.threshold, frame=drawn.frame, image=drawn.image
        )
        return dict(zip((IN_MASK, MASK_SHARE), share_inside(evidence, mask), strict=True))


def read_lesion_label(bundle: Path) -> int | None:
    """What a bundle's own evaluation takes for the lesion in drawn masks: `lesion` of its evaluate.json, if any."""
    path = bundle / EVALUATE
    return read_json(path).get(LESION) if path.is_file() else None
