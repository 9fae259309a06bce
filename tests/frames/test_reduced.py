"""Pictures larger than any scanner's are read smaller, and what is found in them lies where it was recorded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echocare_core.frames.reduced import enlarge_mask, reduce_picture, reduced_frames, reduction
from echocare_core.types import Frames, Region, Scale


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("size", "factor"), [((64, 96), 2), ((500, 31), 3), ((17, 400), 5), ((20, 20), 1)])
def test_a_reduced_picture_holds_the_means_of_squares(size, factor):
    picture = noise(*size)
    wanted = [
        [picture[top : top + factor, left : left + factor].mean(axis=(0, 1)) for left in range(0, size[1], factor)]
        for top in range(0, size[0], factor)
    ]
    found = reduce_picture(picture, factor)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, wanted, atol=1)


@pytest.mark.parametrize(
    ("pixels", "most", "factor"), [(100, 100, 1), (101, 100, 2), (400, 100, 2), (401, 100, 3), (8000**2, 4200000, 4)]
)
def test_the_factor_is_the_smallest_that_is_enough(pixels, most, factor):
    assert reduction(pixels, most) == factor


def test_frames_that_are_not_too_large_are_left_as_they_are():
    frames = Frames(Path("IM1"), [noise(30, 40)], (30, 40))
    assert reduced_frames(frames, 1200) is frames


def test_regions_and_calibration_are_those_of_the_smaller_frames():
    down = Scale("cm", 0.02, reference_px=31.0, reference_value=0.0)
    region = Region("tissue", (2, 4, 30, 37), (0.2, 0.1), down, None)
    frames = Frames(Path("IM1"), [noise(31, 40)], (31, 40), regions=(region,), spacing_mm=(0.2, 0.1), scan_region=0)
    found = reduced_frames(frames, 400)
    assert (found.size, found.recorded_size, found.pixels[0].shape) == ((16, 20), (31, 40), (16, 20, 3))
    assert (found.scan_box, found.spacing_mm) == ((1, 2, 15, 19), (0.4, 0.2))
    assert found.regions[0] == replace(
        region, box=(1, 2, 15, 19), spacing_mm=(0.4, 0.2), down=Scale("cm", 0.04, 15.5, 0.0)
    )


def test_a_mask_of_reduced_frames_covers_the_recorded_pixels():
    mask = np.array([[0, 1], [2, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(enlarge_mask(mask, (3, 4)), [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0]])
    assert enlarge_mask(mask, (2, 2)) is mask
