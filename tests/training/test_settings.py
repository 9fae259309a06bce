"""A training goes on with the images and settings it began with, whatever the paths are called."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from small_tables import write_table

from echocare_core.frames.manifest import read_table
from echocare_core.training.settings import _entries, describe_images


class Rows(list):
    """A data set of nothing but its items."""

    @property
    def data(self) -> list:
        return list(self)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_table(tmp_path / "data", splits=("train", "train"))


def described(folder: Path) -> str:
    return describe_images(Rows(read_table(folder, "train")))


@pytest.mark.parametrize("name", ["0.png", "1_mask.png"])
def test_a_file_that_was_changed_and_kept_its_size_is_another(folder: Path, name: str) -> None:
    before, raw = described(folder), (folder / name).read_bytes()

    (folder / name).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))

    assert described(folder) != before


def test_each_of_several_masks_of_an_image_counts_by_what_it_holds(folder: Path) -> None:
    table = pd.read_csv(folder / "table.csv")
    table["mask"] = ["0_mask.png;1_mask.png", "1_mask.png"]
    table.to_csv(folder / "table.csv", index=False)
    before, raw = described(folder), (folder / "0_mask.png").read_bytes()

    (folder / "0_mask.png").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))

    assert described(folder) != before


def test_numbers_beside_a_header_count_too(tmp_path: Path) -> None:
    header, rows = tmp_path / "a.mhd", Rows([{"image": str(tmp_path / "a.mhd")}])
    header.write_text("ElementDataFile = a.raw")
    found = []
    for content in (b"0", b"1"):
        (tmp_path / "a.raw").write_bytes(content)
        os.utime(tmp_path / "a.raw", ns=(0, len(found)))
        found.append(describe_images(rows))

    assert found[0] != found[1]


def test_other_paths_to_the_same_files_are_the_same_images(folder: Path) -> None:
    before = described(folder)
    table = pd.read_csv(folder / "table.csv")
    table["image"] = [str(folder / name) for name in table["image"]]
    table.to_csv(folder / "table.csv", index=False)

    assert described(folder) == before


@pytest.mark.parametrize(("name", "compared"), [("warmup_steps", True), ("max_epochs", False), ("batch_size", False)])
def test_what_the_trainer_is_given_counts_as_the_entry_it_stands_for(name: str, compared: bool) -> None:
    entries = [dict(_entries({"train": {"trainer": {name: value}}})) for value in ("@x", 90)]

    assert (entries[0] != entries[1]) is compared
