"""The mix of a pretraining: which data sets share the stream, and how much of it each has.

Format: one CSV, UTF-8, comma separated, one row per data set.

    name        of the data set, for messages; each once
    source      a table of the project's format, the folder that holds it as `table.csv`, or a folder of shards (it
                holds `shards.json`); relative to the mix file
    organ       node of the organ tree for images that name no organ themselves; empty where it is unknown
    weight      relative share of the draws, above 0; empty for the number of its images
    pixel_labels  optional: what the values of its masks show, such as "1=liver; 2=liver mass" (a name, synonym or id of
                the organ tree, structures included); empty where masks are not used

Everything that can be known before the training is checked when the mix is read.
"""

from __future__ import annotations

import difflib
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import SettingsError, TableError
from echocare_core.frames.manifest import check_columns, read_csv
from echocare_core.pretraining.data.shards import LIST
from echocare_core.pretraining.data.sources import ShardSource, Source, TableSource
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.pixel_tree import PixelTree, check_structures, read_pixel_labels
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.printable import printable

COLUMNS = ("name", "source", "organ", "weight")
PIXEL_LABELS = "pixel_labels"
NEAR = 0.8  # likeness of two spellings (Ratcliff and Obershelp)
SPLITS = ("train", "unlabelled")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mix:
    """The data sets of a pretraining.

    Attributes:
        sources: in the order of the file.
        weights: relative share of the draws of each, above 0.
        pixel_tree: what the masks of all data sets of the file show.
    """

    sources: tuple[Source, ...]
    weights: tuple[float, ...]
    pixel_tree: PixelTree

    @property
    def images(self) -> int:
        """How many images there are in all data sets."""
        return sum(len(source) for source in self.sources)


def read_mix(
    path: str | Path, tree: OrganTree, *, splits: Sequence[str] = SPLITS, leave_out_others: bool = False
) -> Mix:
    """Read a mix and open its data sets.

    Args:
        path: the CSV file.
        tree: in which the organs are looked up.
        splits: rows of tables to keep; shards are kept whole.
        leave_out_others: for an evaluation: leave out, by name, shards, which hold training images, and tables without
            a row in `splits`.

    Returns:
        The mix, one source for each row.

    Raises:
        TableError: no such file, a column missing, no row, a name missing or given twice, a source that is not there,
            an unknown organ, a weight that is no positive number, pixel labels that cannot be read, of shards, of
            images without an organ or of structures of another organ, or what a source refuses; it names file and row.
    """
    path = Path(path)
    listed = _read_rows(path)
    labels = _read_labels(listed, path, tree)
    pixel_tree = PixelTree(tree, labels)
    opened = []
    for number, (cells, label) in enumerate(zip(listed, labels, strict=True), start=1):
        if leave_out_others and not _has_rows(path.parent / cells["source"], splits):
            logger.warning("%s has no images in the splits %s: left out.", printable(cells["name"]), ", ".join(splits))
            continue
        with _naming_row(path, number, cells["name"]):
            pixel_rows = pixel_tree.rows_of(label) if label else None
            source = _source(cells, path.parent, tree, splits, pixel_rows)
            check_structures(label, source.nodes or (), tree)
            opened.append((source, _weight(cells["weight"], len(source))))
    if not opened:
        raise TableError(f"{path} names no table with a row in the splits {', '.join(splits)}; needed one. Add one.")
    return Mix(tuple(source for source, _ in opened), tuple(weight for _, weight in opened), pixel_tree)


def read_pixel_tree(path: str | Path, tree: OrganTree) -> PixelTree:
    """What the masks of all data sets of a mix show, without opening them; for the errors see `read_mix`."""
    path = Path(path)
    return PixelTree(tree, _read_labels(_read_rows(path), path, tree))


def check_masks(mix: Mix) -> None:
    """Read every mask that pixel labels are made of; log a warning where one data set alone has them.

    Raises:
        TableError: no mask where there are pixel labels, one of another size than its image, or one with a value that
            has no label; it names the data set and the first ten.
    """
    labelled = [source for source in mix.sources if isinstance(source, TableSource) and source.pixel_rows is not None]
    for source in labelled:
        source.check_masks()
    if len(labelled) == 1:
        logger.warning(
            "Only %s has pixel_labels; labels of pixels teach more where several data sets have some. Fill the column "
            "for others that have masks.",
            printable(labelled[0].name),
        )


