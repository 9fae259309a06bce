"""How each kind of output stands in the tables; a new kind is a module beside this one and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from echocare_core.result_files import BOXES, EMBEDDINGS, POINTS
from echocare_core.results.table.boxes import BOX_COLUMNS, boxes_fault, list_boxes, write_boxes
from echocare_core.results.table.class_activation import activation_fault, write_activation
from echocare_core.results.table.embedding import (
    embedding_columns,
    embedding_fault,
    list_embedding,
    write_embedding,
)
from echocare_core.results.table.mask import mask_fault, write_mask
from echocare_core.results.table.measurement import measurement_fault, write_measurement
from echocare_core.results.table.picture import picture_fault, write_picture
from echocare_core.results.table.place import Entries, Place
from echocare_core.results.table.points import POINT_COLUMNS, list_points, points_fault, write_points
from echocare_core.results.table.scores import scores_fault, write_scores
from echocare_core.results.table.text import write_text
from echocare_core.types import Boxes, ClassActivation, Embedding, Mask, Measurement, Picture, Points, Scores, Text


class Listed(NamedTuple):
    """A table of its own: its name, its columns beside those that say whose a row is, and the rows of one output."""

    name: str
    columns: Callable[[Sequence[Any]], Mapping[str, type]]  # of all outputs of the kind: str or float
    rows: Callable[[Any], Iterator[tuple[object, ...]]]


class Kind(NamedTuple):
    """How one kind is written: its entries in `results.csv`, what can be wrong with it, and its own table."""

    write: Callable[[Any, Place], Entries]
    fault: Callable[[Any, tuple[int, int] | None], str | None] = lambda output, image_px: None
    listed: Listed | None = None


KINDS: dict[type, Kind] = {
    Mask: Kind(write_mask, mask_fault),
    Boxes: Kind(write_boxes, boxes_fault, Listed(BOXES, lambda _: BOX_COLUMNS, list_boxes)),
    Points: Kind(write_points, points_fault, Listed(POINTS, lambda _: POINT_COLUMNS, list_points)),
    Scores: Kind(write_scores, scores_fault),
    ClassActivation: Kind(write_activation, activation_fault),
    Picture: Kind(write_picture, picture_fault),
    Text: Kind(write_text),
    Measurement: Kind(write_measurement, measurement_fault),
    Embedding: Kind(write_embedding, embedding_fault, Listed(EMBEDDINGS, embedding_columns, list_embedding)),
}
