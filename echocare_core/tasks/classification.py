"""Classification: the probability of each class for a frame, and of its cine or study as their mean."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.handlers import ROCAUC
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from torch import Tensor, nn

from echocare_core.errors import SettingsError, TableError
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.calibration import STATISTICS
from echocare_core.evaluation.estimate import as_summary, estimate
from echocare_core.evaluation.many_classes import mean_auc, mean_sensitivity
from echocare_core.evaluation.per_patient import summarise_patients
from echocare_core.evaluation.statistic import Numbers, Statistic
from echocare_core.models import EncoderProfile, starting_encoder
from echocare_core.outputs import mean_of_scores, only_output
from echocare_core.tasks.class_activation import IN_MASK, MASK_SHARE, of_picture, score_activation
from echocare_core.tasks.prevalence import PrevalenceShift
from echocare_core.types import Output, Scores

CALIBRATION_ERROR = STATISTICS["expected_calibration_error"]


class ClassificationNetwork(nn.Module):
    """An encoder, the mean of its deepest feature map, and a linear layer.

    Args:
        classes: number of classes.
        encoder: name of the encoder's profile, or its numbers.
        encoder_weights: file of such an encoder to start from, "embedded", or None; see `starting_encoder`.
        dropout: share of the features that is dropped in training.
    """

    def __init__(
        self, *, classes: int, encoder: str | EncoderProfile, encoder_weights: str | Path | None = None, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.encoder.profile.channels[-1], classes))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes) of float32 images (batch, 3, height, width) in [0, 1], upright."""
        return self.head(self.encoder(image)[-1].mean(dim=(-2, -1)))


class ClassActivationNetwork(ClassificationNetwork):
    """The same network with the same weights, for inference: what it says of the picture, place by place.

    Both the mean and the linear layer are linear, so they can change places (Zhou et al., CVPR 2016, arXiv 1512.04150,
    equations 1 and 2): the mean over all places is what `ClassificationNetwork` says.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes, rows, columns) of images as of `ClassificationNetwork`."""
        return self.head(self.encoder(image)[-1].movedim(1, -1)).movedim(-1, 1)


class ClassOfColumnd(MapTransform):
    """Turn the name of a class, as a table gives it, into its number, int64.

    Args:
        keys: where the number goes, such as "label".
        column: of the table, carried along by `TableDataset(columns=...)`.
        classes: names, in the order of the network's outputs.

    Raises:
        TableError: a name that is none of them.
    """

    def __init__(self, keys: KeysCollection, column: str, classes: Sequence[str]) -> None:
        super().__init__(keys)
        self.column, self.classes = column, list(classes)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        number = class_number(item, self.column, self.classes)
        return {**item, **{key: torch.tensor(number) for key in self.keys}}


class ClassificationOutputd(MapTransform):
    """The network's logits as probabilities of the classes, in `outputs` of the item.

    Args:
        keys: logits (classes,), or (classes, rows, columns) of places whose mean counts; they stay as they are.
        name: of the question, such as "pathology".
        classes: names, in the order of the network's outputs.
        operating_point: {"label": class, "threshold": probability} from which on the answer is that class; fixed on
            data that are not reported on. None where the likeliest class is the answer.
        temperature: what the logits are divided by, fitted on data that are not reported on
            (`echocare_core.tasks.calibration`); 1 leaves them as they are.
        prevalence: moves probabilities and operating point to another prevalence; None leaves them as they are.
    """

    def __init__(
        self,
        keys: KeysCollection,
        name: str,
        classes: Sequence[str],
        operating_point: Mapping[str, Any] | None,
        temperature: float = 1.0,
        prevalence: PrevalenceShift | None = None,
    ) -> None:
        super().__init__(keys)
        self.name, self.classes = name, list(classes)
        if not temperature > 0:
            raise SettingsError(f"temperature is {temperature!r}; needed a number above 0. Set temperature so.")
        self.temperature = float(temperature)
        self.prevalence = prevalence or PrevalenceShift(classes)
        self.operating_point = self.prevalence.operating_point(operating_point)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            logits = torch.as_tensor(item[key]).float()
            probabilities = convert_to_numpy((of_picture(logits) / self.temperature).softmax(dim=0))
            named = dict(zip(self.classes, map(float, probabilities), strict=True))
            item["outputs"] = (Scores(self.name, self.prevalence.probabilities(named), self.operating_point),)
        return item


def mean_scores(parts: Sequence[Sequence[Output]]) -> tuple[Output, ...]:
    """Scores of a cine or a study: the mean probability of each class over its frames; for `WriteResults`.

    Args:
        parts: outputs of each frame, one `Scores` among them.

    Raises:
        BundleError: not one `Scores` in each.
    """
    scores = [only_output(outputs, Scores, "The mean over frames") for outputs in parts]
    return (mean_of_scores(scores),)


