"""A clip is part of its cine, evenly spaced; windows leave no frame out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from monai.data import DataLoader
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.transforms import EvenClip, ExportDataset, LoadUltrasound, LoadUltrasoundd, SlidingClips, WindowClip
from echocare_core.types import Frames

LOAD = LoadUltrasoundd("image")


def draw(seed: int, *limits: tuple[int, int]) -> list[int]:
    """One whole number between each pair of limits."""
    return [int(number) for number in np.random.default_rng(seed).integers(*np.transpose(limits), endpoint=True)]


def cine(frames: int, times_ms: tuple[float, ...] | None = None) -> Frames:
    return Frames(Path("cine"), np.zeros((frames, 16, 16, 3), np.uint8), (16, 16), frame_times_ms=times_ms)


@pytest.mark.parametrize("seed", range(50))
def test_an_even_clip_has_so_many_frames_of_the_cine_in_order(seed: int) -> None:
    frames, more = draw(seed, (1, 40), (0, 200))
    length = frames + more
    [clip] = EvenClip(frames)(cine(length), range(length))

    assert len(clip) == frames
    assert list(clip) == sorted(clip)
    assert set(clip) <= set(range(length))
    if frames > 1:
        assert (clip[0], clip[-1]) == (0, length - 1)
        assert len(set(clip)) == frames
        assert max(np.diff(clip)) - min(np.diff(clip)) <= 1


@pytest.mark.parametrize("seed", range(50))
def test_an_even_clip_is_evenly_spaced_within_half_the_longest_frame_time(seed: int) -> None:
    frames, more = draw(seed, (2, 10), (0, 50))
    steps = np.random.default_rng(seed).uniform(5, 200, frames + more)
    times = np.cumsum([0.0, *steps])
    [clip] = EvenClip(frames)(cine(len(times), tuple(times)), range(len(times)))

    assert np.abs(times[list(clip)] - np.linspace(0, times[-1], frames)).max() <= max(steps) / 2 + 1e-6


def test_uneven_frame_times_are_kept_to() -> None:
    times = (0.0, 10.0, 20.0, 30.0, 40.0, 100.0, 200.0)

    assert EvenClip(3)(cine(7, times), range(7)) == [(0, 5, 6)]
    assert EvenClip(3)(cine(7), range(7)) == [(0, 3, 6)]


def test_a_clip_of_one_frame_is_the_middle_one() -> None:
    assert EvenClip(1)(cine(9), range(9)) == [(4,)]


@pytest.mark.parametrize("seed", range(50))
def test_sliding_clips_cover_the_cine_from_its_first_frame_to_its_last(seed: int) -> None:
    frames, stride, step, length = draw(seed, (1, 12), (1, 4), (1, 40), (1, 150))
    span = (frames - 1) * stride + 1
    step, length = min(step, span), max(length, span)

    clips = SlidingClips(frames, stride, step)(cine(length), range(length))

    assert (clips[0][0], clips[-1][-1]) == (0, length - 1)
    assert all(len(clip) == frames and set(np.diff(clip)) <= {stride} for clip in clips)
    assert {frame for clip in clips for frame in range(clip[0], clip[-1] + 1)} == set(range(length))
    assert len(set(clips)) == len(clips)
    starts = [clip[0] for clip in clips]
    assert all(0 < later - earlier <= step for earlier, later in pairwise(starts))


@pytest.mark.parametrize("seed", range(50))
def test_a_window_is_as_far_from_the_beginning_as_from_the_end(seed: int) -> None:
    frames, stride, more = draw(seed, (1, 12), (1, 4), (0, 50))
    length = (frames - 1) * stride + 1 + more

    [clip] = WindowClip(frames, stride)(cine(length), range(length))

    assert set(np.diff(clip)) <= {stride}
    assert 0 <= (length - 1 - clip[-1]) - clip[0] <= 1


def test_only_frames_that_may_be_used_are_taken() -> None:
    assert WindowClip(2, 1)(cine(9), (1, 3, 5, 7)) == [(3, 5)]


@pytest.mark.parametrize("clip", [EvenClip(4), WindowClip(2, 3), SlidingClips(2, 3, 1)])
def test_a_cine_that_is_too_short_is_one_sentence(clip: EvenClip | WindowClip | SlidingClips) -> None:
    with pytest.raises(UnreadableFrames, match=r"^cine has 3 frames; a clip needs 4\. Record a longer cine\.$"):
        clip(cine(3), range(3))


def test_too_few_frames_asked_for_of_a_cine_that_is_long_enough_is_one_sentence() -> None:
    words = r"^cine has 5 frames, 1 of them asked for; a clip needs 4\. Ask for more of them\.$"
    with pytest.raises(UnreadableFrames, match=words):
        EvenClip(4)(cine(5), (2,))


@pytest.mark.parametrize("wrong", [0, -1, 2.5])
def test_numbers_that_make_no_clip_are_refused(wrong: float) -> None:
    with pytest.raises(SettingsError, match=f"EvenClip got frames={wrong}; needed whole numbers above 0"):
        EvenClip(wrong)  # type: ignore[arg-type]


def test_windows_that_leave_frames_out_are_refused() -> None:
    with pytest.raises(SettingsError, match="SlidingClips got step=6 for windows over 5 frames"):
        SlidingClips(frames=3, stride=2, step=6)


def test_a_dataset_of_clips_gives_the_pixels_of_their_frames(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked(7), frame_time_ms=40)

    [item] = ExportDataset(tmp_path, LOAD, EvenClip(3))

    assert item["image"].shape == (3, 3, 24, 32)
    assert item["image"][0, :, -1, 0].tolist() == [10, 13, 16]
    assert item["image"].meta["frame"].tolist() == [0, 3, 6]
    assert item["image"].meta["frame_time_ms"].tolist() == [0, 120, 240]


def test_stills_are_set_aside_where_a_cine_is_needed(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked(5))
    write_ultrasound(tmp_path / "B", marked(1))

    dataset = ExportDataset(tmp_path, LOAD, SlidingClips(2, 1, 2))

    assert (dataset.number_of_items, dataset.number_of_frames, len(list(dataset))) == (3, 6, 3)
    assert [(one.source, one.frame) for one in dataset.set_aside] == [("B", None)]


def test_an_export_of_stills_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "B", marked(1))

    with pytest.raises(UnreadableFrames, match=r"\(B has 1 frame; a clip needs 2\. Record a longer cine\)\. Give"):
        ExportDataset(tmp_path, LOAD, EvenClip(2))


def test_clips_are_batched_in_order(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked(5))

    batches = list(DataLoader(ExportDataset(tmp_path, LOAD, SlidingClips(2, 1, 1)), batch_size=3))

    assert [batch["image"].shape[0] for batch in batches] == [3, 1]


def test_frames_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "A", marked(3))

    with pytest.raises(UnreadableFrames, match="A has 3 frames; number 3, counted from 0, is asked for"):
        LoadUltrasound()(path, frame=(0, 3))
