"""AUITD: pictures of the thyroid in folders of their class, such as "Normal Thyroid", in any depth and any case.

https://www.kaggle.com/datasets/azouzmaroua/algeria-ultrasound-images-thyroid-dataset-auitd

    [train/ or test/] benign/, malignant/, normal/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from echocare_core.errors import TableError
from echocare_core.frames.spelling import SPLITS
from echocare_core.layouts.found import (
    BENIGN,
    MALIGNANT,
    NORMAL,
    PATHOLOGY,
    PICTURES,
    Contents,
    Found,
    Layout,
    below,
    files_below,
)
from echocare_core.types import SetAside

NAME = "auitd"
CLASS = re.compile(f"{BENIGN}|{MALIGNANT}|(?<!ab){NORMAL}")


def read_auitd(folder: Path) -> Contents:
    """Read AUITD.

    Raises:
        TableError: no picture lies in a folder of a class.
    """
    pictures: list[Found] = []
    set_aside: list[SetAside] = []
    for path in files_below(folder, PICTURES):
        name = below(path, folder)
        folders = [part.casefold() for part in path.relative_to(folder).parts[:-1]]
        if label := _class_of(folders):
            pictures.append(Found(path, name, f"{NAME}/{name}", _split_of(folders), label))
        else:
            set_aside.append(SetAside(name, f"lies in no folder of {BENIGN}, {MALIGNANT} or {NORMAL} pictures."))
    if not pictures:
        raise TableError(
            f"{folder} has no picture in a folder whose name holds {BENIGN}, {MALIGNANT} or {NORMAL}, which {NAME} "
            "needs. Give the folder that holds these."
        )
    return Contents(tuple(pictures), tuple(set_aside), PATHOLOGY)


LAYOUT = Layout(NAME, cases=False, read=read_auitd)


def _class_of(folders: Sequence[str]) -> str:
    """The class that the innermost of the folders names alone; "" where none does."""
    named = [set(CLASS.findall(folder)) for folder in folders]
    return next((classes.pop() for classes in reversed(named) if len(classes) == 1), "")


def _split_of(folders: Sequence[str]) -> str:
    return next((SPLITS[folder] for folder in folders if folder in SPLITS), "")
