"""Pictures in memory go through a bundle's loader as files do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from ultrasound_files import marked, region, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.transforms import LoadUltrasound
from echocare_core.transforms.in_memory import frames_of_pixels


def test_pixels_with_what_the_file_said_load_as_the_file_does(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "IM1", marked(), regions=[region((2, 3, 20, 30), (0.5, 0.25))])
    frames = read_frames(path)
    meta = {"filename_or_obj": str(path), "spacing_mm": frames.spacing_mm, "scan_box": frames.scan_box}
    from_file, from_memory = (
        LoadUltrasound()(path),
        LoadUltrasound()(MetaTensor(torch.from_numpy(marked()[0]), meta=meta)),
    )

    assert from_memory.tolist() == from_file.tolist()
    assert from_memory.affine.tolist() == from_file.affine.tolist()
    for name in ("filename_or_obj", "scan_region"):
        assert from_memory.meta[name] == from_file.meta[name]
    for name in ("spacing_mm", "scan_box", "recorded_size"):
        assert from_memory.meta[name].tolist() == from_file.meta[name].tolist()


def test_a_bare_array_is_a_whole_picture_without_calibration() -> None:
    loaded = LoadUltrasound()(marked()[0])

    assert loaded.shape == (3, 24, 32)
    assert loaded.meta["scan_box"].tolist() == [0, 0, 24, 32]
    assert loaded.meta["spacing_mm"].isnan().all()


def test_a_cine_in_memory_has_its_frames_and_times() -> None:
    pixels = MetaTensor(torch.from_numpy(marked(frames=3)).float(), meta={"frame_times_ms": [0, 20, 40]})
    loaded = LoadUltrasound(frames="all")(pixels)

    assert loaded.permute(1, 2, 3, 0).tolist() == marked(frames=3).tolist()
    assert loaded.meta["frame_time_ms"].tolist() == [0, 20, 40]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((3, 24, 32), dtype=np.uint8), r"has the shape \(3, 24, 32\); needed \(height, width, 3\) or"),
        (np.zeros((24, 32), dtype=np.uint8), r"has the shape \(24, 32\)"),
        (np.full((24, 32, 3), -1.0), r"holds values outside of 0 to 255; needed brightness"),
        (np.full((24, 32, 3), 4095), r"holds values outside of 0 to 255"),
        (np.full((24, 32, 3), np.nan), r"holds values outside of 0 to 255"),
    ],
    ids=["channels first", "grey", "below", "above", "nan"],
)
def test_what_is_no_picture_is_refused_by_name(pixels: np.ndarray, message: str) -> None:
    with pytest.raises(UnreadableFrames, match=f"picture in memory.*{message}"):
        frames_of_pixels(pixels)
