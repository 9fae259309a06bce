"""Ends of axes beside those of a table: the key metric of a validation, and what an evaluation reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from ignite.metrics import Loss
from monai.utils import convert_to_numpy
from torch import Tensor

from echocare_core.evaluation.agreement import summarise_agreement
from echocare_core.evaluation.averages import mean_of, share_within
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.points import pair_ends, radial_errors_mm
from echocare_core.frames.manifest import read_number
from echocare_core.outputs import only_output
from echocare_core.tasks.classification import as_summary
from echocare_core.tasks.landmarks.columns import read_columns
from echocare_core.tasks.landmarks.heatmaps import read_ends
from echocare_core.tasks.landmarks.output import Measure
from echocare_core.tasks.measurements import known_spacing
from echocare_core.types import Measurement, Points

WITHIN_PX = (2, 4, 10)  # of success detection rates
AGREEMENT = ("bias", "lower_limit", "upper_limit")


def build_nearness(radius_px: float) -> Loss:
    """The key metric of a validation: the mean radial error in pixels of the network's input, below zero.

    Args:
        radius_px: of `read_ends`.
    """

    def errors(items: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
        found = [read_ends(item["pred"].as_subclass(Tensor).cpu(), radius_px=radius_px).places for item in items]
        true = [pair_ends(convert_to_numpy(item["label"]), one.numpy()) for item, one in zip(items, found, strict=True)]
        return torch.stack(found), torch.from_numpy(np.stack(true))

    return Loss(lambda found, true: -(found - true).norm(dim=-1).nanmean(), output_transform=errors)


def score_ends(
    item: Mapping[str, Any], *, columns: Sequence[Sequence[str]], measured: Sequence[str], measure: Measure
) -> dict[str, float]:
    """Set ends and what is measured between them beside the truth of the table; for `WriteEvaluation`.

    True ends have no order of their own: those of an axis are paired with the found ones so that they lie nearest.

    Args:
        item: with `outputs`, one `Points` among them, the picture, and the columns.
        columns: of the ends, as for `EndsOfColumnsd`.
        measured: names of measurements in mm; the truth is the item's own column of that name, such as
            head_circumference_mm, where it has one, else what is measured between the true ends.
        measure: of the true ends, as `EndsOutputd` has it for the found ones.

    Returns:
        For each point its distance from the true one, `POINT_px` and `POINT_mm`, and `POINT_marked`, 1 where the table
        has the true one, else 0; for each measurement `NAME_mm` and `NAME_mm_reference`. nan where one of both is not
        known.

    Raises:
        TableError: a cell that is no number.
        BundleError: not one `Points` in `outputs`.
    """
    points = only_output(item["outputs"], Points, "The score of ends")
    meta = item["image"].meta
    spacing = known_spacing(meta["spacing_mm"])
    true = convert_to_numpy(read_columns(item, columns))
    paired = pair_ends(true, points.positions_px.reshape(true.shape)).reshape(-1, 2)
    scales = {"px": (1.0, 1.0), "mm": spacing or (np.nan, np.nan)}
    errors = {
        f"{name}_{unit}": float(error)
        for unit, scale in scales.items()
        for name, error in zip(points.names, radial_errors_mm(points.positions_px, paired, scale), strict=True)
    }
    errors |= {f"{name}_marked": float(np.isfinite(one).all()) for name, one in zip(points.names, paired, strict=True)}
    found = {one.column: one.value for one in item["outputs"] if isinstance(one, Measurement)}
    top, left, bottom, right = (int(edge) for edge in meta["scan_box"])
    by_ends = {one.column: one.value for one in measure(true - (top, left), spacing, (bottom - top, right - left))}
    for column in (f"{name}_mm" for name in measured):
        errors[column] = found.get(column, np.nan)
        errors[f"{column}_reference"] = read_number(item, column) if column in item else by_ends.get(column, np.nan)
    return errors


def summarise_ends(rows: pd.DataFrame) -> dict[str, Summary]:
    """How far points lie from the true ones, and how far numbers do, each with its interval over groups.

    Args:
        rows: from `score_ends`, with `group`.

    Returns:
        `radial_error_mm` and `radial_error_px`, mean over all points of an image; `within_N_px`, of the points whose
        true place is marked the share no farther away than that, not found ones counted as farther; for each
        measurement `NAME_mm_error`, the mean absolute difference, and `NAME_mm_bias`, `_lower_limit` and `_upper_limit`
        (`summarise_agreement`).
    """
    measured = [name.removesuffix("_reference") for name in rows if str(name).endswith("_mm_reference")]
    points = [name.removesuffix("_px") for name in rows if str(name).endswith("_px")]
    numbers = {f"radial_error_{unit}": _mean_error(rows, points, unit) for unit in ("mm", "px")}
    marked = rows[[f"{name}_marked" for name in points]] == 1
    each = pd.concat(
        [rows[["group"]].assign(error_px=rows[f"{name}_px"])[marked[f"{name}_marked"]] for name in points],
        ignore_index=True,
    )
    for limit in WITHIN_PX:
        share = estimate(each, share_within("error_px", limit))
        numbers[f"within_{limit}_px"] = replace(share, images=int(marked.any(axis=1).sum()))
    for name in measured:
        both = rows.assign(measured=rows[name], truth=rows[f"{name}_reference"])
        agreement = summarise_agreement(both, "mm")
        numbers[f"{name}_error"] = agreement["mean_absolute_error"]
        numbers |= {f"{name}_{number}": agreement[number] for number in AGREEMENT}
    return {name: as_summary(one) for name, one in numbers.items()}


def errors_of_ends(rows: pd.DataFrame) -> pd.DataFrame:
    """The errors of each image, for a comparison image by image.

    Args:
        rows: from `score_ends`, with `image` and `group`.

    Returns:
        These two, `radial_error_mm` and `radial_error_px`, the mean over the points of the image, and for each
        measurement `NAME_mm_error`, its absolute difference from the truth.
    """
    found = rows[["image", "group"]].copy()
    points = [str(name).removesuffix("_px") for name in rows if str(name).endswith("_px")]
    for unit in ("mm", "px"):
        found[f"radial_error_{unit}"] = rows[[f"{name}_{unit}" for name in points]].mean(axis=1)
    for name in [str(name).removesuffix("_reference") for name in rows if str(name).endswith("_mm_reference")]:
        found[f"{name}_error"] = (rows[name] - rows[f"{name}_reference"]).abs()
    return found


def _mean_error(rows: pd.DataFrame, points: Sequence[str], unit: str) -> Estimate:
    error = rows[[f"{name}_{unit}" for name in points]].mean(axis=1)
    return estimate(rows.assign(error=error), mean_of("error", unit))
