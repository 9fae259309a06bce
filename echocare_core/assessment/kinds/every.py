"""Which outputs of a bundle a table of labels speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from echocare_core.assessment.kinds.activations import ActivationMaps, read_lesion_label
from echocare_core.assessment.kinds.boxes import CORNERS, BoxQuestion
from echocare_core.assessment.kinds.classes import ClassQuestion
from echocare_core.assessment.kinds.masks import MaskQuestion
from echocare_core.assessment.kinds.numbers import number_question
from echocare_core.assessment.kinds.points import PointQuestion
from echocare_core.assessment.kinds.question import Question
from echocare_core.assessment.kinds.texts import TextQuestion
from echocare_core.assessment.labels import Labels
from echocare_core.assessment.matching import nearest
from echocare_core.assessment.results_folder import PROBABILITY, THRESHOLD, ResultsFolder, scores_in
from echocare_core.bundle import mask_labels
from echocare_core.errors import TableError
from echocare_core.result_files import BOXES, POINTS
from echocare_core.results.table import ACTIVATION_FILE

OBJECTS = "dicom_"  # columns that begin so name DICOM objects, which hold what other columns say
OF_OTHERS = ("_uid", "_file", "_nearest_similarity", PROBABILITY, THRESHOLD)  # endings of columns of other kinds
FIXED = {
    *("bundle", "source", "frame", "frame_time_ms", "level", "study", "image", "group", "spacing_row_mm"),
    *("spacing_column_mm", "notes", "doubts", "mask", "overlay", "weights_sha256"),
}


def find_questions(
    labels: Labels, results: ResultsFolder, bundle: Path, *, threshold: int | None = None
) -> tuple[Question, ...]:
    """What the labels ask of the results, in the order of the table.

    Args:
        labels: the table.
        results: of the bundle.
        bundle: its folder, whose metadata name the labels of masks.
        threshold: of drawn masks, see `read_mask`.

    Raises:
        TableError: nothing; a number in a unit that cannot be compared.
    """
    found = {one.name: one for one in _questions(labels, results, bundle, threshold)}
    if not found:
        raise TableError(_nothing(labels, results))
    return tuple(found.values())


def measured_columns(results: ResultsFolder) -> list[str]:
    """Columns of results that hold numbers that were measured."""
    rows, questions = results.rows, results.questions
    return [
        column
        for column in map(str, rows.columns)
        if column not in FIXED
        and column not in questions
        and not column.endswith(OF_OTHERS)
        and pd.to_numeric(rows.loc[rows[column] != "", column], errors="coerce").notna().all()
    ]


def _questions(labels: Labels, results: ResultsFolder, bundle: Path, threshold: int | None) -> Iterator[Question]:
    measured = measured_columns(results)
    for column in labels.columns:
        if column == "mask" and "mask" in results.rows.columns:
            yield MaskQuestion(_mask_labels(bundle), results.folder, labels.path.parent, threshold)
        elif column in results.questions:
            yield _class_question(column, results, labels.path.parent, read_lesion_label(bundle), threshold)
        elif column == "point" and POINTS in results.listed:
            yield PointQuestion(results.listed[POINTS].to_dict("records"))
        elif column in _texts(results):
            yield TextQuestion(column, results.folder)
        elif question := number_question(column, measured):
            yield question
    if set(CORNERS) <= set(labels.columns) and _box_classes(results):
        boxes = results.listed[BOXES].to_dict("records") if BOXES in results.listed else []
        yield BoxQuestion(boxes, _box_classes(results))


def _mask_labels(bundle: Path) -> dict[int, str]:
    """As parts of the names of columns; 1 is "label_1" where the metadata name none."""
    return {value: name.replace(" ", "_") for value, name in mask_labels(bundle).items()} or {1: "label_1"}


def _class_question(
    name: str, results: ResultsFolder, table: Path, lesion: int | None, threshold: int | None
) -> ClassQuestion:
    classes = results.questions[name]
    every = (scores_in(row, name, classes) for row in results.rows.to_dict("records"))
    first = next((one for one in every if one), None)
    maps = ActivationMaps(f"{name}{ACTIVATION_FILE}", results.folder, table, lesion, threshold)
    return ClassQuestion(name, classes, first.operating_point if first else None, maps)


def _box_classes(results: ResultsFolder) -> list[str]:
    ending = "_boxes_count"
    return [column.removesuffix(ending) for column in map(str, results.rows.columns) if column.endswith(ending)]


def _texts(results: ResultsFolder) -> list[str]:
    files = [column for column in map(str, results.rows.columns) if column.endswith("_file")]
    texts = [one for one in files if not one.startswith(OBJECTS) and not one.endswith(ACTIVATION_FILE)]
    return [column.removesuffix("_file") for column in texts]


def _nothing(labels: Labels, results: ResultsFolder) -> str:
    masks = ["mask"] if "mask" in results.rows.columns else []
    boxes = [*CORNERS] if _box_classes(results) else []
    points = ["point", "row_px", "column_px"] if POINTS in results.listed else []
    known = [*masks, *results.questions, *measured_columns(results), *_texts(results), *boxes, *points]
    near = [(one, close[0]) for one in labels.columns if (close := nearest(one, known, 1))]
    meant = f" Did you mean {near[0][1]} by {near[0][0]}?" if near else ""
    return (
        f"{labels.path.name} has no label of what {results.bundle} gives, but {', '.join(labels.columns) or 'none'}; "
        f"needed one of {', '.join(known) or 'nothing: this bundle gives nothing that can be scored'}.{meant} Name the "
        "column so, or say which one is meant, by --column OUTPUT=COLUMN."
    )
