"""Tiny folders of public data sets, as they are unpacked, and what was written of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_layouts import SIDE, outline, save_case, save_picture, save_text

from echocare_core.layouts import write_table
from echocare_core.layouts.write import WrittenTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def write(folder: Path, tmp_path: Path) -> Callable[..., WrittenTable]:
    """Write the table of `folder` into `out`."""
    return lambda layout, **options: write_table(layout, folder, tmp_path / "out", **options)


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[], pd.DataFrame]:
    """The table as it was written, by the names of its pictures."""

    def read() -> pd.DataFrame:
        table = pd.read_csv(tmp_path / "out" / "table.csv", dtype=str, keep_default_na=False)
        table.index = [Path(image).stem for image in table["image"]]
        return table

    return read


@pytest.fixture
def mask_of(tmp_path: Path, rows: Callable[[], pd.DataFrame]) -> Callable[[str], np.ndarray]:
    """The numbers of the mask that the row of a picture names."""
    return lambda name: np.asarray(Image.open(tmp_path / "out" / rows().loc[name, "mask"]))


@pytest.fixture
def tn3k(folder: Path) -> Path:
    """Four pictures of trainval, of which the last one is val, and two of test; a white square of masks."""
    for number, part in enumerate(["trainval"] * 4 + ["test"] * 2):
        name = f"{number % 4:04d}.jpg"
        save_picture(folder / f"{part}-image" / name, number)
        mask = Image.new("L", (SIDE, SIDE))
        mask.paste(255, (10, 20, 31, 41))
        (folder / f"{part}-mask").mkdir(exist_ok=True)
        mask.save(folder / f"{part}-mask" / name, quality=50)
    save_text(folder / "tn3k-trainval-fold0.json", json.dumps({"train": [0, 1, 2], "val": [3]}))
    save_text(folder / "label4trainval.csv", "0000.jpg,0\n0001.jpg,1\n0002.jpg,0\n0003.jpg,1\n")
    save_text(folder / "label4test.csv", "0000.jpg,1\n0001.jpg,0\n")
    return folder


@pytest.fixture
def ddti(folder: Path) -> Path:
    """Ten cases; the first one has two pictures, of which the second one has two nodules."""
    for case in range(1, 11):
        save_picture(folder / f"{case}_1.jpg", case)
        save_case(folder, case, {"1": json.dumps([outline(10, 20, 29, 39)])})
    save_picture(folder / "1_2.jpg", 100)
    two = json.dumps([outline(0, 0, 9, 9), outline(40, 40, 49, 49)])
    save_case(folder, 1, {"1": json.dumps([outline(10, 20, 29, 39)]), "2": two}, tirads="5")
    return folder


@pytest.fixture
def tn5000(folder: Path) -> Path:
    """Six pictures, two in each split, the even ones benign."""
    for number in range(6):
        name = f"{number + 1:06d}"
        save_picture(folder / "JPEGImages" / f"{name}.jpg", number)
        box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
        said = f"<annotation><object><name>{number % 2}</name>{box}</object></annotation>"
        save_text(folder / "Annotations" / f"{name}.xml", said)
    for split, names in {"train": "000001\n000002\n", "val": "000003\n000004\n", "test": "000005\n000006"}.items():
        save_text(folder / "ImageSets" / "Main" / f"{split}.txt", names)
    return folder


@pytest.fixture
def auitd(folder: Path) -> Path:
    """Ten pictures of train and three of test, in folders of classes as somebody named them."""
    for number in range(10):
        name = ("Benign", "MALIGNANT", "Normal Thyroid")[number % 3]
        save_picture(folder / "Train" / name / f"a{number}.jpg", number)
    for number, name in enumerate(("benign", "malignant", "normal thyroid")):
        save_picture(folder / "test" / name / f"b{number}.png", 100 + number)
    return folder
