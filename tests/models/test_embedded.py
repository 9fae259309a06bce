"""The encoder that comes with the package, and its card."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from echocare_core.errors import SettingsError
from echocare_core.models import EMBEDDED, PROFILES, load_encoder, starting_encoder

CARD = json.loads(EMBEDDED.with_suffix(".json").read_text(encoding="utf-8"))
LARGEST = 8_000_000  # bytes
README = Path(__file__).parents[2] / "README.md"


def test_without_a_path_the_embedded_encoder_is_loaded():
    encoder = load_encoder()
    assert encoder.profile == PROFILES[CARD["encoder"]]
    assert not encoder.training
    maps = encoder(torch.rand(1, 3, 64, 96))
    assert [tuple(one.shape[1:]) for one in maps] == [(16, 16, 24), (32, 8, 12), (64, 4, 6), (128, 2, 3), (256, 1, 2)]


def test_it_is_not_the_network_before_training():
    state = load_encoder().state_dict()
    norms = [tensor for name, tensor in state.items() if name.endswith("norm1.weight")]
    assert all((weight - 1).abs().max() > 1e-3 for weight in norms)
    assert load_encoder().mask_token.abs().max() > 0


def test_the_card_belongs_to_the_file():
    assert hashlib.sha256(EMBEDDED.read_bytes()).hexdigest() == CARD["sha256"]
    assert EMBEDDED.stat().st_size <= LARGEST


def test_the_card_names_no_data_whose_weights_may_not_be_shipped():
    assert "MMOTU" not in CARD["data"]
    assert "CAMUS" not in CARD["data"]


@pytest.mark.parametrize("task", list(CARD["results"]))
def test_the_readme_gives_the_numbers_of_the_card(task):
    numbers = CARD["results"][task]
    row = next(line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {task} |"))
    assert row == f"| {task} | {numbers['untrained']:.3f} | {numbers['embedded']:.3f} |"


@pytest.mark.parametrize("name", sorted(path.stem for path in EMBEDDED.parent.glob("*.json")))
def test_a_training_starts_from_the_weights_of_its_profile(name):
    assert starting_encoder(name, "embedded").profile == PROFILES[name]


def test_a_profile_without_weights_is_refused_with_those_that_have_some():
    with pytest.raises(SettingsError, match=r"weights of the encoder base .* needed one of .*tiny"):
        starting_encoder("base", "embedded")
