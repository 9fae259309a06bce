"""Cines of pictures as MP4: the frames that were made, when they were recorded, and nothing where there is no cine."""

import logging
import sys

import numpy as np
import pytest
from PIL import Image

from echocare_core.frames import read_frames
from echocare_core.results.videos import write_videos
from echocare_core.results.writer import ResultsWriter
from echocare_core.types import Picture, Prediction


def row_of(folder, frame, time_ms, source="CINE", size=(48, 64)):
    """A row with a picture that is brighter from frame to frame."""
    path = f"pictures/{source}_{frame}.png"
    (folder / "pictures").mkdir(exist_ok=True)
    Image.fromarray(np.full((*size, 3), 40 + 30 * frame, np.uint8)).save(folder / path)
    return {"source": source, "frame": frame, "frame_time_ms": time_ms, "enhanced_file": path}


def written(folder, rows):
    named = write_videos(folder, rows, ["enhanced"], str.lower)
    return named, [row.get("enhanced_video_file") for row in named]


def test_a_cine_is_written_in_the_order_and_at_the_times_of_its_recording(tmp_path):
    rows = [row_of(tmp_path, frame, time) for frame, time in [(2, 120.0), (0, 0.0), (1, 50.0)]]
    _, paths = written(tmp_path, rows)
    assert paths == ["videos/cine_enhanced.mp4"] * 3
    frames = read_frames(tmp_path / paths[0])
    assert frames.frame_times_ms == pytest.approx([0, 50, 120])
    found = [np.asarray(frames.pixels[number]).mean() for number in range(3)]
    assert found == pytest.approx([40, 70, 100], abs=2)


def test_without_times_it_plays_evenly(tmp_path):
    _, paths = written(tmp_path, [row_of(tmp_path, frame, None) for frame in range(3)])
    assert read_frames(tmp_path / paths[0]).frame_times_ms == pytest.approx([0, 40, 80])


def test_an_odd_side_gets_a_black_line(tmp_path):
    _, paths = written(tmp_path, [row_of(tmp_path, frame, None, size=(33, 41)) for frame in range(1, 3)])
    pixels = np.asarray(read_frames(tmp_path / paths[0]).pixels[0])
    assert pixels.shape == (34, 42, 3)
    assert pixels[:30, :38].mean() == pytest.approx(70, abs=3)
    assert pixels[33].mean() < 25


def test_a_still_becomes_no_video(tmp_path):
    rows = [row_of(tmp_path, 0, None), row_of(tmp_path, 0, None, source="STILL")]
    named, paths = written(tmp_path, rows)
    assert (named, paths) == (rows, [None, None])
    assert not (tmp_path / "videos").exists()


def test_where_pyav_is_missing_a_warning_says_how_to_get_it(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "av", None)
    with caplog.at_level(logging.WARNING):
        _, paths = written(tmp_path, [row_of(tmp_path, frame, None) for frame in range(2)])
    assert paths == [None, None]
    assert "pip install 'echocare[video]'" in caplog.text


def test_the_results_of_a_run_name_the_video_of_each_cine(tmp_path, card):
    image = np.zeros((32, 40, 3), np.uint8)
    with ResultsWriter(tmp_path / "out", card, derived=["enhanced"]) as writer:
        for frame in range(2):
            writer.add(Prediction("A", (Picture("enhanced", image + 90),), frame=frame, image=image))
        writer.add(Prediction("B", (Picture("enhanced", image + 90),), frame=0, image=image))
        results = writer.finish()
    assert [row["enhanced_video_file"] for row in results] == ["videos/A_enhanced.mp4"] * 2 + [None]
    assert (tmp_path / "out" / "videos" / "A_enhanced.mp4").stat().st_size
    assert "an MP4 of each cine" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
