"""Every readable frame of an export comes, and every other one is named."""

import numpy as np
import pytest
from monai.transforms import Compose
from PIL import Image
from torch.utils.data import DataLoader
from ultrasound_files import JPEG, marked, region, write_ultrasound

from echocare_core.errors import EveryFrameFails, SettingsError, UnreadableFrames
from echocare_core.frames import read_export
from echocare_core.frames.listed import read_listed
from echocare_core.transforms import CropToScanRegiond, EvenClip, ExportDataset, LoadUltrasoundd

LOAD = LoadUltrasoundd("image")


def jpeg_streams(folder, frames):
    """One JPEG stream per frame; frame n is grey of value 10 * n, so that order shows."""
    path, streams = folder / "stream.jpg", []
    for number in range(frames):
        Image.fromarray(np.full((24, 32), 10 * number, dtype=np.uint8)).save(path)
        streams.append(path.read_bytes())
    path.unlink()
    return streams


def write_cine(path, streams):
    attributes = {"Rows": 24, "Columns": 32, "NumberOfFrames": len(streams)}
    return write_ultrasound(path, streams, photometric="MONOCHROME2", transfer_syntax=JPEG, attributes=attributes)


def frames_of(dataset):
    return [item["image"].meta["frame"] for item in dataset]


def test_every_frame_of_every_file_comes_in_order(tmp_path):
    (tmp_path / "B").mkdir()
    write_ultrasound(tmp_path / "A", marked(3))
    write_ultrasound(tmp_path / "B" / "IM1", marked())
    dataset = ExportDataset(tmp_path, LOAD)
    seen = [(dataset.by_path[meta["filename_or_obj"]].path.name, meta["frame"]) for meta in metas(dataset)]
    assert seen == [("A", 0), ("A", 1), ("A", 2), ("IM1", 0)]
    assert dataset.number_of_frames == 4


def metas(dataset):
    return [item["image"].meta for item in dataset]


@pytest.mark.parametrize("transform", [LOAD, Compose([LOAD])], ids=["alone", "composed"])
@pytest.mark.parametrize("broken", [b"\xff\xd8\xff\xd9", b"no picture", b""], ids=["hollow", "text", "empty"])
def test_a_broken_frame_inside_a_cine_is_set_aside_by_its_number(tmp_path, transform, broken):
    streams = jpeg_streams(tmp_path, 5)
    streams[2] = broken
    write_cine(tmp_path / "cine", streams)
    dataset = ExportDataset(tmp_path, transform)
    items = list(dataset)
    assert [round(float(item["image"].mean())) for item in items] == [0, 10, 30, 40]
    assert [(aside.source, aside.frame) for aside in dataset.set_aside] == [("cine", 2)]
    assert dataset.set_aside[0].reason.startswith("cine, frame 3 of 5,")


def test_a_scan_region_of_one_line_does_not_stop_the_rest(tmp_path):
    write_ultrasound(tmp_path / "A", marked(), regions=[region((5, 0, 6, 32))])
    write_ultrasound(tmp_path / "B", marked())
    dataset = ExportDataset(tmp_path, Compose([LOAD, CropToScanRegiond("image")]))
    assert len(list(dataset)) == 1
    assert [(aside.source, aside.frame) for aside in dataset.set_aside] == [("A", 0)]


def test_frames_behind_the_end_of_a_file_cut_short_are_not_lost_in_silence(tmp_path):
    path = write_ultrasound(tmp_path / "cine", marked(5))
    path.write_bytes(path.read_bytes()[: -2 * 24 * 32 * 3])
    write_ultrasound(tmp_path / "whole", marked())
    dataset = ExportDataset(tmp_path, LOAD)
    loaded = len(list(dataset))
    named = {aside.frame for aside in dataset.set_aside if aside.source == "cine"}
    assert (loaded, named) in [(1 + 3, {3, 4}), (1, {None})]


