"""A folder as EchoNet-Dynamic ships it is evaluated as it is: MJPEG in AVI beside FileList.csv."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bright_network import BrightVentricle

from echocare_core.assessment.evaluate import evaluate

BEAT, FRAMES, RATE = 16, 40, 20  # frames of a beat and of a video, frames a second
TRUE, LISTED = (60.0, 35.0), (62.0, 36.0)  # ejection fractions of the pictures, and what the list says of them


def beating(ejection_percent: float) -> np.ndarray:
    """A bright ellipse (time, 112, 112, 3) of constant length, whose width gives it the volumes of beats."""
    rows, columns = np.mgrid[:112, :112] - 55.5
    emptied = (1 - np.cos(2 * np.pi * np.arange(FRAMES) / BEAT)) / 2
    scales = np.sqrt(1 - ejection_percent / 100 * emptied)[:, None, None]
    inside = (rows / 42) ** 2 + (columns / (24 * scales)) ** 2 <= 1
    return np.where(inside, 230, 20).astype(np.uint8)[..., None].repeat(3, axis=3)


@pytest.fixture
def echonet(tmp_path: Path) -> Path:
    """Two videos under the names and columns of EchoNet-Dynamic (Ouyang et al., Nature 580:252, 2020)."""
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'echocare[video]'")
    (tmp_path / "Videos").mkdir()
    rows = []
    for name, ejection, listed in zip(("0X1A05DFFFCAFB253B", "0X4F55DC7F6080587E"), TRUE, LISTED, strict=True):
        with av.open(str(tmp_path / "Videos" / f"{name}.avi"), "w") as file:
            stream = file.add_stream("mjpeg", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = 112, 112, "yuvj444p"
            for picture in beating(ejection):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode(None))
        rows.append((name, listed, 40.0, 100.0, 112, 112, RATE, FRAMES, "TEST"))
    columns = ["FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "FileList.csv", index=False)
    return tmp_path


def test_its_videos_and_its_list_are_evaluated(echonet: Path) -> None:
    network = BrightVentricle()
    torch.save(network.state_dict(), echonet / "bright.pt")
    stand_in = {
        "network_def": {"_target_": "bright_network.BrightVentricle"},
        "weights": str(echonet / "bright.pt"),
        "ejection#regression_gain": 1.0,
    }

    evaluate(
        "ejection_fraction_regression", echonet / "Videos", echonet / "FileList.csv", echonet / "out",
        columns={"ejection_fraction_percent": "EF"}, settings={**stand_in, "recogniser": None, "device": "cpu"},
        progress=False,
    )  # fmt: skip

    found = json.loads((echonet / "out" / "evaluation.json").read_text(encoding="utf-8"))
    results = pd.read_csv(echonet / "out" / "results" / "results.csv")
    cines = results[results["level"] == "cine"]
    assert cines["ejection_fraction_percent"].tolist() == pytest.approx(TRUE, abs=2.5)
    assert cines["ejection_fraction_regression_percent"].tolist() == pytest.approx(TRUE, abs=2.5)
    assert cines["ejection_fraction_difference_of_methods_percent"].tolist() == pytest.approx([0, 0], abs=4)
    assert cines["beats_count"].tolist() == [2, 2]
    assert cines["heart_rate_bpm"].tolist() == pytest.approx([60 * RATE / BEAT] * 2, rel=0.07)
    assert cines["end_systolic_frame"].mod(BEAT).tolist() == pytest.approx([BEAT / 2] * 2, abs=1)
    assert found["ejection_fraction_percent_error"]["images"] == 2
    assert found["ejection_fraction_percent_error"]["mean"] < 4
