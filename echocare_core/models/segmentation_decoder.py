"""Feature maps and the image to scores of every pixel: the decoder of segmentation, and its weight files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate, pairwise
from pathlib import Path

import safetensors.torch
import torch
from monai.networks.blocks import UnetResBlock, UnetrUpBlock
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.atomic import replacing
from echocare_core.disk import explained
from echocare_core.errors import SettingsError
from echocare_core.models.encoder import IMAGE_CHANNELS
from echocare_core.models.profiles import PROFILES, EncoderProfile, named_profile
from echocare_core.models.weight_file import check_card, read_state_dict
from echocare_core.models.weights import embedded_file, load_strictly

DECODER = "_decoder"  # ending of the name of such a file beside its encoder's
FINEST_STRIDE = 2  # pixels of the image per element of the finest level, where patches are larger than that
PATH_LEVELS = 3  # with convolutions of the image: in coarser ones little is left that the maps lack
CLASSIFIER, STRUCTURES = "classifier.", "structures"  # in such a file: prefix of tensors, and names of their rows


class SegmentationDecoder(nn.Module):
    """U-shaped, in the manner of Swin UNETR v2 (He et al., MICCAI 2023), with a path of convolutions of the image.

    The path halves the image by residual blocks as the first half of a U-Net does: it keeps the detail that the patches
    average away. Each feature map is projected to the width of its level and added to what the path has there.
    Up-blocks double the deepest level in size and join it with the next finer one, up to half the size of the image, or
    to its whole size where the encoder's patches are of 1 or 2 px.

    Args:
        profile: of the encoder, name or numbers.
        width: channels of the finest level; deeper ones have twice as many, at most `width_limit`.
        width_limit: most channels of any level.
    """

    def __init__(self, profile: str | EncoderProfile, *, width: int, width_limit: int) -> None:
        super().__init__()
        profile = named_profile(profile)
        self.settings = {"encoder": _spell(profile), "width": str(width), "width_limit": str(width_limit)}
        finest = self.finest_stride = 1 if profile.patch_size <= FINEST_STRIDE else FINEST_STRIDE
        levels = (profile.strides[-1] // finest).bit_length()
        widths = [min(width * 2**level, width_limit) for level in range(levels)]
        self._unmapped = levels - len(profile.channels)  # levels finer than any map
        self.project = nn.ModuleList(
            nn.Conv2d(channels, wide, kernel_size=1)
            for channels, wide in zip(profile.channels, widths[self._unmapped :], strict=True)
        )
        path = [IMAGE_CHANNELS, *widths[: max(PATH_LEVELS, self._unmapped)]]
        self.path = nn.ModuleList(
            UnetResBlock(2, fine, coarse, kernel_size=3, stride=2 if level else finest, norm_name="instance")
            for level, (fine, coarse) in enumerate(pairwise(path))
        )
        self.up_blocks = nn.ModuleList(UpBlock(deep, fine) for fine, deep in pairwise(widths))

    def forward(self, image: Tensor, maps: Sequence[Tensor], classify: nn.Module) -> Tensor:
        """Score every pixel.

        The finest level is classified before it is enlarged to the size of the image: both are linear, of channels and
        of places, so that their order changes nothing but the time, and there are fewer labels than channels.

        Args:
            image: float (batch, 3, height, width), of any size that the encoder takes.
            maps: what the encoder makes of it, finest first.
            classify: 1x1 convolution of `width` channels to a logit for each label.

        Returns:
            Logits (batch, labels, height, width).
        """
        levels = self._levels(image, maps)
        x = levels.pop()
        for up_block in reversed(self.up_blocks):
            x = up_block(x, levels.pop())
        scores: Tensor = classify(x)
        if self.finest_stride == 1:
            return scores
        return functional.interpolate(scores, size=image.shape[-2:], mode="bilinear", align_corners=False)

    def _levels(self, image: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """The path, and the projected maps added to it, finest first."""
        path = list(accumulate(self.path, lambda x, block: block(x), initial=image))[1:]
        mapped = [project(features) for project, features in zip(self.project, maps, strict=True)]
        bare, shared = path[: self._unmapped], path[self._unmapped :]
        both = [here + there for here, there in zip(shared, mapped[: len(shared)], strict=True)]
        return [*bare, *both, *mapped[len(shared) :]]


class UpBlock(UnetrUpBlock):
    """A map doubled in size by a transposed convolution, joined with a finer one by a residual block of convolutions.

    Args:
        deep: channels of the map that is doubled.
        fine: channels of the finer one, and of the output.
    """

    def __init__(self, deep: int, fine: int) -> None:
        super().__init__(
            spatial_dims=2,
            in_channels=deep,
            out_channels=fine,
            kernel_size=3,
            upsample_kernel_size=2,
            norm_name="instance",
            res_block=True,
        )

    def forward(self, inp: Tensor, skip: Tensor) -> Tensor:
        """Join; what the encoder padded below and on the right of a map with an odd side is cut off."""
        doubled = self.transp_conv(inp)[..., : skip.shape[2], : skip.shape[3]]
        joined: Tensor = self.conv_block(torch.cat((doubled, skip), dim=1))
        return joined


def save_segmentation_decoder(
    decoder: SegmentationDecoder,
    path: str | Path,
    classifier: nn.Conv2d | None = None,
    structures: Sequence[str] = (),
) -> None:
    """Write a decoder, in the float precision that it has, and for which encoder and of which widths it was built.

    Args:
        decoder: of any mode and device.
        path: ends in `.safetensors`. Replaced in one step.
        classifier: 1x1 convolution of its features to a logit for each structure, if it was trained with one.
        structures: their names.
    """
    tensors = {**decoder.state_dict(), **({} if classifier is None else classifier.state_dict(prefix=CLASSIFIER))}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    settings = {**decoder.settings, **({} if classifier is None else {STRUCTURES: json.dumps(list(structures))})}
    with explained(Path(path).parent, "the weights"), replacing(Path(path)) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(state, settings))


def load_segmentation_decoder(
    path: str | Path, profile: str | EncoderProfile, *, width: int, width_limit: int
) -> SegmentationDecoder:
    """A decoder that a training starts from, in training mode, on the CPU, in float32.

    Args:
        path: what `save_segmentation_decoder` wrote, or "embedded" for the one that comes with this package.
        profile: of the encoder whose maps it will get.
        width, width_limit: of `SegmentationDecoder`.

    Raises:
        SettingsError: an unknown profile name, a file of another profile or other widths, or a profile of which no
            decoder comes with this package.
        WeightsError: no such file, or its tensors are not those of such a decoder.
    """
    path, state = _read(path, profile)
    decoder = SegmentationDecoder(profile, width=width, width_limit=width_limit)
    written = _written_settings(path)
    found = {name: written.get(name, "unknown") for name in decoder.settings}
    if found != decoder.settings:
        raise SettingsError(
            f"{path.name} holds a decoder of {_in_words(found)}; needed {_in_words(decoder.settings)}. Set these to "
            f"those of the file, or `decoder_weights` to None to start from random weights."
        )
    load_strictly(decoder, {name: one for name, one in state.items() if not name.startswith(CLASSIFIER)}, path.name)
    return decoder


def load_structure_classifier(path: str | Path, profile: str | EncoderProfile, structures: Sequence[str]) -> nn.Conv2d:
    """Scores of the background and of structures that a decoder was trained with, for a softmax to choose from.

    The background's logit is 0, so that a pixel is a structure's where that structure's own chance is above a half.

    Args:
        path: as for `load_segmentation_decoder`.
        profile: of the encoder.
        structures: names in the organ tree, in the order of the labels 1, 2, ...

    Returns:
        A 1x1 convolution of the decoder's features to 1 + structures logits, in training mode, on the CPU, in float32.

    Raises:
        SettingsError: a structure that the decoder was not trained with; the message names those that it was.
        WeightsError: no such file, or it holds other tensors.
    """
    path, state = _read(path, profile)
    known: list[str] = json.loads(_written_settings(path).get(STRUCTURES, "[]"))
    if unknown := [name for name in structures if name not in known]:
        raise SettingsError(
            f"{path.name} was not trained with {', '.join(unknown)}; needed some of {', '.join(known) or 'none'}. Set "
            f"`structures` to None to start from random scores."
        )
    scores = {name.removeprefix(CLASSIFIER): one for name, one in state.items() if name.startswith(CLASSIFIER)}
    trained = nn.Conv2d(scores["weight"].shape[1], len(known), kernel_size=1)
    load_strictly(trained, scores, path.name)
    classifier = nn.Conv2d(trained.in_channels, 1 + len(structures), kernel_size=1)
    rows = [known.index(name) for name in structures]
    with torch.no_grad():
        for whole, part in zip(classifier.parameters(), trained.parameters(), strict=True):
            whole.copy_(torch.cat([torch.zeros_like(part[:1]), part[rows]]))
    return classifier


def _read(path: str | Path, profile: str | EncoderProfile) -> tuple[Path, dict[str, Tensor]]:
    path = embedded_file(profile, DECODER) if path == "embedded" else Path(path)
    check_card(path)
    return path, read_state_dict(path)


def _written_settings(path: Path) -> dict[str, str]:
    """What a weight file says of the decoder in it; a file of `torch.save` says nothing."""
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


def _spell(profile: EncoderProfile) -> str:
    return json.dumps(asdict(profile))


def _in_words(settings: Mapping[str, str]) -> str:
    """Settings of a decoder for a message, a known profile by its name."""
    names = {_spell(profile): name for name, profile in PROFILES.items()}
    return ", ".join(f"{name} {names.get(value, value)}" for name, value in settings.items())