def test_files_that_are_no_pictures_are_set_aside_before_the_first_frame(tmp_path):
    write_ultrasound(tmp_path / "A", marked())
    (tmp_path / "notes.txt").write_text("no picture")
    dataset = ExportDataset(tmp_path, LOAD)
    assert [(aside.source, aside.frame) for aside in dataset.set_aside] == [("notes.txt", None)]


def test_reading_twice_does_not_count_twice(tmp_path):
    streams = jpeg_streams(tmp_path, 3)
    streams[1] = b"no picture"
    write_cine(tmp_path / "cine", streams)
    dataset = ExportDataset(tmp_path, LOAD)
    assert frames_of(dataset) == frames_of(dataset) == [0, 2]
    assert len(dataset.set_aside) == 1


def test_a_single_file_is_an_export(tmp_path):
    dataset = ExportDataset(str(write_ultrasound(tmp_path / "A", marked(2))), LOAD)
    assert frames_of(dataset) == [0, 1]


def test_frames_come_in_the_order_of_the_rows_of_a_table_each_once(tmp_path):
    write_ultrasound(tmp_path / "A", marked(4))
    write_ultrasound(tmp_path / "B", marked(2))
    (tmp_path / "table.csv").write_text("image,frame\nB,1\nA,3\nB,\nA,1\nA,3\n")
    dataset = ExportDataset(tmp_path / "table.csv", LOAD)
    found = [(meta["filename_or_obj"][-1], meta["frame"]) for meta in metas(dataset)]
    assert found == [("B", 1), ("A", 3), ("B", 0), ("A", 1)]
    assert (dataset.number_of_items, dataset.number_of_frames) == (4, 4)


def test_a_clip_of_a_table_has_its_frames_as_they_were_recorded(tmp_path):
    write_ultrasound(tmp_path / "A", marked(4))
    (tmp_path / "table.csv").write_text("image,frame\nA,3\nA,1\nA,0\n")
    dataset = ExportDataset(tmp_path / "table.csv", LOAD, clip=EvenClip(3))
    assert [meta["frame"].tolist() for meta in metas(dataset)] == [[0, 1, 3]]


class Fails:
    """A transform that raises an error on some frames."""

    def __init__(self, fault, numbers=range(1000)):
        self.fault, self.numbers, self.asked = fault, numbers, 0

    def __call__(self, item):
        self.asked += 1
        if item["frame"] in self.numbers:
            raise self.fault
        return item


@pytest.mark.parametrize("frames", [1, 3])
def test_an_error_on_every_frame_is_not_swallowed(tmp_path, frames):
    fault = ZeroDivisionError("a fault of the program")
    with pytest.raises(EveryFrameFails, match=f"{frames} of them, raises ZeroDivisionError while") as caught:
        list(ExportDataset(write_ultrasound(tmp_path / "A", marked(frames)), Fails(fault)))
    assert caught.value.__cause__ is fault


def test_an_error_of_this_package_on_every_frame_keeps_its_own_words(tmp_path):
    fault = SettingsError("There is no such size.")
    with pytest.raises(SettingsError, match="no such size"):
        list(ExportDataset(write_ultrasound(tmp_path / "A", marked(3)), Compose([Fails(fault)])))


def test_a_long_run_that_fails_from_the_beginning_ends_soon(tmp_path):
    fails = Fails(ValueError())
    with pytest.raises(EveryFrameFails, match="32 of them"):
        list(ExportDataset(write_ultrasound(tmp_path / "A", marked(50)), fails))
    assert fails.asked == 32


ODD = [MemoryError(), RecursionError(), UserWarning("a warning turned error"), KeyError("NAME^OF A PATIENT"), OSError()]