def check_enough_images(mix: Mix, batch_size: int) -> None:
    """Refuse a mix with fewer images than a batch, which would show an image twice in one step.

    Args:
        mix: the data sets.
        batch_size: images in the largest batch, over all processes.

    Raises:
        SettingsError: fewer images in all than `batch_size`.
    """
    if mix.images < batch_size:
        raise SettingsError(
            f"The mix has {mix.images} images; needed {batch_size}, one batch. Add data sets or make the batch smaller."
        )


def warn_of_one_organ(mix: Mix) -> None:
    """Log a warning where all tables together know fewer than two organs: the hierarchy has nothing to tell apart.

    Call it where hierarchical labels are trained. A mix with shards passes, for their organs are read image by image.
    """
    known: set[int] = set()
    for source in mix.sources:
        if source.nodes is None:
            return
        known |= source.nodes
    if len(known) < 2:
        logger.warning(
            "The mix names %d organ(s); hierarchical labels need two or more to learn from. Fill the column organ, or "
            "train without them.",
            len(known),
        )


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise TableError(f"No mix at {path}; needed a CSV with the columns {', '.join(COLUMNS)}. Correct the path.")
    rows = read_csv(path, (*COLUMNS, PIXEL_LABELS))
    check_columns(rows, COLUMNS, path)
    _check_spelling([str(column) for column in rows.columns], path)
    _check_names([name.strip() for name in rows["name"]], path)
    return [{str(column): str(cell).strip() for column, cell in row.items()} for row in rows.to_dict("records")]


def _check_spelling(columns: Sequence[str], path: Path) -> None:
    """TableError for a column that is nearly the optional one, which would be passed over in silence."""
    near = difflib.get_close_matches(PIXEL_LABELS, [column.casefold() for column in columns], n=1, cutoff=NEAR)
    if near and PIXEL_LABELS not in columns:
        raise TableError(f"{path} has the column '{near[0]}'; needed {PIXEL_LABELS}, or no name near it. Correct it.")


def _read_labels(rows: Sequence[dict[str, str]], path: Path, tree: OrganTree) -> list[dict[int, Node]]:
    labels = []
    for number, cells in enumerate(rows, start=1):
        with _naming_row(path, number, cells["name"]):
            labels.append(read_pixel_labels(cells.get(PIXEL_LABELS, ""), tree))
    return labels


@contextmanager
def _naming_row(path: Path, number: int, name: str) -> Iterator[None]:
    try:
        yield
    except TableError as error:
        raise TableError(f"{path}, row {number} ({name}): {error}") from error


def _check_names(names: list[str], path: Path) -> None:
    if not names:
        raise TableError(f"{path} has no rows; needed one for each data set. Add them.")
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name or name in seen:
            found = f"the name '{name}' a second time" if name else "no name"
            raise TableError(f"{path}, row {number} has {found}; needed a name of its own. Correct it.")
        seen.add(name)


def _has_rows(place: Path, splits: Sequence[str]) -> bool:
    """Whether a source is a table with rows in some splits; what is not there passes, to be refused with its reason."""
    if (place / LIST).is_file():
        return False
    table = place / "table.csv" if place.is_dir() else place
    if not table.is_file():
        return True
    rows = read_csv(table)
    return "split" not in rows or bool(rows["split"].isin(splits).any())


def _source(
    cells: dict[str, str], folder: Path, tree: OrganTree, splits: Sequence[str], pixel_rows: NDArray[np.uint8] | None
) -> Source:
    node = tree.find(cells["organ"])
    place = folder / cells["source"]
    if cells["source"] and (place / LIST).is_file():
        if pixel_rows is not None:
            raise TableError(
                "shards hold no masks; needed a table for pixel_labels. Name the table, or empty the cell."
            )
        return ShardSource(cells["name"], place, tree, node=node)
    table = place / "table.csv" if place.is_dir() else place
    if not cells["source"] or not table.is_file():
        raise TableError(
            f"the source '{cells['source']}' is not there; needed a CSV, or a folder with table.csv or {LIST}, "
            f"relative to {folder}. Correct the path."
        )
    source = TableSource(cells["name"], table, tree, node=node, splits=splits, pixel_rows=pixel_rows)
    if pixel_rows is not None and not source.nodes:
        raise TableError("pixel_labels of images without an organ; needed what they show. Fill the column organ.")
    return source


def _weight(text: str, images: int) -> float:
    try:
        weight = float(text or images)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise TableError(f"the weight is '{text}'; needed a number above 0, or nothing. Correct it.")
    return weight
