"""TN3K: thyroid nodules with masks, in a part to train and one to test, with a fold of the first.

Gong et al. 2021, https://doi.org/10.1109/ISBI48211.2021.9434087; the classes are a later release.

    trainval-image/NNNN.jpg, trainval-mask/NNNN.jpg, test-image/NNNN.jpg, test-mask/NNNN.jpg
    tn3k-trainval-fold0.json     {"train": [numbers], "val": [numbers]}, of trainval
    label4trainval.csv, label4test.csv     name or number of a picture, 0 = benign or 1 = malignant; may be absent
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from echocare_core.errors import TableError
from echocare_core.layouts.found import (
    PATHOLOGIES,
    PATHOLOGY,
    Contents,
    Found,
    Layout,
    below,
    check_has,
    pictures_in,
)
from echocare_core.layouts.masks import read_blurred_mask
from echocare_core.types import SetAside

NAME = "tn3k"
PARTS = {"trainval": "train", "test": "test"}  # each with its split where no fold divides it
KINDS = ("image", "mask")
FOLDERS = tuple(f"{part}-{kind}" for part in PARTS for kind in KINDS)
FOLD = "tn3k-trainval-fold0.json"


def read_tn3k(folder: Path) -> Contents:
    """Read TN3K; without the fold all of trainval is train.

    Raises:
        TableError: a folder is missing, or the fold or the classes are damaged.
    """
    check_has(folder, FOLDERS, NAME)
    fold = _read_fold(folder / FOLD)
    tables = {part: folder / f"label4{part}.csv" for part in PARTS}
    parts = [_read_part(folder, part, fold if part == "trainval" else {}, _read_labels(tables[part])) for part in PARTS]
    column = PATHOLOGY if any(table.is_file() for table in tables.values()) else ""
    return Contents(
        tuple(found for pictures, _ in parts for found in pictures),
        tuple(one for _, set_aside in parts for one in set_aside),
        column,
    )


LAYOUT = Layout(NAME, cases=False, read=read_tn3k)


def _read_part(
    folder: Path, part: str, splits: Mapping[str, str], labels: Mapping[str, str]
) -> tuple[list[Found], list[SetAside]]:
    """The pictures of a part, and what is left out of it; `splits` is empty where no fold divides it."""
    images, masks = ({_number_of(path.name): path for path in pictures_in(folder / f"{part}-{kind}")} for kind in KINDS)
    used = [number for number in images if not splits or number in splits]
    pictures = [
        Found(
            images[number],
            f"{part}-{images[number].stem}",
            f"{NAME}/{part}/{images[number].stem}",
            splits.get(number, PARTS[part]),
            labels.get(number, ""),
            partial(read_blurred_mask, masks[number]) if number in masks else None,
        )
        for number in used
    ]
    reasons = {
        **{
            below(images[number], folder): f"is neither in train nor in val of {FOLD}."
            for number in images.keys() - used
        },
        **{below(masks[number], folder): "is a mask without its picture." for number in masks.keys() - images.keys()},
        **{
            f"{part}-image/{number:0>4}.jpg": f"is in {FOLD} and not there. Download it again."
            for number in splits.keys() - images.keys()
        },
    }
    return pictures, [SetAside(source, reason) for source, reason in sorted(reasons.items())]


def _number_of(name: str) -> str:
    """The number of a picture without zeros before it, whether it is written 12, 0012, 0012.jpg or with folders."""
    return Path(name.strip()).stem.lstrip("0") or "0"


def _read_fold(path: Path) -> dict[str, str]:
    """The split of each number; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        lists = json.loads(path.read_text(encoding="utf-8-sig"))
        listed = {(_number_of(str(name)), split) for split in ("train", "val") for name in lists[split]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise TableError(
            f'{path} is damaged; needed {{"train": [numbers], "val": [numbers]}}. Download it again, or remove it to '
            "have val drawn from trainval."
        ) from fault
    fold = dict(listed)
    if len(fold) < len(listed):
        twice = min(number for number, split in listed if fold[number] != split)
        raise TableError(f"{path} has {twice[:40]} in train and in val; needed it in one. Download it again.")
    return fold


def _read_labels(path: Path) -> dict[str, str]:
    """The class of each number; a first line of titles is passed over. Empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [cells for cells in csv.reader(re.sub("[;\t]", ",", file.read()).splitlines()) if any(cells)]
    except (OSError, ValueError, csv.Error) as fault:
        raise TableError(f"{path} is no CSV in UTF-8; needed lines such as 0012.jpg,1. Download it again.") from fault
    labels: dict[str, str] = {}
    for row, cells in enumerate(lines):
        number, label = _number_of(cells[0]), PATHOLOGIES.get(cells[-1].strip().removesuffix(".0"))
        if label and labels.get(number, label) == label:
            labels[number] = label
        elif row or any(sign.isdigit() for sign in cells[0]):
            raise TableError(
                f"{path}, line {row + 1} is {','.join(cells)[:40]}; needed a picture and 0 for benign or 1 for "
                "malignant, such as 0012.jpg,1, and one class for each picture. Correct it."
            )
    return labels
