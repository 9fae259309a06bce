"""A bundle and a frame small enough to be written in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from chromium import chromium, open_page

from echocare_core.types import BundleCard, Mask, Measurement, Prediction

__all__ = ["chromium", "open_page"]  # fixtures


@pytest.fixture
def card() -> BundleCard:
    return BundleCard("lesion_bundle", "1.2.0", "Lesion outline", "Research on phantoms.", "ab" * 32)


@pytest.fixture
def frame_of() -> Callable[..., Prediction]:
    """Makes a Prediction of 60 x 80 pixels: a disc of label 1 and two measurements; any field can be given."""

    def make(source: str = "STUDY1/IM0001", frame: int = 0, **fields: Any) -> Prediction:
        rows, columns = np.mgrid[:60, :80]
        disc = ((rows - 30) ** 2 + (columns - 40) ** 2 < 15**2).astype(np.uint8)
        given = {
            "image": np.random.default_rng(frame).integers(0, 256, (60, 80, 3), dtype=np.uint8),
            "outputs": (
                Mask(disc, {1: "lesion"}),
                Measurement("lesion_area", 123.4, "mm2"),
                Measurement("long_axis", 12.34567, "mm"),
            ),
            "spacing_mm": (0.25, 0.25),
        }
        return Prediction(source, frame=frame, **{**given, **fields})

    return make
