"""Frame times and heart beats are those the file states, and none where it states none."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from ultrasound_files import CINE, STILL, marked, write_ultrasound

from echocare_core.frames import read_frames
from echocare_core.frames.dicom.frame_times import read_frame_times_ms
from echocare_core.frames.plausible import NOT_A_RHYTHM, NOT_A_TIME
from echocare_core.types import Frames

VECTOR, STEP, SLICES = 0x00181065, 0x00181063, 0x00540080


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


ABSURD = [
    *[{"FrameTime": step} for step in ("inf", "nan", "-5", "1e9", "1e-6")],
    *[{"CineRate": "99999999"}, {"RecommendedDisplayFrameRate": "-1"}],
    *[{"FrameTimeVector": steps} for steps in (["0", "inf", "10"], ["0", "10", "1e300"], ["0", "10", "-10"])],
]


@pytest.mark.parametrize("attributes", ABSURD)
def test_times_that_no_scanner_makes_are_unknown_and_said_so(tmp_path, attributes):
    frames = read_frames(write_ultrasound(tmp_path / "a", marked(3), attributes=attributes))
    assert (frames.frame_times_ms, frames.notes) == (None, (NOT_A_TIME,))


def test_an_absurd_frame_time_gives_way_to_a_cine_rate():
    assert times(2, FrameTime="1e9", CineRate="50") == (0, 20)


def test_a_still_has_one_time():
    assert times(1) == times(1, FrameTime="40") == (0.0,)


def test_the_pointer_says_which_of_two_times_counts():
    both = {"FrameTimeVector": ["0", "10", "30"], "FrameTime": "40"}
    assert times(3, FrameIncrementPointer=STEP, **both) == (0, 40, 80)
    assert times(3, FrameIncrementPointer=VECTOR, **both) == (0, 10, 40)


def test_a_pointer_with_several_values_is_followed_in_its_order():
    both = {"FrameTimeVector": ["0", "10", "30"], "FrameTime": "40"}
    assert times(3, FrameIncrementPointer=[SLICES, STEP, VECTOR], **both) == (0, 40, 80)
    assert times(3, FrameIncrementPointer=[VECTOR, STEP], **both) == (0, 10, 40)


@pytest.mark.parametrize("pointer", [STEP, SLICES, [SLICES, 0x00540010], ""])
def test_a_pointer_that_leads_to_no_time_is_passed_over(pointer):
    assert times(3, FrameIncrementPointer=pointer, FrameTimeVector=["0", "10", "30"]) == (0, 10, 40)
    assert times(3, FrameIncrementPointer=pointer, FrameTime="0", CineRate="50") == (0, 20, 40)


def test_an_uneven_vector_is_kept_uneven(tmp_path):
    attributes = {"FrameTimeVector": ["0", "10", "50"], "FrameIncrementPointer": VECTOR}
    frames = read_frames(write_ultrasound(tmp_path / "a", marked(3), frame_time_ms=40, attributes=attributes))
    assert frames.frame_times_ms == (0, 10, 60)


@pytest.mark.parametrize(("frames", "sop_class"), [(3, STILL), (1, CINE)])
def test_the_frames_are_counted_whatever_the_class_of_the_object_says(tmp_path, frames, sop_class):
    path = write_ultrasound(tmp_path / "a", marked(frames), frame_time_ms=40, attributes={"SOPClassUID": sop_class})
    assert read_frames(path).frame_times_ms == tuple(40 * frame for frame in range(frames))


def cine(r_waves, times_ms=tuple(range(0, 400, 40))):
    return Frames(Path("a"), [], (24, 32), frame_times_ms=times_ms, r_wave_times_ms=tuple(r_waves))


def test_a_heart_beat_runs_from_r_wave_to_r_wave():
    assert cine([40, 160, 320]).heart_beats == (range(1, 4), range(4, 8))


def test_an_r_wave_belongs_to_the_frame_nearest_to_it():
    assert cine([-15, 95, 375]).heart_beats == (range(2), range(2, 9))


def test_a_beat_that_begins_before_the_cine_or_ends_after_it_is_no_whole_beat():
    assert cine([-60, 160, 500]).heart_beats == ()


def test_beats_follow_uneven_frame_times():
    assert cine([10, 100], (0, 10, 20, 30, 100, 170)).heart_beats == (range(1, 4),)


@pytest.mark.parametrize("file", [cine([]), cine([80]), cine([80, 81]), cine([40, 160], None), cine([0, 0], (0.0,))])
def test_without_two_marks_and_times_there_are_no_beats(file):
    assert file.heart_beats == ()


def ecg(tmp_path, frames=11, **attributes):
    return read_frames(write_ultrasound(tmp_path / "a", marked(frames), frame_time_ms=100, attributes=attributes))


def test_the_r_wave_time_vector_gives_the_beats(tmp_path):
    frames = ecg(tmp_path, RWaveTimeVector=[210.0, 690.0, 1030.0], HeartRate="125")
    assert frames.r_wave_times_ms == (210.0, 690.0, 1030.0)
    assert (frames.heart_beats, frames.heart_rate_bpm) == ((range(2, 7), range(7, 10)), 125)


def test_one_r_wave_is_read_as_well(tmp_path):
    assert ecg(tmp_path, RWaveTimeVector=[210.0]).r_wave_times_ms == (210.0,)


def test_a_trigger_and_the_heart_rate_place_beats_of_average_length(tmp_path):
    assert ecg(tmp_path, TriggerTime="100", HeartRate="150").r_wave_times_ms == (-100, 300, 700, 1100)
    assert ecg(tmp_path, TriggerTime="100", HeartRate="150").heart_beats == (range(3, 7),)


def test_a_nominal_interval_comes_before_the_heart_rate(tmp_path):
    frames = ecg(tmp_path, TriggerTime="0", NominalInterval="500", HeartRate="150")
    assert frames.heart_beats == (range(5), range(5, 10))


@pytest.mark.parametrize(
    "attributes",
    [{"HeartRate": "60"}, {"TriggerTime": "100"}, {"TriggerTime": "-5", "HeartRate": "60"}, {"NominalInterval": "900"}],
)
def test_a_rate_without_a_mark_places_no_beat(tmp_path, attributes):
    assert ecg(tmp_path, **attributes).r_wave_times_ms == ()


@pytest.mark.parametrize("rate", ["1", "1000", "-60"])
def test_a_heart_rate_that_no_heart_has_is_unknown_and_said_so(tmp_path, rate):
    frames = ecg(tmp_path, TriggerTime="0", HeartRate=rate)
    assert (frames.heart_rate_bpm, frames.r_wave_times_ms, frames.notes) == (None, (), (NOT_A_RHYTHM,))


@pytest.mark.parametrize("attributes", [{"NominalInterval": "1"}, {"RWaveTimeVector": [0.0, 1e30]}])
def test_beats_that_no_heart_has_are_none(tmp_path, attributes):
    assert ecg(tmp_path, TriggerTime="0", **attributes).r_wave_times_ms == ()


def test_a_heart_rate_of_zero_is_unknown(tmp_path):
    assert ecg(tmp_path, TriggerTime="0", HeartRate="0").heart_rate_bpm is None
