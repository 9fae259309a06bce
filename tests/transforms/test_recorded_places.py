"""Places in a prepared picture are brought back to where they were recorded, by arithmetic on paper."""

from pathlib import Path

import numpy as np
import pytest
from monai.transforms import Compose

from echocare_core.frames.reduced import reduced_frames
from echocare_core.transforms import LoadUltrasoundd, PrepareScand
from echocare_core.transforms.places import recorded_places
from echocare_core.types import Frames

PREPARE = Compose(
    [
        LoadUltrasoundd("image"),
        PrepareScand("image", size=[192, 192], mode="bilinear", anti_aliasing=True, value_range=[0, 1]),
    ]
)


def prepared(height, width, most_pixels=10**9, **about):
    frames = Frames(Path("made-up"), [np.zeros((height, width, 3), np.uint8)], (height, width), None, **about)
    return PREPARE({"image": reduced_frames(frames, most_pixels)})["image"]


@pytest.mark.parametrize("about", [{}, {"spacing_mm": (0.3, 0.2)}])
def test_padding_and_scaling_are_undone(about):
    image = prepared(96, 128, **about)  # scaled by 1.5 to 144 x 192, then 24 rows above and below
    np.testing.assert_allclose(recorded_places(image, [[24 - 0.5, -0.5], [30, 40]]), [[-0.5, -0.5], [
        (30 - 24 + 0.5) / 1.5 - 0.5, (40 + 0.5) / 1.5 - 0.5]])  # fmt: skip


def test_the_frame_of_the_file_counts_where_a_smaller_one_was_loaded():
    image = prepared(960, 1280, most_pixels=400_000)  # halved to 480 x 640, then scaled by 0.3
    assert int(image.meta["reduction"]) == 2
    np.testing.assert_allclose(recorded_places(image, [[24 - 0.5, -0.5], [168 - 0.5, 192 - 0.5]]), [
        [-0.5, -0.5], [959.5, 1279.5]], atol=1e-4)  # fmt: skip


def test_no_place_is_none():
    assert recorded_places(prepared(96, 128), np.zeros((0, 2))).shape == (0, 2)
