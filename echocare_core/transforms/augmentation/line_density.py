"""Line density: few beams, and grey between them filled in."""

from __future__ import annotations

import math

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field, sample_pixels

PER_LINE, PER_PIXEL = 3, 2  # fewest places across a beam whose mean it is; places along it for each row


class RandLineDensityd(RandomChange):
    """Record the picture again with a number of beams, each as wide as its share of the field, and interpolate between
    them: lateral resolution falls with depth, that along the beams stays.

    MONAI's `RandSimulateLowResolutiond` makes pictures coarser in both directions, `RandGaussianSmoothd` smoother by
    the same width at every depth.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        lines: least and greatest number of beams.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(self, keys: KeysCollection, prob: float, lines: Range, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.lines = check_range(self, "lines", lines, 4)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        field = find_scan_field(picture)
        if field is None:
            return picture
        lines = round(generator.uniform(*self.lines))
        across = max(PER_LINE, math.ceil(picture.shape[-1] / lines))
        rows, columns = PER_PIXEL * picture.shape[-2], across * lines
        depth, beam = (np.arange(rows) / (rows - 1)).astype(np.float32), (np.arange(columns) + 0.5) / columns
        along = field.sample(picture, *np.meshgrid(depth, beam.astype(np.float32), indexing="ij"))
        recorded = along.reshape(len(along), rows, lines, across).mean(axis=3)
        shown = sample_pixels(recorded, field.beam * lines - 0.5, field.depth * (rows - 1), padding_mode="border")
        return np.where(field.inside, shown, picture)
