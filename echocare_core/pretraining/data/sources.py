"""Where the images of a pretraining come from: a table of files or a folder of shards, read by row.

Both keep little per image, so that they may be copied into every worker process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.errors import TableError
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.groups import find_group_faults
from echocare_core.frames.manifest import (
    COLUMNS,
    REQUIRED,
    check_columns,
    find_missing,
    read_csv,
    where_rows_count,
)
from echocare_core.frames.mask_files import place_masks
from echocare_core.pretraining.data.pixel_labels import find_mask_faults
from echocare_core.pretraining.data.shards import OPEN_SHARDS, ShardReader
from echocare_core.pretraining.organs.tree import OrganTree


class Sample(TypedDict):
    """One image, not yet decoded.

    Attributes:
        image: path of a DICOM, PNG or JPEG file, or the bytes of a PNG or JPEG file.
        node: index in the organ tree, -1 where the organ is unknown.
        group: patient, study or acquisition; "" where unknown.
        name: what messages call it: the path as its table has it, or the name that its shard gives.
        mask: what was drawn of it, as `read_mask` takes it; None where nothing was, or where its data set has no pixel
            labels.
    """

    image: Path | bytes
    node: int
    group: str
    name: str
    mask: Path | None


class TableSource:
    """The rows of a table (`echocare_core.frames.manifest`) that stand in some splits, about 100 bytes each.

    Args:
        name: of the data set.
        table: the CSV file; an optional column `organ` names nodes of the tree.
        tree: the organ tree.
        node: of rows that name no organ.
        splits: which rows to keep.
        pixel_rows: uint8 (256,), what the values of its masks mean (`PixelTree.rows_of`); None where they are not used.

    Attributes:
        window: rows that should be read together: 1, any row may follow any other.
        nodes: indices of the organs that occur, without -1.

    Raises:
        TableError: no table, a column or file missing, a group in two splits or unnamed, an unknown organ, or no row
            left.
    """

    window = 1

    def __init__(
        self,
        name: str,
        table: Path,
        tree: OrganTree,
        *,
        node: int,
        splits: Sequence[str],
        pixel_rows: NDArray[np.uint8] | None = None,
    ) -> None:
        kept = read_rows(table, splits, masks=pixel_rows is not None)
        self.name, self.pixel_rows = name, pixel_rows
        self._table, self._folder = table, table.parent
        self._numbers = kept.index.to_numpy(dtype=np.int32)
        self._images, self._groups = _encode(kept["image"]), _encode(kept["group"])
        self._masks = _encode(kept["mask"] if pixel_rows is not None else pd.Series([""] * len(kept)))
        self._nodes = look_up_nodes(kept, tree, node, table)
        self.nodes = frozenset(np.unique(self._nodes[self._nodes >= 0]).tolist())

    def __len__(self) -> int:
        return len(self._images)

    def fingerprint(self) -> str:
        """By which other rows are told from these: their images and masks, however spelt, groups and organs."""
        digest = hashlib.sha256(_places(self._images, self._folder))
        for column in (self._groups, self._nodes):
            digest.update(column.data)
        if self.pixel_rows is not None:
            digest.update(_places(self._masks, self._folder))
        return digest.hexdigest()[:12]

    def check_masks(self) -> None:
        """Read every mask that counts, and refuse those of which no labels of pixels can be made.

        Raises:
            TableError: no row has a mask, or `find_mask_faults` found something; it names the first ten.
        """
        if self.pixel_rows is None:
            return
        rows = np.flatnonzero(self._masks != b"")
        if not len(rows):
            raise TableError(
                f"{self._table} names no mask in the splits that are trained on; needed one for pixel_labels. Fill the "
                f"column mask, or empty pixel_labels."
            )
        columns = (self._numbers[rows].tolist(), self._masks[rows].tolist(), self._images[rows].tolist())
        drawn = (
            (number, Path(place_masks(mask.decode(), self._folder)), self._folder / image.decode())
            for number, mask, image in zip(*columns, strict=True)
        )
        faults = list(find_mask_faults(drawn, self.pixel_rows))
        check_no_faults(f"{self._table} has", faults, where_rows_count(self._table))

    def __getitem__(self, row: int) -> Sample:
        """The image of a row, 0 to the number of rows - 1; IndexError where there is no such row."""
        name = self._images[row].decode()
        mask = self._masks[row].decode()
        return {
            "image": self._folder / name,
            "node": int(self._nodes[row]),
            "group": self._groups[row].decode(),
            "name": name,
            "mask": Path(place_masks(mask, self._folder)) if mask else None,
        }


def _places(names: NDArray[np.bytes_], folder: Path) -> bytes:
    """Where files lie, from the folder of their table."""
    return "\n".join(_place(name.decode(), folder) for name in names.tolist()).encode()


def _place(name: str, folder: Path) -> str:
    return os.path.relpath(name, folder) if os.path.isabs(name) else os.path.normpath(name)


class ShardSource:
    """The images of a folder of shards (`echocare_core.pretraining.data.shards`); nothing is kept per image.

    Args:
        name: of the data set.
        folder: of the shards; organs in them are nodes of the tree.
        tree: the organ tree.
        node: of images that name no organ.

    Attributes:
        window: rows that should be read together, half as many as the reader keeps open.
        nodes: None: only reading every image would tell which organs occur.
        pixel_rows: None: shards hold no masks.

    Raises:
        TableError: the list of shards cannot be read.
    """

    nodes = None
    pixel_rows = None

    def __init__(self, name: str, folder: Path, tree: OrganTree, *, node: int) -> None:
        self.name = name
        self._reader, self._tree, self._node = ShardReader(folder), tree, node
        self.window = OPEN_SHARDS // 2 * self._reader.images_per_shard

    def __len__(self) -> int:
        return len(self._reader)

    def fingerprint(self) -> str:
        """By which other shards are told from these: their list."""
        return self._reader.fingerprint()

    def __getitem__(self, row: int) -> Sample:
        """The image of a row; TableError where its shard is damaged or names an organ that is not in the tree."""
        image, described = self._reader[row]
        try:
            node = self._tree.find(described["organ"]) if described["organ"].strip() else self._node
        except TableError as error:
            raise TableError(f"{self.name}: {described['name']} in the shards: {error}") from error
        return {"image": image, "node": node, "group": described["group"], "name": described["name"], "mask": None}


Source = TableSource | ShardSource


def read_rows(table: Path, splits: Sequence[str], *, masks: bool = False) -> pd.DataFrame:
    """The rows of a table that stand in some splits.

    Args:
        table: the CSV file.
        splits: which rows to keep.
        masks: whether the masks must be there too: the column, and each file that it names.

    Returns:
        Their cells as text; the index is the number of the row in the table, from 0.

    Raises:
        TableError: no table, a column or file missing, a group in two splits or unnamed, or no row left.
    """
    rows = read_csv(table, (*COLUMNS, "organ"))
    check_columns(rows, (*REQUIRED, *(["mask"] if masks else [])), table)
    kept = rows[rows["split"].isin(splits)]
    faults = [*find_group_faults(rows, table), *find_missing(kept, ["image"], table)]
    if masks:
        faults += find_missing(kept[kept["mask"] != ""], ["mask"], table)
    check_no_faults(f"{table} has", faults, where_rows_count(table))
    if kept.empty:
        found = ", ".join(f"{split}: {count}" for split, count in rows["split"].value_counts().items())
        raise TableError(
            f"{table} has no row in the splits {', '.join(splits)} (found {found or 'no rows'}); needed one. Name "
            f"the splits in the table, or leave it out."
        )
    return kept


def look_up_nodes(rows: pd.DataFrame, tree: OrganTree, node: int, table: Path) -> np.ndarray:
    """Look up the organ of each row.

    Args:
        rows: of the table, from `read_rows`; the column `organ` is optional.
        tree: the organ tree.
        node: of rows that name no organ.
        table: for messages.

    Returns:
        Index in the tree, int32 (rows,).

    Raises:
        TableError: an organ that the tree does not have; it names the row.
    """
    if "organ" not in rows.columns:
        return np.full(len(rows), node, dtype=np.int32)
    organs = rows["organ"].str.strip()
    found = {"": node}
    for number, organ in organs.drop_duplicates().items():
        try:
            found.setdefault(organ, tree.find(organ))
        except TableError as error:
            raise TableError(f"{table}, row {int(number) + 1}: {error}") from error
    return organs.map(found).to_numpy(dtype=np.int32)


def _encode(texts: pd.Series) -> np.ndarray:
    """Texts as one array of UTF-8 bytes, which takes less memory than as many strings."""
    return np.array([text.encode() for text in texts], dtype=np.bytes_)