def class_number(item: Mapping[Hashable, Any], column: str, classes: Sequence[str]) -> int:
    """Number of the class that a row of a table names.

    Args:
        item: with the column; the error names its `image`, a path or what was read from it.
        column: of the table.
        classes: names of the classes.

    Raises:
        TableError: it is none of `classes`.
    """
    name = str(item[column])
    if name not in classes:
        found = f"The table's column {column} says '{name}'{_of_image(item)}"
        raise TableError(f"{found}; needed {', '.join(classes)}. Correct that row.")
    return list(classes).index(name)


def _of_image(item: Mapping[Hashable, Any]) -> str:
    """Words for a message, " of FILE"; nothing where the item does not say which file its image is."""
    image = item.get("image")
    source = image.meta.get("filename_or_obj") if isinstance(image, MetaTensor) else image
    return f" of {Path(source).name}" if isinstance(source, (str, Path)) else ""


def build_mean_auc(classes: int) -> ROCAUC:
    """The key metric of a validation: area under the ROC curve, mean over the classes.

    Of `pred`, logits (classes,) or of places (classes, rows, columns), and `label`, the number of the class.
    """

    def one_hot(items: Sequence[Mapping[str, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
        scores = [of_picture(item["pred"].float()).softmax(dim=0) for item in items]
        truths = [nn.functional.one_hot(torch.as_tensor(item["label"]).long(), classes) for item in items]
        return scores, truths

    return ROCAUC(average="macro", output_transform=one_hot)


def score_classes(
    item: Mapping[Hashable, Any], *, column: str, classes: Sequence[str], lesion: int | None = None
) -> dict[str, Any]:
    """Set an answer beside the truth of the table; for `WriteEvaluation`.

    Args:
        item: with `outputs`, one `Scores` among them, and the column; maybe a map and a drawn `mask`.
        column: of the table, the name of the true class.
        classes: names of the classes.
        lesion: label number of the lesion in drawn masks; None: all that is drawn is.

    Returns:
        `truth` and `answer` (numbers of classes), `CLASS_probability` of each class, and what `score_activation` says.

    Raises:
        TableError: a true class that is none of them, or a mask that cannot be read.
        BundleError: not one `Scores` in `outputs`.
    """
    scores = only_output(item["outputs"], Scores, "The score of classes")
    truth = class_number(item, column, classes)
    probabilities = {f"{name}_probability": scores.probabilities[name] for name in classes}
    answer = list(classes).index(scores.answer)
    return {"truth": truth, "answer": answer, **probabilities, **score_activation(item, lesion)}


def summarise_classes(
    rows: pd.DataFrame,
    *,
    classes: Sequence[str],
    operating_point: Mapping[str, Any] | None,
    prevalence: PrevalenceShift | None = None,
) -> dict[str, Summary]:
    """Numbers with intervals: `class_statistics`, `summarise_patients`, and the means of `score_activation`.

    Args:
        rows: from `score_classes`, with `group`.
        classes: names of the classes.
        operating_point, prevalence: as of `ClassificationOutputd`, for decisions on patients.

    Returns:
        By name. `groups_left_out` of the numbers per patient counts patients with images of several classes.
    """
    named = name_answers(rows, classes)
    found = {name: as_summary(estimate(named, one)) for name, one in class_statistics(classes).items()}
    point = (prevalence or PrevalenceShift(classes)).operating_point(operating_point)
    patients = summarise_patients(named, classes, point)
    for name, number in patients.numbers.items():
        found[name] = {**as_summary(number), "groups_left_out": patients.left_out}
    of_maps = [column for column in (IN_MASK, MASK_SHARE) if column in rows]
    return {**found, **{column: as_summary(estimate(rows, mean_of(column))) for column in of_maps}}


def class_statistics(classes: Sequence[str]) -> dict[str, Statistic]:
    """What answers among classes are measured by, of rows as `name_answers` gives them.

    Returns:
        `auc`, area under the ROC curve, mean over the classes, each against the others; `balanced_accuracy`; and
        `calibration_error`, the expected one of the likeliest class's probability (Guo et al., ICML 2017).
    """
    chances = [f"{name}_probability" for name in classes]

    def calibration_error(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        right = (rows[chances].to_numpy().argmax(axis=1) == rows["truth"].map(list(classes).index)).astype(float)
        return CALIBRATION_ERROR.values(rows.assign(truth=right, score=rows[chances].max(axis=1)), counts)

    return {
        "auc": mean_auc(classes),
        "balanced_accuracy": mean_sensitivity(classes),
        "calibration_error": replace(CALIBRATION_ERROR, values=calibration_error, columns=("truth", *chances)),
    }


def name_answers(rows: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Rows of `score_classes` with the names of classes in `truth` and `answer` in place of their numbers."""
    return rows.assign(**{column: rows[column].map(dict(enumerate(classes))) for column in ("truth", "answer")})