@pytest.mark.parametrize("fault", ODD, ids=repr)
def test_whatever_one_frame_raises_sets_it_aside(tmp_path, fault):
    dataset = ExportDataset(write_ultrasound(tmp_path / "A", marked(3)), Compose([Fails(fault, [1])]))
    assert [item["frame"] for item in dataset] == [0, 2]
    [aside] = dataset.set_aside
    said = "needs more memory than there is" if isinstance(fault, MemoryError) else type(fault).__name__
    assert (aside.source, aside.frame) == ("A", 1)
    assert aside.reason.startswith("A, frame 2 of 3, ")
    assert said in aside.reason
    assert "PATIENT" not in aside.reason


def test_a_cine_that_cannot_be_cut_is_set_aside(tmp_path):
    def clip(frames, numbers):
        if len(frames) > 1:
            raise OverflowError
        return [(0,)]

    write_ultrasound(tmp_path / "A", marked(3))
    write_ultrasound(tmp_path / "B", marked())
    dataset = ExportDataset(tmp_path, LOAD, clip)
    assert len(list(dataset)) == 1
    assert [(aside.source, aside.frame) for aside in dataset.set_aside] == [("A", None)]
    assert dataset.set_aside[0].reason.startswith("A cannot be used: OverflowError where it is cut into clips.")


def test_a_folder_with_nothing_to_read_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="is empty"):
        ExportDataset(tmp_path, LOAD)


def test_frames_are_batched_in_order(tmp_path):
    write_ultrasound(tmp_path / "A", marked(5))
    batches = DataLoader(ExportDataset(tmp_path, lambda item: item["frame"]), batch_size=2)
    assert [batch.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]


def test_a_frame_with_too_many_pixels_comes_smaller_and_says_so(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 101), dtype=np.uint8)).save(tmp_path / "a.png")
    dataset = ExportDataset(tmp_path, LOAD, most_pixels=1600)
    [item] = dataset
    assert item["image"].shape == (3, 30, 51)
    assert item["image"].meta["recorded_size"].tolist() == [60, 101]
    [frames] = dataset.by_path.values()
    assert frames.size == (60, 101)
    assert frames.notes == ("It has 101x60 px and was looked at and measured at 51x30 px.",)


def test_other_frames_come_as_they_were_recorded_without_a_note(tmp_path):
    write_ultrasound(tmp_path / "A", marked())
    limited, free = (ExportDataset(tmp_path, LOAD, most_pixels=most) for most in (10_000, None))
    assert np.array_equal(*(next(iter(dataset))["image"] for dataset in (limited, free)))
    assert not any(frames.notes for frames in limited.by_path.values())


def test_a_part_of_an_export_comes_alone_in_its_order(tmp_path):
    for name, number in {"A": 3, "B": 1, "C": 2}.items():
        write_ultrasound(tmp_path / name, marked(number))
    export = read_export(tmp_path)
    part = export.only({tmp_path / "C": [1], tmp_path / "A": [0, 2]})
    found = [(meta["filename_or_obj"][-1], meta["frame"]) for meta in metas(ExportDataset(part, LOAD))]
    assert found == [("A", 0), ("A", 2), ("C", 1)]


def test_a_part_of_a_table_comes_in_the_order_of_its_rows(tmp_path):
    write_ultrasound(tmp_path / "A", marked(4))
    write_ultrasound(tmp_path / "B", marked(2))
    (tmp_path / "table.csv").write_text("image,frame\nB,1\nA,3\nB,\nA,1\n")
    export = read_listed(tmp_path / "table.csv")
    part = export.only({tmp_path / "A": [1, 3]})
    found = [(meta["filename_or_obj"][-1], meta["frame"]) for meta in metas(ExportDataset(part, LOAD))]
    assert found == [("A", 3), ("A", 1)]


@pytest.mark.parametrize("most_pixels", [0, -3, 1.5])
def test_most_pixels_that_hold_no_picture_are_refused(tmp_path, most_pixels):
    with pytest.raises(SettingsError, match=f"most_pixels is {most_pixels}; needed a whole number from 1 on"):
        ExportDataset(tmp_path, LOAD, most_pixels=most_pixels)
