"""USenhance 2023: the same views by a hand-held scanner and by a large one, of five organs; patients are not named.

The challenge of MICCAI 2023, https://ultrasoundenhance2023.grand-challenge.org; 1,500 pairs of 109 patients.

    train_datasets/ORGAN/low_quality/NAME.png, train_datasets/ORGAN/high_quality/NAME.png
    ORGAN: breast, carotid, kidney, liver, thyroid, those that are there; train_datasets itself may be given too
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from echocare_core.errors import TableError
from echocare_core.layouts.found import ORIGINAL, Contents, Found, Layout, below, pictures_in
from echocare_core.types import SetAside

NAME = "usenhance"
TRAINING = "train_datasets"
LOW, HIGH = "low_quality", "high_quality"


def read_usenhance(folder: Path) -> Contents:
    """Read the pairs: pictures of low quality, each with the path of the one of high quality as its label.

    Raises:
        TableError: no organ has both folders.
    """
    whole = folder / TRAINING if (folder / TRAINING).is_dir() else folder
    organs = sorted(path.parent for path in whole.glob(f"*/{LOW}") if (path.parent / HIGH).is_dir())
    if not organs:
        raise TableError(
            f"{folder} has no organ with {LOW} and {HIGH}; {NAME} needs folders such as {TRAINING}/breast/{LOW} and "
            f"{TRAINING}/breast/{HIGH}. Give the folder that holds them."
        )
    pictures: list[Found] = []
    set_aside: list[SetAside] = []
    for organ in organs:
        low, high = ({path.name: path for path in pictures_in(organ / kind)} for kind in (LOW, HIGH))
        for name in sorted(low | high):
            fault = _fault(low.get(name), high.get(name))
            if fault:
                set_aside.append(SetAside(below(low.get(name, high.get(name, organ)), folder), fault))
            else:
                stem = f"{organ.name}/{Path(name).stem}"
                pictures.append(Found(low[name], stem, f"{NAME}/{stem}", label=str(high[name])))
    return Contents(tuple(pictures), tuple(set_aside), ORIGINAL)


LAYOUT = Layout(NAME, cases=False, read=read_usenhance)


def _fault(low: Path | None, high: Path | None) -> str:
    """Why two pictures are no pair; "" where they are one."""
    if low is None or high is None:
        return f"has no picture of its name in {LOW if low is None else HIGH}."
    try:
        with Image.open(low) as one, Image.open(high) as other:
            (width, height), (columns, rows) = one.size, other.size
    except (OSError, UnidentifiedImageError):
        return f"cannot be read, or its picture in {HIGH} cannot. Download it again."
    if (width, height) != (columns, rows):
        return f"has {width}x{height} px and its picture in {HIGH} {columns}x{rows} px; needed the same."
    return ""
