"""Tables of images and labels: a CSV that any team can write for its own pictures, read strictly; Parquet as well.

Format: one row per image, UTF-8, comma separated, paths relative to the table.

    image                  path of a PNG, JPEG or DICOM file
    mask                   path of a PNG of the same size whose values are label numbers, 0 = background
                           (a mask of 0 and 255 only is read as 0 and 1); empty where nobody drew one
    group                  patient, study or acquisition: all its rows are in one split
    split                  train, val, test, or any other name for rows that are not used
    frame                  optional: 0-based number of a frame of a cine; empty for the first to train on, for all to
                           predict
    pixel_mm               optional: millimetres per (square) pixel of the file, 0.001 to 5; empty or nan where unknown

Further columns are kept for the bundle that names them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.errors import TableError
from echocare_core.frames.plausible import PIXEL_MM, is_within
from echocare_core.optional import import_package

PARQUET = ".parquet"
REQUIRED = ("image", "group", "split")
NAMES_SHOWN = 3


def read_table(
    table: str | Path, split: str, *, masks: bool = True, columns: Sequence[str] = ()
) -> list[dict[str, object]]:
    """Read the rows of one split.

    Args:
        table: the CSV or Parquet file, or a folder that holds it as `table.csv`.
        split: the value of the column `split` to keep.
        masks: keep only rows with a mask, and demand at least one.
        columns: further columns to carry along, as they stand.

    Returns:
        One mapping per row: `image` (path), `image_in_table` (the same as the table writes it), `group` (text),
        `pixel_mm` (nan where unknown), `frame` where the table has that column, and `columns`; with `masks` also `mask`
        (path) and `label`, the same path under the name that MONAI's engines expect the label map to have.

    Raises:
        TableError: no table, a column or file missing, a group in two splits or unnamed, a pixel_mm that is no length,
            a frame that is no number, or no row left.
    """
    path = Path(table)
    path = path / "table.csv" if path.is_dir() else path
    rows = read_csv(path)
    check_columns(rows, (*REQUIRED, *(["mask"] if masks else []), *columns), path)
    check_whole_groups(rows, path)
    kept = rows[rows["split"] == split]
    if masks:
        kept = kept[kept["mask"] != ""]
    if kept.empty:
        found = ", ".join(f"{name}: {count}" for name, count in rows["split"].value_counts().items())
        with_mask = " with a mask" if masks else ""
        raise TableError(f"{path} has no row{with_mask} in split '{split}' (found {found or 'no rows'}); needed one.")
    files = ["image", "mask"] if masks else ["image"]
    check_files(kept, files, path)
    return [_item(row, files, columns, path) for row in kept.to_dict("records")]


def read_csv(path: Path) -> pd.DataFrame:
    """All rows of a table as text, empty cells as ""; TableError where there is no such file, or no CSV in UTF-8."""
    if not path.is_file():
        raise TableError(f"No table at {path}; needed a CSV with the columns {', '.join(REQUIRED)}. Set dataset_dir.")
    if path.suffix.lower() == PARQUET:
        return _read_parquet(path)
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise TableError(f"{path} is not a comma-separated UTF-8 table: {error}. Save it as 'CSV UTF-8'.") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    """All rows of a Parquet table as the text that the same table has as CSV."""
    pa, parquet = (
        import_package(name, subject=f"{path} is Parquet, which", error=TableError)
        for name in ("pyarrow", "pyarrow.parquet")
    )
    try:
        table = parquet.read_table(path)
        texts = {name: table[name].cast(pa.string()).fill_null("").to_pylist() for name in table.column_names}
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"{path} is not a Parquet table of plain columns. Write it again, or use CSV.") from error
    return pd.DataFrame(texts, dtype=str)


def check_columns(rows: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """TableError unless the table read from `path` has all of `columns`."""
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise TableError(f"{path} lacks the columns {', '.join(missing)} (found {', '.join(rows.columns)}). Add them.")


def check_whole_groups(rows: pd.DataFrame, path: Path) -> None:
    """TableError where a row of the table read from `path` has no group, or a group stands in two splits.

    It names rows by their numbers and no group, which may be a patient's ID.
    """
    unnamed = np.flatnonzero(rows["group"].str.strip() == "")
    if unnamed.size:
        raise TableError(
            f"{path} has {len(unnamed)} rows without a group ({_row_numbers(unnamed)}); needed the patient, study or "
            "acquisition of each. Name them."
        )
    of_row = rows.groupby("group")["split"].transform("nunique")
    torn = np.flatnonzero(of_row > 1)
    if torn.size:
        groups = rows["group"].iloc[torn]
        first = np.flatnonzero(rows["group"] == groups.iloc[0])
        raise TableError(
            f"{path}: {groups.nunique()} groups stand in more than one split, the first of them in "
            f"{_row_numbers(first)}; needed each patient in one. Split by group."
        )


def _row_numbers(positions: NDArray[np.intp]) -> str:
    """Rows counted from 1 below the names of the columns: "rows 2, 5, 7 and more"."""
    shown = ", ".join(str(position + 1) for position in positions[:NAMES_SHOWN])
    return f"row{'s' if len(positions) > 1 else ''} {shown}{' and more' if len(positions) > NAMES_SHOWN else ''}"


def check_files(rows: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """TableError where a file is not there that `columns` of the rows name, relative to the table at `path`."""
    missing = [name for column in columns for name in rows[column] if not (path.parent / name).is_file()]
    if missing:
        raise TableError(
            f"{path} names {len(missing)} files that are not there ({', '.join(missing[:NAMES_SHOWN])}); paths are "
            f"relative to {path.parent}. Correct them or take the rows out."
        )


def _item(row: dict[str, str], files: Sequence[str], columns: Sequence[str], path: Path) -> dict[str, object]:
    paths = {column: str(path.parent / row[column]) for column in files}
    if "mask" in paths:
        paths["label"] = paths["mask"]
    pixel_mm = read_pixel_mm(row, path)
    frame = {"frame": read_frame_number(row, path) or 0} if "frame" in row else {}
    return {
        **paths,
        "image_in_table": row["image"],
        "group": row["group"],
        "pixel_mm": pixel_mm,
        **frame,
        **{column: row[column] for column in columns},
    }


def read_frame_number(row: Mapping[str, str], path: Path) -> int | None:
    """The frame that a row of the table at `path` names, None where it names none; TableError where it is no number."""
    text = row.get("frame", "").strip()
    if text and not (text.isascii() and text.isdigit()):
        raise TableError(
            f"{path}: frame of {row['image']} is '{text}'; needed a whole number from 0, or nothing. Correct it."
        )
    return int(text) if text else None


def read_pixel_mm(row: Mapping[str, str], path: Path) -> float:
    """Millimetres per pixel that a row of the table at `path` gives, nan where it gives none; TableError where it is no
    length."""
    text, image = row.get("pixel_mm", ""), row["image"]
    try:
        pixel_mm = float(text.strip() or "nan")
    except ValueError:
        pixel_mm = 0.0
    if not math.isnan(pixel_mm) and not is_within(pixel_mm, PIXEL_MM):
        raise TableError(
            f"{path}: pixel_mm of {image} is '{text}'; needed millimetres from {PIXEL_MM[0]} to {PIXEL_MM[1]:g}, which "
            "ultrasound has, or nothing. Correct it."
        )
    return pixel_mm
