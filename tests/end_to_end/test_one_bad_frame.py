"""Whatever one frame raises, wherever: it is set aside with its reason, and the others are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bright_network import BrightNetwork
from output_bundle import GiveOutputsd, write_output_bundle
from ultrasound_files import write_ultrasound

import echocare_core as echocare
from echocare_core.errors import EveryFrameFails
from echocare_core.frames.dicom.read import DicomPixels
from echocare_core.results import writer
from echocare_core.types import Mask, Measurement

GREY = (40, 200, 60, 80)  # of each frame; the second is the bad one


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two stills and a cine of two frames."""
    (tmp_path / "export").mkdir()
    for name, greys in {"A": GREY[:1], "B": GREY[1:2], "C": GREY[2:]}.items():
        pixels = np.stack([np.full((64, 80, 3), grey, np.uint8) for grey in greys])
        pixels[:, 0] = 30  # of one value alone it would show nothing
        write_ultrasound(tmp_path / "export" / name, pixels)
    return tmp_path / "export"


def fail_on_bright(function: Callable[..., Any], fault: Exception, value: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises an error where what it is given, or gives, is bright."""

    def failing(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        if float(np.asarray(value(given, result), dtype=float).max()) > 0.5:
            raise fault
        return result

    return failing


STAGES = {
    "reading": (DicomPixels, "decode", lambda given, result: result / 255),
    "network": (BrightNetwork, "forward", lambda given, result: given[1].detach().numpy()),
    "postprocessing": (GiveOutputsd, "__call__", lambda given, result: given[1]["image"].max()),
    "drawing": (writer, "draw_frame", lambda given, result: given[0] / 255),
}


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("stage", STAGES)
def test_one_bad_frame_is_set_aside_and_the_others_are_kept(
    stage: str, batch_size: int, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["mask", "scores"], batch_size=batch_size)
    owner, name, value = STAGES[stage]
    monkeypatch.setattr(owner, name, fail_on_bright(getattr(owner, name), OverflowError("NAME^OF A PATIENT"), value))

    results = echocare.predict(bundle, export, tmp_path / "out")

    assert [(row["source"], row["frame"]) for row in results] == [("A", 0), ("C", 0), ("C", 1)]
    [aside] = results.set_aside
    assert (aside.source, aside.frame) == ("B", 0)
    assert aside.reason.startswith("B cannot be used: OverflowError ")
    assert "PATIENT" not in (tmp_path / "out" / "set_aside.csv").read_text(encoding="utf-8")
    masks = sorted(path.relative_to(tmp_path / "out" / "masks").as_posix() for path in tmp_path.rglob("masks/*.png"))
    assert masks == ["A_f0000.png", "C_f0000.png", "C_f0001.png"]


def test_a_batch_that_the_memory_cannot_hold_goes_through_frame_by_frame(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"], batch_size=4)
    forward = BrightNetwork.forward

    def small(network: BrightNetwork, image: torch.Tensor) -> torch.Tensor:
        if len(image) > 1:
            raise MemoryError
        return forward(network, image)

    monkeypatch.setattr(BrightNetwork, "forward", small)
    results = echocare.predict(bundle, export, tmp_path / "out")

    assert len(results.rows) == len(GREY)
    assert not results.set_aside


def test_one_output_that_cannot_be_right_is_set_aside(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["mask"])
    right = GiveOutputsd.__call__

    def too_small(transform: GiveOutputsd, data: Any) -> Any:
        item = right(transform, data)
        bright = float(item["image"].max()) > 0.5
        return {**item, "outputs": (Mask(np.zeros((2, 2), np.uint8), {1: "lesion"}),)} if bright else item

    monkeypatch.setattr(GiveOutputsd, "__call__", too_small)
    results = echocare.predict(bundle, export, tmp_path / "out")

    assert [row["source"] for row in results] == ["A", "C", "C"]
    assert "gave wrong Mask" in results.set_aside[0].reason


def test_one_picture_whose_name_is_too_long_is_set_aside(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["mask"])
    names = {"A": "A", "B": 300 * "B", "C": "C"}
    monkeypatch.setattr(writer.FrameNames, "__call__", lambda _, source, frame: f"{names[source]}_{frame}")

    results = echocare.predict(bundle, export, tmp_path / "out")

    assert [row["source"] for row in results] == ["A", "C", "C"]
    assert results.set_aside[0].source == "B"


@pytest.mark.parametrize(("stage", "said"), [("network", "raises OverflowError in the network"), ("drawing", "raises")])
def test_a_bundle_that_fails_on_every_frame_ends_with_one_sentence(
    stage: str, said: str, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_output_bundle(tmp_path / "bundle", ["scores"])
    owner, name, _ = STAGES[stage]
    monkeypatch.setattr(owner, name, fail_on_bright(getattr(owner, name), OverflowError(), lambda *_: 1))

    with pytest.raises(EveryFrameFails, match=f"4 of them, {said}"):
        echocare.predict(bundle, export, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("value", "used"), [(torch.tensor(2.5), 4), (object(), 3)])
def test_a_tensor_becomes_a_number_and_what_cannot_sets_its_frame_aside(
    value: Any, used: int, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give(self: GiveOutputsd, data: Any) -> Any:
        is_bad = float(data["image"].max()) > 0.5
        return {**data, "outputs": (Measurement("x", value if is_bad else 1.0, "mm"),)}

    monkeypatch.setattr(GiveOutputsd, "__call__", give)
    results = echocare.predict(write_output_bundle(tmp_path / "bundle", ["number"]), export, tmp_path / "out")

    assert [row["x_mm"] for row in results] == [1.0, 2.5, 1.0, 1.0] if used == 4 else [1.0] * 3
    assert [one.source for one in results.set_aside] == ([] if used == 4 else ["B"])
