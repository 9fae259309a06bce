"""The joint model of pretraining: encoder, decoders, loss prediction, classifiers of images and pixels, projectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from echocare_core.errors import SettingsError
from echocare_core.models.heads import HierarchicalClassifier, Projector
from echocare_core.models.packing import pack_image, unpack_maps
from echocare_core.models.pixel_decoder import LadderDecoder, PyramidDecoder
from echocare_core.models.profiles import EncoderProfile
from echocare_core.models.segmentation_decoder import SegmentationDecoder
from echocare_core.models.weights import starting_encoder

DECODERS = ("ladder", "pyramid")
POOLED_MAPS = 3  # the deepest ones


@dataclass(frozen=True)
class View:
    """One view of a batch of images.

    Attributes:
        kind: "plain", "masked" (hidden patches stand as mask tokens) or "packed" (only the visible ones are encoded).
        image: float (batch, 3, side, side) in [0, 1].
        inside: bool (batch, rows, columns), patches inside the sector.
        masked: bool (batch, rows, columns), True = hidden; None for a plain view.
    """

    kind: str
    image: Tensor
    inside: Tensor
    masked: Tensor | None = None


@dataclass(frozen=True)
class Outputs:
    """What the joint model says of a batch; None or nothing for what it was not asked, or was built without.

    Attributes:
        reconstruction: float (batch, 3, height, width).
        predicted_loss: float (batch, height / patch, width / patch), of the reconstruction, per patch.
        logits: float (batch, nodes).
        embedding: float (batch, width of the projector).
        pixel_logits: float (batch, channels of the pixel tree, height, width).
        pooled: float (batch, channels), means of the three deepest maps (`POOLED_MAPS`).
        places: embeddings of the places of each map that has a place projector, float (batch, width, rows, columns).
    """

    reconstruction: Tensor | None = None
    predicted_loss: Tensor | None = None
    logits: Tensor | None = None
    embedding: Tensor | None = None
    pixel_logits: Tensor | None = None
    pooled: Tensor | None = None
    places: tuple[Tensor, ...] = ()


class EchoCare(nn.Module):
    """Encoder and heads, trained together.

    Args:
        encoder: profile name or numbers.
        nodes: of the organ tree; 0 for no hierarchical classifier.
        decoder: "ladder" as published, "pyramid" for all maps and the loss prediction, or None for neither.
        decoder_width: channels of the pyramid.
        projector_width: channels of the contrast; 0 for no projector.
        place_width: channels of the contrast of places; 0 for no place projectors.
        place_maps: numbers of the maps, finest first, whose places are compared.
        pixel_channels: of the pixel tree; 0 for no segmentation decoder.
        pixel_width, pixel_width_limit: widths of the segmentation decoder; needed with channels.
        encoder_weights: see `starting_encoder`.
        activation_checkpointing: see `build_encoder`.
    """

    def __init__(
        self,
        encoder: str | EncoderProfile,
        *,
        nodes: int,
        decoder: str | None,
        decoder_width: int,
        projector_width: int,
        place_width: int = 0,
        place_maps: Sequence[int] = (2, 3),
        pixel_channels: int = 0,
        pixel_width: int = 0,
        pixel_width_limit: int = 0,
        encoder_weights: str | Path | None = None,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if decoder not in (*DECODERS, None):
            raise SettingsError(f"Unknown decoder '{decoder}'; needed one of {', '.join(DECODERS)}, or none.")
        self.encoder = starting_encoder(encoder, encoder_weights)
        self.encoder.activation_checkpointing = activation_checkpointing
        self.encoder.learn_mask_token()
        profile = self.encoder.profile
        deepest = profile.channels[-1]
        self.decoder: nn.Module | None = None
        if decoder == "ladder":
            self.decoder = LadderDecoder(profile)
        if decoder == "pyramid":
            self.decoder = PyramidDecoder(profile, decoder_width)
        self.classifier = HierarchicalClassifier(deepest, nodes) if nodes else None
        self.projector = Projector(deepest, projector_width) if projector_width else None
        self.place_maps = tuple(place_maps)
        known = range(len(profile.channels))
        if not self.place_maps or not set(self.place_maps) <= set(known):
            raise SettingsError(f"Place maps {self.place_maps}; needed one or more numbers from 0 to {known[-1]}.")
        self.places = (
            nn.ModuleList(Projector(profile.channels[number], place_width) for number in self.place_maps)
            if place_width
            else None
        )
        self.segmentation_decoder: SegmentationDecoder | None = None
        self.pixel_classifier: nn.Conv2d | None = None
        if pixel_channels:
            if min(pixel_width, pixel_width_limit) < 1:
                raise SettingsError(
                    f"A segmentation decoder {pixel_width} to {pixel_width_limit} channels wide; needed 1 or more. Set "
                    f"pixel_width and pixel_width_limit."
                )
            self.segmentation_decoder = SegmentationDecoder(profile, width=pixel_width, width_limit=pixel_width_limit)
            self.pixel_classifier = nn.Conv2d(pixel_width, pixel_channels, kernel_size=1)

    def forward(self, views: Sequence[View], terms: Collection[str]) -> list[Outputs]:
        """Encode views and ask the heads.

        Args:
            views: of one batch, all of one size; plain ones go through the encoder together.
            terms: of the loss that will be made of it, some of "reconstruction", "ranking", "hierarchy", "contrast",
                "places", "pixels" and "distillation"; heads that none of them needs are left out. Pixels are
                reconstructed in views with hidden patches only, and labelled in the first plain one; packed views have
                no places.

        Raises:
            SettingsError: a term that needs a head which the model was built without.
        """
        self.check_heads(terms)
        kinds = [view.kind for view in views]
        labelled = kinds.index("plain") if "pixels" in terms and "plain" in kinds else None
        encoded = enumerate(zip(views, self._encode(views), strict=True))
        return [self._outputs(view, maps, terms, number == labelled) for number, (view, maps) in encoded]

    def check_heads(self, terms: Collection[str]) -> None:
        """Refuse terms of the loss for which the model was built without a head.

        Raises:
            SettingsError: the first such terms, and the settings that bring the heads.
        """
        heads = {
            "reconstruction": ("decoder", self.decoder),
            "ranking": ("decoder 'pyramid'", getattr(self.decoder, "loss_prediction", None)),
            "hierarchy": ("nodes", self.classifier),
            "contrast": ("projector_width", self.projector),
            "places": ("place_width", self.places),
            "pixels": ("pixel_channels", self.segmentation_decoder),
        }
        missing = [term for term in terms if term in heads and heads[term][1] is None]
        if missing:
            settings = ", ".join(dict.fromkeys(heads[term][0] for term in missing))
            raise SettingsError(
                f"The stages ask for {', '.join(missing)}, for which this model has no head; needed {settings}. Set "
                f"that for the network, or the weight of the term to 0."
            )

    def _encode(self, views: Sequence[View]) -> list[list[Tensor]]:
        """The maps of each view."""
        plain = [view.image for view in views if view.masked is None]
        joined = self.encoder(torch.cat(plain)) if plain else []
        parts = iter([list(part) for part in zip(*(maps.chunk(len(plain)) for maps in joined), strict=True)])
        return [next(parts) if view.masked is None else self._encode_hidden(view, view.masked) for view in views]

    def _encode_hidden(self, view: View, masked: Tensor) -> list[Tensor]:
        if view.kind == "packed":
            return self.encoder(pack_image(view.image, masked))
        return self.encoder(view.image, masked)

    def _outputs(self, view: View, maps: list[Tensor], terms: Collection[str], labelled: bool) -> Outputs:
        image, masked = view.image, view.masked
        pooled = maps[-1].mean((2, 3))
        pixels = predicted_loss = None
        if masked is not None and self.decoder is not None and not {"reconstruction", "ranking"}.isdisjoint(terms):
            whole = unpack_maps(maps, masked) if view.kind == "packed" else maps
            pixels, predicted_loss = self.decoder(whole, predict_loss="ranking" in terms)
            pixels = pixels[..., : image.shape[2], : image.shape[3]]
        return Outputs(
            reconstruction=pixels,
            predicted_loss=predicted_loss,
            logits=self.classifier(pooled) if self.classifier is not None and "hierarchy" in terms else None,
            embedding=self.projector(pooled) if self.projector is not None and "contrast" in terms else None,
            pixel_logits=self._label_pixels(image, maps) if labelled else None,
            pooled=_pool(maps) if view.kind == "plain" and "distillation" in terms else None,
            places=self._embed_places(maps) if view.kind != "packed" and "places" in terms else (),
        )

    def _label_pixels(self, image: Tensor, maps: Sequence[Tensor]) -> Tensor:
        assert self.segmentation_decoder is not None
        assert self.pixel_classifier is not None
        logits: Tensor = self.segmentation_decoder(image, maps, self.pixel_classifier)
        return logits

    def _embed_places(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        assert self.places is not None
        chosen = [maps[number].movedim(1, -1) for number in self.place_maps]
        return tuple(project(features).movedim(-1, 1) for project, features in zip(self.places, chosen, strict=True))


def _pool(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([features.mean((2, 3)) for features in maps[-POOLED_MAPS:]], 1)
