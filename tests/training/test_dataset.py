"""Tables as data sets, whole batches, and a sentence where there are too few images."""

import pandas as pd
import pytest
import torch
from monai.data import Dataset, MetaTensor
from monai.transforms import Compose
from PIL import Image
from small_tables import write_table

from echocare_core.errors import SettingsError, TableError, TrainingError
from echocare_core.training import TableDataset
from echocare_core.training.dataset import build_evaluation_loader, build_training_loader
from echocare_core.transforms import LoadMaskd, LoadUltrasoundd


def numbers(count):
    return Dataset([{"image": MetaTensor(torch.full((1,), float(n)), meta={"n": n}), "label": n} for n in range(count)])


def test_the_rows_of_a_split_come_through_the_transform(tmp_path):
    dataset = TableDataset(str(write_table(tmp_path / "data")), "val", lambda item: item["group"])
    assert list(dataset) == ["patient-4", "patient-5"]


def test_items_in_place_of_a_table_are_taken_as_they_are():
    dataset = TableDataset([{"image": "a"}, {"image": "b"}], "val", lambda item: item["image"])
    assert list(dataset) == ["a", "b"]


def test_a_split_that_no_row_has_is_refused(tmp_path):
    with pytest.raises(TableError, match="no row with a mask in split 'exam'"):
        TableDataset(str(write_table(tmp_path / "data")), "exam", lambda item: item)


def broken_table(folder):
    """A table of four training images, of which one has a mask of another size and one cannot be read."""
    write_table(folder)
    Image.new("L", (20, 20)).save(folder / "1_mask.png")
    (folder / "2.png").write_bytes(b"no picture")
    return str(folder)


@pytest.mark.parametrize("cache_rate", [1.0, 0.0])
def test_all_images_that_cannot_be_used_are_told_before_the_first_is_used(tmp_path, cache_rate):
    transform = Compose([LoadUltrasoundd("image"), LoadMaskd("label", "image", 2)])
    with pytest.raises(
        TableError, match=r"has 2 mistakes: row 2, .*1_mask\.png has shape \(20, 20\).*; row 3, 2\.png is not"
    ):
        TableDataset(broken_table(tmp_path / "data"), "train", transform, cache_rate=cache_rate)


@pytest.mark.parametrize("cache_rate", [1.0, 0.0])
def test_a_file_of_polygons_that_lacks_an_image_is_told_with_its_row(tmp_path, cache_rate):
    folder = write_table(tmp_path / "data")
    table = pd.read_csv(folder / "table.csv", dtype=str)
    sizes = [Image.open(folder / name).size for name in table["image"]]
    images = [
        f'<image id="{number}" name="{name}" width="{width}" height="{height}"/>'
        for number, (name, (width, height)) in enumerate(zip(table["image"], sizes, strict=True))
        if name != "1.png"
    ]
    (folder / "all.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    table.assign(mask="all.xml").to_csv(folder / "table.csv", index=False)
    transform = Compose([LoadUltrasoundd("image"), LoadMaskd("label", "image", 2)])
    with pytest.raises(TableError, match=r"has 1 mistake: row 2, Mask .*all\.xml is of \d+ pictures, 0 called 1\.png"):
        TableDataset(str(folder), "train", transform, cache_rate=cache_rate)


def test_the_names_of_the_files_stay_in_a_batch():
    items = Dataset([{"image": MetaTensor(torch.ones(1), meta={"filename_or_obj": f"/far/{n}.png"})} for n in range(2)])
    [batch] = build_training_loader(items, 2)
    assert sorted(batch["name"]) == ["0.png", "1.png"]


def test_an_empty_validation_is_refused():
    with pytest.raises(TrainingError, match="The validation has no image"):
        build_evaluation_loader(numbers(0), 2)


@pytest.mark.parametrize("build", [build_training_loader, build_evaluation_loader])
def test_a_batch_of_no_image_is_refused(build):
    with pytest.raises(SettingsError, match="batch_size is 0"):
        build(numbers(3), 0)


def test_a_batch_of_a_training_is_whole_and_plain():
    batches = list(build_training_loader(numbers(7), 3))
    assert [len(batch["image"]) for batch in batches] == [3, 3]
    assert {type(batch["image"]) for batch in batches} == {torch.Tensor}
    assert len({int(n) for batch in batches for n in batch["label"]}) == 6


def test_a_validation_keeps_order_and_the_last_smaller_batch():
    assert [batch["label"].tolist() for batch in build_evaluation_loader(numbers(5), 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(("images", "batch", "processes"), [(3, 4, 1), (7, 4, 2)])
def test_fewer_images_than_a_batch_of_each_process_are_refused(images, batch, processes, monkeypatch):
    monkeypatch.setattr("echocare_core.training.dataset.world_size", lambda: processes)
    with pytest.raises(TrainingError, match=f"has {images} images; needed {batch * processes} at least"):
        build_training_loader(numbers(images), batch)


def test_fewer_images_to_validate_than_processes_are_refused(monkeypatch):
    monkeypatch.setattr("echocare_core.training.dataset.world_size", lambda: 2)
    with pytest.raises(TrainingError, match="The validation has 1 image for 2 processes"):
        build_evaluation_loader(numbers(1), 2)
