"""A study and a bundle for the tests of what runs in MONAI Deploy, which has an environment of its own (`.ci/run`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ultrasound_files import region, write_ultrasound

BUNDLES = Path(__file__).parents[3] / "bundles"


@pytest.fixture
def bundle() -> Path:
    """The folder of a bundle for stills and cines."""
    return BUNDLES / "fetal_head_segmentation"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A calibrated still with a bright corner, a cine of three frames, and a text file."""
    folder = tmp_path / "study"
    folder.mkdir()
    speckle = np.random.default_rng(3).integers(0, 160, (4, 120, 200, 3), dtype=np.uint8)
    speckle[:, :10, -20:] = 255
    write_ultrasound(folder / "IM1", speckle[:1], regions=[region((0, 0, 120, 200), (0.4, 0.4))])
    write_ultrasound(folder / "IM2", speckle[1:])
    (folder / "readme.txt").write_text("text")
    return folder
