"""Several images of a patient as one decision: the mean of their probabilities, as of the frames of a cine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from echocare_core.counting import counted
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.many_classes import mean_auc, mean_sensitivity
from echocare_core.types import OperatingPoint, Scores


class PerPatient(NamedTuple):
    """Numbers of decisions on patients.

    Attributes:
        numbers: by name, of as many images as were combined; empty where no patient has several.
        left_out: patients whose images are of several classes, so that there is no truth about them.
    """

    numbers: dict[str, Estimate]
    left_out: int = 0


def summarise_patients(rows: pd.DataFrame, classes: Sequence[str], point: OperatingPoint | None) -> PerPatient:
    """How good the decisions on patients are, where one has several images.

    The probabilities of a patient are the means of those of the images, and become an answer at the same operating
    point. A patient whose images are of several classes is left out and counted: neither the worst class nor the
    commonest is what a mean of all images is asked for.

    Args:
        rows: one per image, with `group` (patient), `truth` (name of the class) and `CLASS_probability`.
        classes: names of the classes.
        point: where a probability becomes an answer; None where the likeliest class is the answer.

    Returns:
        `auc_per_patient` (mean over the classes, each against the others) and `balanced_accuracy_per_patient`.
    """
    of_patient = rows.groupby("group", sort=False)
    if of_patient.ngroups == len(rows):
        return PerPatient({})
    chances = [f"{name}_probability" for name in classes]
    alike = of_patient["truth"].nunique() == 1
    patients = of_patient[chances].mean().assign(truth=of_patient["truth"].first())[alike].reset_index()
    patients["answer"] = [
        Scores("", dict(zip(classes, values, strict=True)), point).answer for values in patients[chances].to_numpy()
    ]
    left_out, images = int((~alike).sum()), int(rows["group"].isin(patients["group"]).sum())
    said = f"{counted(left_out, 'patient')} with images of several classes left out." if left_out else ""
    statistics = {"auc_per_patient": mean_auc(classes), "balanced_accuracy_per_patient": mean_sensitivity(classes)}
    found = {name: estimate(patients, one) for name, one in statistics.items()}
    return PerPatient(
        {
            name: replace(one, images=images, warning=" ".join(filter(None, (one.warning, said))))
            for name, one in found.items()
        },
        left_out,
    )
