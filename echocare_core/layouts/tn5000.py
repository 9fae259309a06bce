"""TN5000: thyroid nodules in boxes, benign or malignant, as Pascal VOC has them. The boxes are left out.

Zhang et al. 2025, https://doi.org/10.6084/m9.figshare.28455641.

    Annotations/NNNNNN.xml                 object/name 0 = benign, 1 = malignant
    JPEGImages/NNNNNN.jpg
    ImageSets/Main/train.txt, val.txt, test.txt     names without a suffix
"""

from __future__ import annotations

from pathlib import Path

from echocare_core.errors import TableError
from echocare_core.layouts.document import read_document, text_of
from echocare_core.layouts.found import (
    PATHOLOGIES,
    PATHOLOGY,
    Contents,
    Found,
    Layout,
    below,
    check_has,
    files_below,
    pictures_in,
)
from echocare_core.types import SetAside

NAME = "tn5000"
DOCUMENTS, IMAGES = FOLDERS = ("Annotations", "JPEGImages")
LISTS = Path("ImageSets", "Main")
SPLITS = ("train", "val", "test")


def read_tn5000(folder: Path) -> Contents:
    """Read TN5000.

    Raises:
        TableError: a folder is missing, or a list of a split is damaged.
    """
    check_has(folder, FOLDERS, NAME)
    splits = _read_splits(folder)
    images = {path.stem: path for path in pictures_in(folder / IMAGES)}
    documents = {path.stem: path for path in files_below(folder / DOCUMENTS, (".xml",))}
    pictures: list[Found] = []
    set_aside: list[SetAside] = []
    for stem in sorted(images | documents | splits):
        path = images.get(stem, folder / IMAGES / f"{stem}.jpg")
        try:
            if stem not in images:
                raise ValueError("is named by the data set and not there. Download it again.")
            label = _read_class(documents.get(stem))
        except ValueError as fault:
            set_aside.append(SetAside(below(path, folder), str(fault)))
            continue
        pictures.append(Found(path, stem, f"{NAME}/{stem}", splits.get(stem, ""), label))
    return Contents(tuple(pictures), tuple(set_aside), PATHOLOGY)


LAYOUT = Layout(NAME, cases=False, read=read_tn5000)


def _read_splits(folder: Path) -> dict[str, str]:
    """The split of each name in the lists that are there."""
    listed: list[tuple[str, str]] = []
    for split in SPLITS:
        path = folder / LISTS / f"{split}.txt"
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else []
        except (OSError, ValueError) as fault:
            raise TableError(f"{path} is no text; needed a name in each line. Download it again.") from fault
        listed += [(Path(line.split()[0]).stem, split) for line in lines if line.split()]
    splits = dict(listed)
    if len(splits) < len(set(listed)):
        twice = next(name for name, split in listed if splits[name] != split)
        raise TableError(
            f"{folder / LISTS} has {twice[:40]} in two of its lists; needed each picture in one. Download them again."
        )
    return splits


def _read_class(document: Path | None) -> str:
    """benign or malignant; ValueError with the reason where the document of a picture does not say which."""
    if document is None:
        raise ValueError(f"has no document in {DOCUMENTS}. Download it again.")
    try:
        names = {text_of(one, "name") for one in read_document(document).iter("object")}
    except ValueError as fault:
        raise ValueError(f"has the document {document.name}, which {fault}") from fault
    if len(names) != 1 or not names <= PATHOLOGIES.keys():
        found = ", ".join(sorted(names))[:40] or "none"
        raise ValueError(f"has the classes {found} in {document.name}; needed 0 for benign or 1 for malignant.")
    return PATHOLOGIES[names.pop()]
