"""Tables of images and labels: a CSV that any team can write for its own pictures; Parquet as well.

Format: one row per image, UTF-8, comma separated, paths relative to the table.

    image                  path of a PNG, JPEG or DICOM file
    mask                   path of a PNG of the same size whose values are label numbers, 0 = background
                           (a mask of 0 and 255 only is read as 0 and 1), or of another form that
                           `echocare_core.transforms.mask.read_mask` reads; several paths between semicolons are one
                           mask together; `nothing` where there is nothing to draw; empty where nobody drew one
    group                  patient, study or acquisition: all its rows are in one split
    split                  train, val, test, or any other name for rows that are not used
    frame                  optional: 0-based number of a frame of a cine; empty for the first to train on, for all to
                           predict
    pixel_mm               optional: millimetres per (square) pixel of the file, above 0; empty or nan where unknown

Further columns are kept for the bundle that names them. What spreadsheets make of such a table is read too, and told
(`echocare_core.frames.spelling`). Mistakes are told all at once.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.frames.elsewhere import is_elsewhere
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.groups import find_group_faults
from echocare_core.frames.leaks import find_leaks
from echocare_core.frames.mask_files import place_masks, split_masks
from echocare_core.frames.plausible import PIXEL_MM, is_within
from echocare_core.frames.same_picture import ListedPicture
from echocare_core.frames.spelling import SPLITS, WRITTEN, check_names, normalise, parse_table, say_reading
from echocare_core.optional import import_package

PARQUET = ".parquet"
REQUIRED = ("image", "group", "split")
MASK = "mask"
FILES = ("image", MASK)
COLUMNS = (*FILES, "group", "split", "frame", "pixel_mm")
TOGETHER = ("train", "val")  # splits that one training reads
USED = ("train", "unlabelled", "val", "test")  # splits in which a picture may stand once
LONGEST_NAME, MOST_NAMES = 40, 30  # of columns, in a sentence
logger = logging.getLogger(__name__)


def read_table(
    table: str | Path,
    split: str,
    *,
    masks: bool | None = True,
    columns: Sequence[str] = (),
    optional: Sequence[str] = (),
    check: Callable[[Mapping[str, Any]], None] = lambda item: None,
) -> list[dict[str, object]]:
    """Read the rows of one split.

    Args:
        table: the CSV or Parquet file, or a folder that holds it as `table.csv`.
        split: the value of the column `split` to keep.
        masks: keep only rows with a mask, and demand at least one; None keeps all rows, and carries the masks of those
            that have one.
        columns: further columns to carry along, as they stand.
        optional: the same of columns that a table may be without.
        check: raises what is wrong with the files of a row, as a TableError or UnreadableFrames.

    Returns:
        One mapping per row: `image` (path), `image_in_table` (the same as the table writes it), `group` (text),
        `pixel_mm` (nan where unknown), `frame` where the table has that column, and `columns`; with `masks` also `mask`
        (path, "" where there is none) and `label`, the same path under the name that MONAI's engines expect the label
        map to have.

    Raises:
        TableError: no table, a column or file missing, a group or a picture in two splits, a row without a group, a
            pixel_mm that is no length, a frame that is no number, a row that `check` refuses, or no row left. It names
            the first ten; of the splits train and val, which a training reads both, together.
    """
    path = Path(table)
    path = path / "table.csv" if path.is_dir() else path
    rows = read_csv(path, (*COLUMNS, *columns, *optional))
    columns = (*columns, *(name for name in optional if name in rows))
    check_columns(rows, (*REQUIRED, *(["mask"] if masks else []), *columns), path)
    wanted = SPLITS.get(split.casefold(), split)
    of_split = rows[rows["split"] == wanted]
    kept = of_split[of_split["mask"] != ""] if masks else of_split
    files = FILES if masks or (masks is None and MASK in rows) else FILES[:1]
    looked_at = rows[rows["split"].isin(TOGETHER if wanted in TOGETHER else [wanted])]
    looked_at = looked_at[looked_at["mask"] != ""] if masks else looked_at
    faults = [*find_group_faults(rows, path), *_find_row_faults(looked_at, files, columns, path, check)]
    check_no_faults(f"{path} has", list(dict.fromkeys(faults)), where_rows_count(path))
    if kept.empty:
        found = ", ".join(f"{name}: {count}" for name, count in rows["split"].value_counts().items())
        with_mask = " with a mask" if masks else ""
        raise TableError(f"{path} has no row{with_mask} in split '{split}' (found {found or 'no rows'}); needed one.")
    if len(kept) < len(of_split):
        say_left_out(path, split, len(of_split) - len(kept), len(of_split))
    check_no_faults(f"{path} has", find_leaks(list_pictures(rows, wanted, path), wanted, path), where_rows_count(path))
    return [_item(row, files, columns, path) for row in kept.to_dict("records")]


def read_csv(path: Path, known: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """All rows of a table as text, empty cells as ""; `image_in_table` has the paths of images as they are written.

    Args:
        path: CSV or Parquet.
        known: columns that are asked for, in whatever spelling.

    Raises:
        TableError: no such file, or no table.
    """
    if not path.is_file():
        raise TableError(f"No table at {path}; needed a CSV with the columns {', '.join(REQUIRED)}. Set dataset_dir.")
    notes: list[str] = []
    if path.suffix.lower() == PARQUET:
        rows = _read_parquet(path)
    else:
        try:
            rows, notes = parse_table(path.read_bytes(), path)
        except ValueError as error:
            raise TableError(
                f"{path} is not a comma-separated UTF-8 table: {error}. Save it as 'CSV UTF-8'."
            ) from error
    notes += normalise(rows, known, [name for name in FILES if name in known], path)
    if notes:
        say_reading(path, tuple(notes))
    return rows


def _read_parquet(path: Path) -> pd.DataFrame:
    """All rows of a Parquet table as the text that the same table has as CSV."""
    pa, parquet = (
        import_package(name, subject=f"{path} is Parquet, which", error=TableError)
        for name in ("pyarrow", "pyarrow.parquet")
    )
    try:
        table = parquet.read_table(path)
        check_names(table.column_names, path)
        texts = {name: table[name].cast(pa.string()).fill_null("").to_pylist() for name in table.column_names}
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"{path} is not a Parquet table of plain columns. Write it again, or use CSV.") from error
    return pd.DataFrame(texts, dtype=str)


def check_columns(rows: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """TableError unless the table read from `path` has all of `columns`."""
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        found = ", ".join(str(column)[:LONGEST_NAME] for column in rows.columns[:MOST_NAMES] if column != WRITTEN)
        raise TableError(f"{path} lacks the columns {', '.join(missing)} (found {found}). Add them.")


def where_rows_count(path: Path) -> str:
    """What to do about mistakes of a table, in a sentence."""
    return f"Correct these rows, counted from 1 below the names of the columns; paths are relative to {path.parent}."


def find_missing(rows: pd.DataFrame, columns: Sequence[str], path: Path) -> Iterator[str]:
    """Files that are not there, though `columns` of the rows name them, relative to the table at `path`."""
    for row, cells in zip(rows.index, rows[list(columns)].to_dict("records"), strict=True):
        for column in columns:
            for name in absent_files(cells, column, path):
                yield f"row {row + 1}, {column} {name or 'without a name'} {is_elsewhere(name) or 'is not there'}"


def absent_files(cells: Mapping[str, str], column: str, path: Path) -> list[str]:
    """Files that a cell of a row names, relative to the table at `path`, and that are not there."""
    if column == MASK and not cells[column]:
        return []
    names = split_masks(cells[column], path.parent) if column == MASK else [cells[column]]
    return [name for name in names if not os.path.isfile(path.parent / name)]


def find_wrong_numbers(rows: pd.DataFrame) -> Iterator[str]:
    """Cells of `pixel_mm` and `frame` that are none."""
    for row, cells in zip(rows.index, rows.to_dict("records"), strict=True):
        for read in (read_pixel_mm, read_frame_number):
            try:
                read(cells)
            except TableError as error:
                yield f"row {row + 1}, {error}"


def _find_row_faults(
    rows: pd.DataFrame,
    files: Sequence[str],
    columns: Sequence[str],
    path: Path,
    check: Callable[[Mapping[str, Any]], None],
) -> Iterator[str]:
    """Files that are not there and cells that are no numbers; where the files are there, what `check` finds."""
    yield from find_missing(rows, files, path)
    yield from find_wrong_numbers(rows)
    for row, cells in zip(rows.index, rows.to_dict("records"), strict=True):
        if any(absent_files(cells, name, path) for name in files):
            continue
        try:
            check(_item(cells, files, columns, path))
        except (TableError, UnreadableFrames) as error:
            yield f"row {row + 1}, {str(error).rstrip('.')}"


def list_pictures(rows: pd.DataFrame, split: str, path: Path) -> list[ListedPicture]:
    """The pictures of a split, and of the others that are used."""
    return [
        ListedPicture(
            int(row), path.parent / cells["image"], read_frame_number(cells) or 0, cells["split"], cells["group"]
        )
        for row, cells in zip(rows.index, rows.to_dict("records"), strict=True)
        if cells["split"] in (*USED, split) and (path.parent / cells["image"]).is_file()
    ]


def say_left_out(path: Path, split: str, count: int, rows: int) -> None:
    """Say how many rows have no mask."""
    logger.warning("%s: %d of %d rows of the split %s have no mask and are left out.", path, count, rows, split)


def _item(row: dict[str, str], files: Sequence[str], columns: Sequence[str], path: Path) -> dict[str, object]:
    paths = {column: str(path.parent / row[column]) for column in files}
    if MASK in paths:
        paths["label"] = paths[MASK] = row[MASK] and place_masks(row[MASK], path.parent)
    frame = {"frame": read_frame_number(row) or 0} if "frame" in row else {}
    return {
        **paths,
        WRITTEN: row[WRITTEN],
        "group": row["group"],
        "pixel_mm": read_pixel_mm(row),
        **frame,
        **{column: row[column] for column in columns},
    }


def read_frame_number(row: Mapping[str, str]) -> int | None:
    """The frame that a row of a table names, None where it names none; TableError where it is no number.

    pandas writes a column of whole numbers with an empty cell as 3.0.
    """
    text = row.get("frame", "")
    number = text.removesuffix(".0")
    if text and not (number.isascii() and number.isdigit()):
        raise TableError(f"frame of {row['image']} is '{text}', needed a whole number from 0 or nothing")
    return int(number) if text else None


def read_pixel_mm(row: Mapping[str, str]) -> float:
    """Millimetres per pixel that a row of a table gives, nan where it gives none; TableError where it is no length."""
    text = row.get("pixel_mm", "")
    try:
        pixel_mm = float(text or "nan")
    except ValueError:
        pixel_mm = 0.0
    if not math.isnan(pixel_mm) and not is_within(pixel_mm, PIXEL_MM):
        raise TableError(
            f"pixel_mm of {row['image']} is '{text}', needed millimetres from {PIXEL_MM[0]} to {PIXEL_MM[1]:g}, which "
            "ultrasound has, or nothing"
        )
    return pixel_mm


def read_number(row: Mapping[Any, Any], column: str) -> float:
    """The number in a further column of a row, nan where the cell is empty; TableError where it is none."""
    try:
        return float(row[column] or "nan")
    except ValueError as error:
        beside = Path(str(row.get(MASK) or row.get(WRITTEN) or "an image")).name
        raise TableError(
            f"{column} beside {beside} is '{row[column]}'; needed a number, or nothing. Correct it."
        ) from error
