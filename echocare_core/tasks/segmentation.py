"""Segmentation: a label for every pixel, as a mask of the recorded frame and what is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.handlers import from_engine
from monai.handlers.ignite_metric import IgniteMetricHandler
from monai.metrics import DiceMetric
from monai.transforms import (
    Activationsd,
    Compose,
    Identity,
    Invertd,
    KeepLargestConnectedComponent,
    MapTransform,
)
from monai.utils import convert_to_dst_type, convert_to_numpy
from numpy.typing import NDArray
from torch import Tensor, nn

from echocare_core.bounds import check_share
from echocare_core.errors import SettingsError
from echocare_core.evaluation.mask_scores import dice
from echocare_core.frames.manifest import read_number
from echocare_core.frames.reduced import enlarge_mask
from echocare_core.models import (
    EncoderProfile,
    SegmentationDecoder,
    load_segmentation_decoder,
    load_structure_classifier,
    starting_encoder,
)
from echocare_core.tasks.confidence import keep_confident_parts, outline_agreement
from echocare_core.tasks.measurements import in_recorded_frame, known_spacing, largest_part, whole_part
from echocare_core.transforms.beams import beams_in, is_noted
from echocare_core.transforms.mask import read_mask
from echocare_core.transforms.of_image import of_loaded
from echocare_core.types import Mask, Measurement

Measure = Callable[..., tuple[Measurement, ...]]  # as `SegmentationOutputd` says


class SegmentationNetwork(nn.Module):
    """An encoder, the segmentation decoder, and a score for every label.

    Args:
        labels: number of output channels, the background included.
        encoder: name of the encoder's profile, or its numbers.
        encoder_weights: file of such an encoder to start from, "embedded", or None; see `starting_encoder`.
        decoder_weights: file of a decoder of this encoder and these widths to start from, "embedded", or None; see
            `load_segmentation_decoder`.
        structures: what the labels 1, 2, ... are in the organ tree, to start from the scores that the decoder was
            trained with (`load_structure_classifier`); None for random scores.
        width: channels of the finest levels of the decoder; deeper ones have twice as many, at most `width_limit`.
        width_limit: most channels of any level.
    """

    def __init__(
        self,
        *,
        labels: int,
        encoder: str | EncoderProfile,
        encoder_weights: str | Path | None = None,
        decoder_weights: str | Path | None = None,
        structures: Sequence[str] | None = None,
        width: int,
        width_limit: int,
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights)
        profile: EncoderProfile = self.encoder.profile
        self.size_divisor = profile.strides[-1]
        self.decoder = (
            SegmentationDecoder(profile, width=width, width_limit=width_limit)
            if decoder_weights is None
            else load_segmentation_decoder(decoder_weights, profile, width=width, width_limit=width_limit)
        )
        self.classify = nn.Conv2d(width, labels, kernel_size=1)
        if structures is not None:
            self.classify = _starting_scores(decoder_weights, profile, structures, labels)

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright; both sides multiples of `size_divisor`.

        Returns:
            Logits (batch, labels, height, width).

        Raises:
            SettingsError: a side that is not such a multiple.
        """
        return self.score(image, self.encode(image))

    def encode(self, image: Tensor) -> list[Tensor]:
        """The maps of the encoder, the finest first, of an image of a size that `forward` takes."""
        height, width = image.shape[-2:]
        if height % self.size_divisor or width % self.size_divisor:
            raise SettingsError(
                f"Image of {height}x{width} px; needed sides that are multiples of {self.size_divisor} px. "
                f"Pad or resize it in the preprocessing."
            )
        maps: list[Tensor] = self.encoder(image)
        return maps

    def score(self, image: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Logits (batch, labels, height, width) of an image and the maps that `encode` gives of it."""
        scores: Tensor = self.decoder(image, maps, self.classify)
        return scores


def _starting_scores(
    weights: str | Path | None, profile: EncoderProfile, structures: Sequence[str], labels: int
) -> nn.Conv2d:
    if weights is None:
        raise SettingsError("structures without decoder_weights; needed the decoder that was trained with them.")
    if len(structures) != labels - 1:
        raise SettingsError(
            f"{len(structures)} structures for {labels} labels; needed {labels - 1}: one for each but the background."
        )
    return load_structure_classifier(weights, profile, structures)


class SegmentationOutputd(MapTransform):
    """The network's logits as a mask of the recorded frame: what was done to the picture is undone first.

    Args:
        keys: logits (labels, height, width); replaced by the label map (1, height, width) of the recorded frame. The
            item gets `outputs`: the mask, and what is measured on it.
        image_key: the picture the logits are of, with its meta.
        preprocessing: the transforms that prepared it.
        labels: names of the labels 1, 2, ...
        measure: (mask uint8 (height, width) of the scan region, (row, column) mm per pixel or None) -> measurements;
            where `preprocessing` notes beams (`transforms.NoteBeamsd`) it is given them too, `beams` of that region or
            None.
        largest_part_only: of each label keep only the largest connected part.
        smallest_share: separate parts below this share of a label's largest part are specks (`Mask.smallest_share`); 0
            where none is.
        least_confidence: name of a label -> mean probability below which a separate part of it is taken out; see
            `keep_confident_parts`. Of a label that is not named all parts stay.
        agreement_between: two probabilities whose outlines of a label's largest part are compared
            (`outline_agreement`), the measurement LABEL_outline_agreement; None for none.

    Raises:
        SettingsError: a least confidence of a label that is none of `labels`, or one, or a smallest share, that is not
            from 0 to 1.
    """

    def __init__(
        self,
        keys: KeysCollection,
        image_key: str,
        preprocessing: Compose,
        labels: Sequence[str],
        measure: Measure,
        largest_part_only: bool,
        smallest_share: float,
        least_confidence: Mapping[str, float],
        agreement_between: tuple[float, float] | None,
    ) -> None:
        super().__init__(keys)
        if not isinstance(least_confidence, Mapping):
            raise SettingsError(
                f"least_confidence is {least_confidence!r}; needed a number for labels by their names, such as "
                f'{{"{labels[0]}": 0.5}}, or {{}} for none. Set least_confidence so.'
            )
        if unknown := sorted(set(least_confidence) - set(labels)):
            raise SettingsError(f"A least confidence of {unknown[0]}; needed names of labels: {', '.join(labels)}.")
        for name, least in least_confidence.items():
            check_share(f"least_confidence of {name}", least)
        check_share("smallest_share", smallest_share)
        self.least_confidence = {1 + list(labels).index(name): one for name, one in least_confidence.items()}
        self.agreement_between = agreement_between
        self.image_key = image_key
        self.smallest_share = smallest_share
        self.labels = dict(enumerate(labels, start=1))
        self.measure = measure
        self.as_recorded = Compose(
            [
                Activationsd(keys, softmax=True),
                Invertd(keys, preprocessing, orig_keys=image_key, nearest_interp=False, to_tensor=True),
            ]
        )
        self.keep_largest = KeepLargestConnectedComponent(list(self.labels)) if largest_part_only else Identity()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = self.as_recorded(dict(data))
        meta = item[self.image_key].meta
        top, left, bottom, right = (int(edge) for edge in meta["scan_box"])
        height, width = (int(side) for side in meta["recorded_size"])
        for key in self.key_iterator(item):
            chances = item[key]
            item[key] = self._label_map(chances)
            values = convert_to_numpy(item[key])[0]
            factor = int(meta["reduction"])
            noted = {"beams": beams_in(meta)} if is_noted(meta) else {}
            measured = self.measure(values[top:bottom, left:right], known_spacing(meta["spacing_mm"]), **noted)
            sure = tuple(self._agreements(convert_to_numpy(chances), values))
            if factor > 1:
                values = enlarge_mask(values, (height, width))
                item[key] = torch.from_numpy(values)[None]
            mask = Mask(values, self.labels, self.smallest_share)
            item["outputs"] = (mask, *(in_recorded_frame(one, (top, left), factor) for one in measured), *sure)
        return item

    def _agreements(self, chances: NDArray[np.floating], values: NDArray[np.uint8]) -> Iterator[Measurement]:
        """How sure the outline of each label is that was found."""
        for label, name in self.labels.items():
            part, _ = largest_part(values, label, None)
            if self.agreement_between is not None and part is not None:
                share = outline_agreement(chances[label], whole_part(part, values.shape), self.agreement_between)
                yield Measurement(f"{name}_outline_agreement", 100 * share, "percent")

    def _label_map(self, probabilities: Tensor) -> Tensor:
        """The likeliest label of each pixel, uint8 (1, height, width), of the parts that are kept."""
        chances = convert_to_numpy(probabilities)
        values = keep_confident_parts(chances.argmax(0).astype(np.uint8), chances, self.least_confidence)
        kept: Tensor = self.keep_largest(convert_to_dst_type(values[None], probabilities, dtype=torch.uint8)[0])
        return kept


def build_mean_dice() -> IgniteMetricHandler:
    """The key metric of a validation: mean Dice of the labels but the background, of one-hot `pred` and `label`.

    A picture without a label counts as in an evaluation (`score_masks`): 1 where nothing is found, else 0. MONAI's
    `MeanDice` leaves it out, so that weights were chosen as if what they find there were of no account.
    """
    dice_metric = DiceMetric(include_background=False, ignore_empty=False)
    return IgniteMetricHandler(metric_fn=dice_metric, output_transform=from_engine(["pred", "label"]))


def score_masks(
    item: Mapping[str, Any], *, labels: Sequence[str], measured: Sequence[str] = (), threshold: int | None = None
) -> dict[str, float]:
    """Compare a predicted mask with the drawn one, at the size at which it was drawn; for `WriteEvaluation`.

    Args:
        item: with `pred` (1, height, width), `mask` (path of the drawn one), `outputs` and the columns in `measured`;
            `image`, and `frame` of a cine, where the file holds masks of several.
        labels: names of the labels 1, 2, ...
        measured: measurement columns, such as head_circumference_mm, whose absolute error against the column of the
            same name of the table is reported.
        threshold: of the drawn mask; see `read_mask`.

    Returns:
        `dice_LABEL` for each label, and `COLUMN_error` for each column in `measured`, nan where one of both is unknown.

    Raises:
        TableError: a drawn mask that cannot be read or has another size, or a cell of `measured` that is no number.
    """
    predicted = convert_to_numpy(item["pred"])[0]
    frame, image = int(item.get("frame") or 0), of_loaded(item.get("image"))
    drawn = read_mask(item["mask"], predicted.shape, len(labels) + 1, threshold, frame, image)
    found = {one.column: one.value for one in item["outputs"] if isinstance(one, Measurement)}
    scores = {f"dice_{name}": dice(predicted == label, drawn == label) for label, name in enumerate(labels, start=1)}
    errors = {f"{column}_error": abs(found.get(column, np.nan) - read_number(item, column)) for column in measured}
    return {**scores, **errors}
