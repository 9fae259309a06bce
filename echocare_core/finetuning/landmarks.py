"""Tables of landmarks: one row per point, as a team writes them, or one row per image, as a training reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.manifest import check_columns, where_rows_count

LANDMARK = "landmark"  # column of the completed table: how many points of the image are known, "" for none
POINT, PLACE = "point", ("column_px", "row_px")  # columns of a row per point; the place as x and y
LISTED = (POINT, *PLACE)


def one_row_per_image(rows: pd.DataFrame, points: Mapping[str, Sequence[str]], path: Path) -> pd.DataFrame:
    """The points of each image in the columns that a training reads, and in `landmark` how many there are.

    Args:
        rows: of the table, as text: with the columns of `points`; or with `point`, `row_px` and `column_px`, (row,
            column) in pixels of the recorded frame, a pixel's centre having whole numbers, a row for each point.
        points: name of each point -> columns for x (to the right) and y (down).
        path: of the table.

    Returns:
        One row per image (and frame, where there is that column) with `landmark`, in the order of the table and by the
        number of its first row there.

    Raises:
        TableError: columns that are missing, a point that is none of `points` or comes twice, a place that is no
            number, or rows of one image that say different things.
    """
    columns = [name for place in points.values() for name in place]
    if set(LISTED) <= set(rows):
        rows = _widened(rows, points, path)
    elif any(name in rows for name in columns):
        check_columns(rows, columns, path)
    else:
        check_columns(rows, LISTED, path)
    known = [(rows[list(place)] != "").all(axis=1) for place in points.values()]
    counts = pd.concat(known, axis=1).sum(axis=1)
    return rows.assign(**{LANDMARK: [str(count) if count else "" for count in counts]})


def _widened(rows: pd.DataFrame, points: Mapping[str, Sequence[str]], path: Path) -> pd.DataFrame:
    check_columns(rows, ("image",), path)
    check_no_faults(f"{path} has", list(_find_faults(rows, points)), where_rows_count(path))
    named = [name for name in ("image", "frame") if name in rows]
    images = rows.drop(columns=list(LISTED)).drop_duplicates(named)
    first = images.index  # a merge numbers anew
    for point, (across, down) in points.items():
        of_point = rows.loc[rows[POINT] == point, [*named, *PLACE]]
        of_point = of_point.rename(columns=dict(zip(PLACE, (across, down), strict=True)))
        images = images.merge(of_point, on=named, how="left")
    return images.set_index(first).fillna("")


def _find_faults(rows: pd.DataFrame, points: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is wrong with rows of points, each by its number."""
    named = [name for name in ("image", "frame") if name in rows]
    for row, name in rows[POINT].items():
        if name and name not in points:
            yield f"row {row + 1}, point '{name}' is none of {', '.join(points)}"
    for column in PLACE:
        for row, cell in rows[column].items():
            if cell and not _is_number(cell):
                yield f"row {row + 1}, {column} '{cell}' is no number"
    listed = rows[rows[POINT] != ""]
    for row in listed.index[listed.duplicated([*named, POINT])]:
        yield f"row {row + 1} names the point {rows[POINT][row]} of its image again"
    others = [name for name in rows if name not in (*LISTED, *named, "confidence")]
    for name in others:
        first = rows.groupby(named)[name].transform("first")
        for row in rows.index[rows[name] != first]:
            yield f"row {row + 1}, {name} is another than in the first row of its image"


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
