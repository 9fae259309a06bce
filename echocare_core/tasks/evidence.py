"""Classification that is taught where to look: attention over places, and evidence that is to lie on the lesion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.engines import default_prepare_batch
from monai.transforms import MapTransform
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.models import EncoderProfile, starting_encoder
from echocare_core.tasks.class_activation import of_picture, read_lesion
from echocare_core.transforms.of_image import of_loaded

SMALLEST = 1e-6  # evidence that counts as some


class AttentionNetwork(nn.Module):
    """An encoder, a linear layer at every place of its two deepest maps, and attention that says which places count.

    The logits of the picture are the sum over places p of a_p W x_p, where the attention a is a softmax over the places
    (attention pooling, Ilse et al., ICML 2018, arXiv 1802.04712, equation 8). What comes out is, of each place, its
    part in that sum times the number of places: the mean over the places is what is said of the picture, and the
    places are its class activation map.

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
        channels = sum(self.encoder.profile.channels[-2:])
        self.attention = nn.Linear(channels, 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, classes))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes, rows, columns) of float32 images (batch, 3, height, width) in [0, 1], upright."""
        fine, deep = self.encoder(image)[-2:]
        batch, _, rows, columns = fine.shape
        deep = functional.interpolate(deep, (rows, columns), mode="bilinear", align_corners=False)
        places = torch.cat([fine, deep], dim=1).flatten(2).transpose(1, 2)
        counts = self.attention(places).softmax(dim=1) * (rows * columns)
        return (self.head(places) * counts).transpose(1, 2).reshape(batch, -1, rows, columns)


class EvidenceLoss(nn.Module):
    """Cross-entropy of the classes, and the share of the evidence that lies beside the lesion.

    A network is to be right for the right reasons (Ross, Hughes and Doshi-Velez, IJCAI 2017, arXiv 1703.03717), which
    are known where a lesion is drawn. The evidence of a place is the length of its logits less their mean, for the same
    number on every logit changes no probability (as of `ClassActivationd`).

    Args:
        label_smoothing: of the cross-entropy.
        outside: what evidence that lies wholly beside the lesion costs; 0 for a loss of the classes alone.
    """

    def __init__(self, label_smoothing: float, outside: float) -> None:
        super().__init__()
        self.classes, self.outside = nn.CrossEntropyLoss(label_smoothing=label_smoothing), outside

    def forward(self, logits: Tensor, target: Mapping[str, Tensor]) -> Tensor:
        """The loss of a batch, 0 dimensions.

        Args:
            logits: (batch, classes, rows, columns) of places whose mean counts; or (batch, classes), of which nobody
                knows where they come from, so that the classes alone count.
            target: `label`, numbers of classes (batch,), and `lesion` (batch, 1, height, width), above 0 inside; where
                it is 0 all over, nothing is known of it, and the place of the evidence is free.
        """
        loss: Tensor = self.classes(of_picture(logits), target["label"])
        if logits.ndim == 2:
            return loss
        drawn = functional.adaptive_max_pool2d(target["lesion"].to(logits.dtype), logits.shape[-2:])[:, 0] > 0
        known = drawn.any(dim=2).any(dim=1)
        evidence = (logits - logits.mean(dim=1, keepdim=True)).norm(dim=1)
        beside = (evidence * ~drawn).sum(dim=(1, 2)) / evidence.sum(dim=(1, 2)).clamp_min(SMALLEST)
        return loss + self.outside * (beside * known).sum() / known.sum().clamp_min(1)


class LoadLesiond(MapTransform):
    """Put where a lesion is drawn into an item: float32 (1, height, width), 1 inside, upright, as its image.

    Args:
        keys: where it goes, such as "lesion".
        mask_key: path of the drawn mask, in a form of `read_mask`; where it is missing or empty, all is 0.
        image_key: the loaded image whose size the mask must have and whose affine it takes.
        lesion: label number of the lesion, the last one of the masks; None: all that is drawn is.

    Raises:
        TableError: a mask that cannot be read, or has another size than the image.
    """

    def __init__(self, keys: KeysCollection, mask_key: str, image_key: str, lesion: int | None) -> None:
        super().__init__(keys)
        self.mask_key, self.image_key, self.lesion = mask_key, image_key, lesion

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        image, path = item[self.image_key], item.get(self.mask_key)
        values = torch.zeros(1, *image.shape[1:])
        if path:
            size, frame = tuple(image.shape[1:]), int(item.get("frame") or 0)
            drawn = read_lesion(path, size, self.lesion, frame=frame, image=of_loaded(image))
            values = torch.from_numpy(drawn)[None].float()
        return {**item, **{key: MetaTensor(values.clone(), affine=image.affine.clone()) for key in self.keys}}


def class_and_lesion(
    batch: Mapping[str, Any], device: str | torch.device, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, dict[str, Tensor]]:
    """A batch as `EvidenceLoss` takes it; for a trainer's `prepare_batch`.

    Args:
        batch: with `image`, `label` (numbers of classes) and `lesion`.
        device, non_blocking, kwargs: as MONAI's `default_prepare_batch` takes them.
    """
    image, label = default_prepare_batch(batch, device, non_blocking, **kwargs)
    return image, {"label": label, "lesion": batch["lesion"].to(device=device, non_blocking=non_blocking)}
