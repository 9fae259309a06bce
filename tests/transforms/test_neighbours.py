"""A frame comes with the frames around it, each prepared once; what is not there is nan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Compose
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.training import TableDataset
from echocare_core.transforms import ComposeWithNeighbours, ExportDataset, LoadUltrasoundd

LOAD = LoadUltrasoundd("image")
BACKGROUND = 10  # of frame 0 of `marked`; one more in each frame
BROKEN = 2


def break_one(item: dict[str, Any]) -> dict[str, Any]:
    """Refuse one frame, as what is prepared may."""
    if item["image"].meta["frame"] == BROKEN and item["image"].meta["number_of_frames"] > 1:
        raise UnreadableFrames(Path("cine"), "is broken")
    return item


def of_frames(items: Any) -> list[list[float]]:
    """Of each item the frames of its neighbours, by their background, nan where there is none."""
    return [[float(one[0, -1, 0]) - BACKGROUND for one in item["neighbours"]] for item in items]


def stands(*numbers: float) -> Any:
    return pytest.approx(list(numbers), nan_ok=True)


NAN = float("nan")


def test_a_frame_comes_with_the_frames_around_it_as_far_as_the_cine_reaches(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked(4))
    items = list(ExportDataset(tmp_path, ComposeWithNeighbours([LOAD], frames=5, key="image")))

    assert of_frames(items) == [
        stands(NAN, NAN, 1, 2),
        stands(NAN, 0, 2, 3),
        stands(0, 1, 3, NAN),
        stands(1, 2, NAN, NAN),
    ]
    assert [float(item["image"][0, -1, 0]) for item in items] == [10, 11, 12, 13]


def test_no_neighbour_comes_from_another_file(tmp_path: Path) -> None:
    for name in ("A", "B"):
        write_ultrasound(tmp_path / name, marked(2))
    found = of_frames(ExportDataset(tmp_path, ComposeWithNeighbours([LOAD], frames=3, key="image")))

    assert found == [stands(NAN, 1), stands(0, NAN)] * 2


def test_no_neighbour_comes_from_another_file_of_a_series(tmp_path: Path) -> None:
    for number in (1, 2):
        attributes = {"SeriesInstanceUID": "1.2.3", "InstanceNumber": number}
        write_ultrasound(tmp_path / f"IM{number}", marked(2), attributes=attributes)
    compose = ComposeWithNeighbours([LOAD], frames=3, key="image")

    assert of_frames(compose({"image": tmp_path, "frame": number}) for number in range(4)) == [
        stands(NAN, 1), stands(0, NAN), stands(NAN, 1), stands(0, NAN),
    ]  # fmt: skip


def test_a_still_has_none(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked())
    [item] = ExportDataset(tmp_path, ComposeWithNeighbours([LOAD], frames=3, key="image"))

    assert item["neighbours"].shape == (2, *item["image"].shape)
    assert item["neighbours"].isnan().all()


def test_a_frame_that_cannot_be_prepared_is_missing_and_set_aside_once(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked(5))
    dataset = ExportDataset(tmp_path, ComposeWithNeighbours([LOAD, break_one], frames=3, key="image"))

    assert of_frames(dataset) == [stands(NAN, 1), stands(0, NAN), stands(NAN, 4), stands(3, NAN)]
    assert [one.frame for one in dataset.set_aside] == [BROKEN]


def test_neighbours_are_those_in_the_file_where_a_table_names_some_frames(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A.dcm", marked(6))
    (tmp_path / "table.csv").write_text("image,frame\nA.dcm,4\nA.dcm,1\n")
    dataset = ExportDataset(tmp_path / "table.csv", ComposeWithNeighbours([LOAD], frames=3, key="image"))

    assert sorted(of_frames(dataset)) == [[0, 2], [3, 5]]


def test_each_frame_is_prepared_once_while_a_cine_is_read(tmp_path: Path) -> None:
    write_ultrasound(tmp_path / "A", marked(6))
    seen: list[int] = []
    note = Compose([LOAD, lambda item: seen.append(int(item["image"].meta["frame"])) or item])
    list(ExportDataset(tmp_path, ComposeWithNeighbours([note], frames=5, key="image")))

    assert sorted(seen) == list(range(6))


def test_what_else_an_item_says_counts_for_its_neighbours_too(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "A", marked(2))
    compose = ComposeWithNeighbours([LOAD], frames=3, key="image")
    spacings = [compose({"image": path, "frame": 0, "pixel_mm": mm})["image"].meta["spacing_mm"] for mm in (0.1, 0.2)]

    assert [float(one[0]) for one in spacings] == [0.1, 0.2]


def test_a_table_of_frames_is_read_alike_kept_in_memory_or_not(tmp_path: Path) -> None:
    items = []
    for name in ("A", "B"):
        write_ultrasound(tmp_path / name, marked(4))
        items += [{"image": str(tmp_path / name), "frame": number} for number in range(4)]
    for share in (0.0, 1.0):
        compose = ComposeWithNeighbours([LOAD], frames=3, key="image")
        dataset = TableDataset(items, "test", compose, masks=None, cache_rate=share)

        found = of_frames(dataset[place] for place in range(len(items)))
        assert found == [stands(NAN, 1), stands(0, 2), stands(1, 3), stands(2, NAN)] * 2


def test_one_frame_is_plain_compose(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "A", marked(3))
    own, plain = (compose({"image": path, "frame": 1}) for compose in
                  (ComposeWithNeighbours([LOAD], frames=1, key="image"), Compose([LOAD])))  # fmt: skip

    assert own.keys() == plain.keys()
    assert torch.equal(own["image"], plain["image"])


@pytest.mark.parametrize("frames", [0, 2, -1, 3.0, True, None])
def test_a_number_that_has_no_middle_is_refused(frames: Any) -> None:
    with pytest.raises(SettingsError, match="; needed an odd number"):
        ComposeWithNeighbours([LOAD], frames=frames, key="image")


def test_a_missing_neighbour_is_nan_all_over(tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "A", marked(2))
    before, after = ComposeWithNeighbours([LOAD], frames=3, key="image")({"image": path, "frame": 0})["neighbours"]

    assert np.isnan(before).all()
    assert not np.isnan(after).any()
