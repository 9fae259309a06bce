"""Scores beside true classes: at the bundle's operating point, over all thresholds, and class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.activations import OF_MAPS, ActivationMaps
from echocare_core.assessment.kinds.question import Measure, Question, Unscored
from echocare_core.assessment.matching import CLASSES, Matcher
from echocare_core.assessment.results_folder import scores_in
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.calibration import summarise_calibration
from echocare_core.evaluation.estimate import Estimate
from echocare_core.evaluation.many_classes import kappa, mean_auc, mean_sensitivity
from echocare_core.evaluation.per_patient import summarise_patients
from echocare_core.evaluation.two_classes import (
    ACCURACY,
    AUC,
    AVERAGE_PRECISION,
    BALANCED_ACCURACY,
    BRIER,
    F1,
    NPV,
    PPV,
    SENSITIVITY,
    SPECIFICITY,
)
from echocare_core.outputs import mean_of_scores
from echocare_core.types import OperatingPoint

SEVERAL = "mean of"


class ClassQuestion(Question):
    """One question with classes.

    Args:
        name: of the question, such as "pathology".
        classes: that the bundle knows.
        point: its operating point; None where the likeliest class is the answer.
        maps: its class activation maps beside drawn masks; None for none.
    """

    kind = "Scores"
    rule = "Of several results for one label the mean probability of each class counts, at the same operating point."

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        point: OperatingPoint | None = None,
        maps: ActivationMaps | None = None,
    ) -> None:
        super().__init__(name)
        self.maps = maps
        self.classes, self.point = tuple(classes), point
        self._matcher = Matcher(self.classes, CLASSES)
        self.worst = (f"{name}_doubt", True)

    @property
    def asked(self) -> str:
        """The class that is asked about: that of the operating point, else the last of two; "" of more."""
        return self.point.label if self.point else self.classes[-1] if len(self.classes) == 2 else ""

    @property
    def threshold(self) -> float:
        """The probability of the class that is asked about from which on it is the answer."""
        return self.point.threshold if self.point else 0.5

    def is_labelled(self, case: Case) -> bool:
        """Whether a class stands there."""
        return bool(case.cell(self.name))

    def score(self, case: Case) -> dict[str, object]:
        """The true class, the answer, the probability of each class, and how far off the answer is."""
        true = self._true_class(case)
        found = [one for row in case.rows if (one := scores_in(row, self.name, self.classes))]
        if not found:
            raise Unscored("it has no scores in the results")
        scores = replace(mean_of_scores(found), operating_point=self.point)
        return {
            f"{self.name}_reference": true,
            self.name: scores.answer,
            f"{self.name}_right": float(scores.answer == true),
            **{f"{self.name}_{name}_probability": value for name, value in scores.probabilities.items()},
            f"{self.name}_doubt": 1 - scores.probabilities[true],
            **{f"{self.name}_{one}": value for one, value in (self.maps.score(case) if self.maps else {}).items()},
        }

    def _true_class(self, case: Case) -> str:
        cell = case.cell(self.name)
        return self._matcher.of_bundle(cell, f"'{cell}' as {self.name}")

    def failed(self, rows: pd.DataFrame) -> pd.Series:
        """Those with a wrong answer."""
        return rows[f"{self.name}_right"] == 0

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With `truth` and `answer` as names of classes, for confusion."""
        return rows.assign(truth=rows[f"{self.name}_reference"], answer=rows[self.name])

    def prepared(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With `truth`, `answer` and `score`, as statistics of two or of many classes read them."""
        named = {f"{one}_probability": rows[f"{self.name}_{one}_probability"] for one in self.classes}
        if not self.asked:
            return rows.assign(truth=rows[f"{self.name}_reference"], answer=rows[self.name], **named)
        truth = (rows[f"{self.name}_reference"] == self.asked).astype(float)
        answer = (rows[self.name] == self.asked).astype(float)
        return rows.assign(truth=truth, answer=answer, score=rows[f"{self.name}_{self.asked}_probability"], **named)

    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """Of a class that is asked about, its statistics of yes and no; else those over all classes."""
        named = self._of_two() if self.asked else self._of_many()
        named += [
            (one, words, mean_of(f"{self.name}_{one}"), better, False)
            for one, words, better in OF_MAPS
            if f"{self.name}_{one}" in rows
        ]
        return tuple(
            Measure(f"{self.name}_{name}", f"{words}", statistic, better, headline)
            for name, words, statistic, better, headline in named
        )

    def more(self, rows: pd.DataFrame) -> Mapping[str, Estimate]:
        """Calibration of the class that is asked about; decisions on patients who have several images."""
        patients = summarise_patients(self.named(rows), self.classes, self.point).numbers
        return {**(summarise_calibration(rows) if self.asked else {}), **patients}

    def _of_two(self) -> list[tuple]:
        return [
            ("auc", f"AUC, {self._asked_words}", AUC, "higher", True),
            ("sensitivity", f"Sensitivity for {self._asked_words}", SENSITIVITY, "higher", True),
            ("specificity", "Specificity", SPECIFICITY, "higher", True),
            ("ppv", "Positive predictive value", PPV, "higher", False),
            ("npv", "Negative predictive value", NPV, "higher", False),
            ("accuracy", "Accuracy", ACCURACY, "higher", False),
            ("balanced_accuracy", "Balanced accuracy", BALANCED_ACCURACY, "higher", False),
            ("f1", "F1", F1, "higher", False),
            ("average_precision", "Average precision", AVERAGE_PRECISION, "higher", False),
            ("brier", "Brier score (0 is best)", BRIER, "lower", False),
        ]

    def _of_many(self) -> list[tuple]:
        return [
            ("accuracy", "Accuracy", ACCURACY, "higher", True),
            ("balanced_accuracy", "Balanced accuracy", mean_sensitivity(self.classes), "higher", True),
            ("auc", "AUC, mean over classes", mean_auc(self.classes), "higher", True),
            ("kappa", "Kappa", kappa(self.classes), "higher", False),
        ]

    @property
    def _asked_words(self) -> str:
        return self.asked.replace("_", " ")
