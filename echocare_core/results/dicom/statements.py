"""What a run says of a study, row by row, with the images, lines and segments that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from echocare_core.results.dicom.findings import Statement
from echocare_core.results.dicom.report import image_of
from echocare_core.results.dicom.said import Said
from echocare_core.results.dicom.segments import Segmented
from echocare_core.results.lines import read_lines
from echocare_core.results.table import Row
from echocare_core.types import Details


class Reported(NamedTuple):
    """What is said of one file, and the segmentation object of it, where there is one."""

    said: Said
    segmented: Segmented | None


def statements_of(files: Sequence[Reported], of_study: Sequence[tuple[Row, Details]] = ()) -> Iterator[Statement]:
    """Every row about a study: those about the whole of it, then those about cines, then those about frames.

    Args:
        files: of the study.
        of_study: rows about the whole of it.

    Raises:
        OSError: a file with lines is gone.
    """
    images = tuple(image_of(one.said.source) for one in files)
    for row, details in of_study:
        yield Statement(row, details, images, files[0].said.source.size)
    for level in ("cine", "frame"):
        for one in files:
            for row, details in zip(one.said.rows, one.said.details, strict=True):
                if row.get("level", "frame") == level:
                    yield _statement(one, row, details)


def _statement(one: Reported, row: Row, details: Details) -> Statement:
    said, frame = one.said, row["frame"]
    if not isinstance(frame, int):  # which frame of the cine its places are in is not known
        return Statement(row, details, (image_of(said.source),), said.source.size)
    lines = read_lines(said.folder / details.lines) if details.lines else {}
    segments = one.segmented.segments.get(frame, ()) if one.segmented else ()
    return Statement(row, details, (image_of(said.source, frame),), said.source.size, lines, segments)
