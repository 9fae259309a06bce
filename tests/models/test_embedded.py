"""The encoder that comes with the package, and its card."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from echocare_core.errors import SettingsError
from echocare_core.models import (
    EMBEDDED,
    PROFILES,
    load_encoder,
    load_segmentation_decoder,
    load_structure_classifier,
    starting_encoder,
)

CARD = json.loads(EMBEDDED.with_suffix(".json").read_text(encoding="utf-8"))
LARGEST = 8_000_000  # bytes
README = Path(__file__).parents[2] / "README.md"


def test_without_a_path_the_embedded_encoder_is_loaded():
    encoder = load_encoder()
    assert encoder.profile == PROFILES[CARD["encoder"]]
    assert not encoder.training
    maps = encoder(torch.rand(1, 3, 64, 96))
    assert [tuple(one.shape[1:]) for one in maps] == [(24, 16, 24), (48, 8, 12), (96, 4, 6), (192, 2, 3), (384, 1, 2)]


def test_it_is_not_the_network_before_training():
    state = load_encoder().state_dict()
    norms = [tensor for name, tensor in state.items() if name.endswith("norm1.weight")]
    assert all((weight - 1).abs().max() > 1e-3 for weight in norms)
    assert load_encoder().mask_token.abs().max() > 0


@pytest.mark.parametrize("file", sorted(EMBEDDED.parent.glob("*.safetensors")), ids=lambda path: path.stem)
def test_every_file_has_its_card_and_may_be_shipped(file):
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card["sha256"]
    assert file.stat().st_size <= LARGEST
    assert "MMOTU" not in card["data"]
    assert "CAMUS" not in card["data"]


def test_the_decoder_knows_the_structures_that_its_card_names():
    card = json.loads((EMBEDDED.parent / "small_decoder.json").read_text(encoding="utf-8"))
    scores = load_structure_classifier("embedded", "small", card["structures"])
    assert scores.out_channels == 1 + len(card["structures"])
    assert scores.weight[1:].abs().amax((1, 2, 3)).min() > 1e-3
    assert load_segmentation_decoder("embedded", "small", **card["widths"]).training


@pytest.mark.parametrize("task", list(CARD["results"]))
def test_the_readme_gives_the_numbers_of_the_card(task):
    numbers = CARD["results"][task]
    lines = README.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| encoder |"))
    head, _, untrained, embedded = ([cell.strip() for cell in line.split("|")] for line in lines[start : start + 4])
    column = head.index(task)
    assert [untrained[column], embedded[column]] == [f"{numbers[name]:.3f}" for name in ("untrained", "embedded")]


@pytest.mark.parametrize("name", ["small", "tiny"])
def test_a_training_starts_from_the_weights_of_its_profile(name):
    assert starting_encoder(name, "embedded").profile == PROFILES[name]


def test_a_profile_without_weights_is_refused_with_those_that_have_some():
    with pytest.raises(SettingsError, match=r"weights of the encoder base .* needed one of .*tiny"):
        starting_encoder("base", "embedded")
