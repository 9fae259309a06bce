"""A bundle and a frame small enough to be written in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from echocare_core.types import BundleCard, Measurement, Prediction


@pytest.fixture
def card() -> BundleCard:
    return BundleCard("lesion_bundle", "1.2.0", "Lesion outline", "Research on phantoms.", "ab" * 32)


@pytest.fixture
def frame_of() -> Callable[..., Prediction]:
    """Makes a Prediction of 60 x 80 pixels with a bright disc, label 1; any field can be given."""

    def make(source: str = "STUDY1/IM0001", frame: int = 0, **fields: Any) -> Prediction:
        rows, columns = np.mgrid[:60, :80]
        image = np.random.default_rng(frame).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        given = {
            "image": image,
            "mask": ((rows - 30) ** 2 + (columns - 40) ** 2 < 15**2).astype(np.uint8),
            "labels": {1: "lesion"},
            "measurements": (Measurement("lesion_area", 123.4, "mm2"), Measurement("long_axis", 12.34567, "mm")),
            "spacing_mm": (0.25, 0.25),
        }
        return Prediction(source, frame, **{**given, **fields})

    return make
