"""Frame times are those the file states, and none where it states none."""

import pytest
from pydicom.dataset import Dataset

from echocare_core.frames.frame_times import read_frame_times_ms


def times(frames, **attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return read_frame_times_ms(dataset, frames)


def test_a_vector_is_summed_up_from_the_first_frame():
    assert times(4, FrameTimeVector=["0", "10", "30", "5"]) == (0, 10, 40, 45)


def test_the_first_entry_of_a_vector_has_no_frame_before_it():
    assert times(3, FrameTimeVector=["20", "20", "20"]) == (0, 20, 40)


def test_the_vector_comes_before_every_rate():
    assert times(2, FrameTimeVector=["0", "7"], FrameTime="40", CineRate="10") == (0, 7)


@pytest.mark.parametrize("vector", [["0", "10"], ["0", "-10", "20"], ["0", "0", "0"], ["10", "0", "0"]])
def test_a_vector_that_cannot_be_is_passed_over(vector):
    assert times(3, FrameTimeVector=vector, FrameTime="40") == (0, 40, 80)


def test_frame_time_comes_before_rates():
    assert times(2, FrameTime="40", CineRate="10", RecommendedDisplayFrameRate="5") == (0, 40)


def test_cine_rate_comes_before_the_display_rate():
    assert times(2, CineRate="10", RecommendedDisplayFrameRate="5") == (0, 100)


def test_the_display_rate_is_the_last_resort():
    assert times(3, RecommendedDisplayFrameRate="5") == (0, 200, 400)


@pytest.mark.parametrize(
    "attributes", [{}, {"FrameTime": "0"}, {"CineRate": "0"}, {"FrameTime": ""}, {"FrameTime": "-5"}]
)
def test_no_rate_is_assumed(attributes):
    assert times(3, **attributes) is None


def test_zero_frame_time_gives_way_to_a_cine_rate():
    assert times(2, FrameTime="0", CineRate="50") == (0, 20)


def test_a_still_has_one_time():
    assert times(1) == times(1, FrameTime="40") == (0.0,)
