"""A bundle runs with its own weights, or with weights that were trained with it, and with those of no other bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from bright_network import BrightNetwork
from output_bundle import write_output_bundle
from safetensors.torch import save_file

import echocare_core as echocare
from echocare_core.bundle import own_weights_sha256, read_identity
from echocare_core.checksum import sha256_of
from echocare_core.errors import WeightsError
from echocare_core.models.identity import name_bundle
from echocare_core.models.weight_file import read_state_dict
from echocare_core.training import export_network
from echocare_core.workflow import load_inference, own_errors


def load(bundle: Path, weights: Path | None = None) -> torch.nn.Module:
    """The network of a bundle, as its inference configuration builds it."""
    settings = {} if weights is None else {"weights": str(weights)}
    with own_errors(settings):
        return load_inference(bundle, settings).parser.get_parsed_content("network")


def save(path: Path, threshold: float, bundle: dict[str, str] | None = None) -> Path:
    state = {**BrightNetwork().state_dict(), "threshold": torch.tensor(threshold)}
    torch.save(name_bundle(state, bundle) if bundle else state, path)
    return path


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, Path]:
    """Two bundles whose networks have the same shapes, with other numbers in them."""
    one, other = (write_output_bundle(tmp_path / kind, [kind]) for kind in ("mask", "boxes"))
    save(other / "models" / "model.pt", 0.25)
    return one, other


def test_weights_in_the_folder_of_another_bundle_are_refused(bundles):
    one, other = bundles
    with pytest.raises(WeightsError, match=r"model\.pt holds the weights of boxes 0\.1\.0; needed those of mask"):
        load(one, other / "models" / "model.pt")


def test_weights_trained_with_another_bundle_are_refused(bundles, tmp_path):
    one, other = bundles
    with pytest.raises(WeightsError, match=r"best\.pt holds the weights of boxes 0\.1\.0; needed those of mask"):
        load(one, save(tmp_path / "best.pt", 0.75, read_identity(other)))


def test_a_copy_of_the_weights_of_an_installed_bundle_is_known_by_its_checksum(bundles, tmp_path, monkeypatch):
    one, other = bundles
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))
    copy = tmp_path / "mine.pt"
    copy.write_bytes((other / "models" / "model.pt").read_bytes())
    with pytest.raises(WeightsError, match=r"mine\.pt holds the weights of boxes 0\.1\.0"):
        load(one, copy)


@pytest.mark.parametrize("name", ["mine.pt", "mine.safetensors", "mask/models/mine.pt"])
def test_the_weights_of_an_installed_bundle_are_known_when_they_were_written_anew(bundles, tmp_path, monkeypatch, name):
    one, other = bundles
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))
    state, path = dict(read_state_dict(other / "models" / "model.pt")), tmp_path / name
    if path.suffix == ".pt":
        torch.save({"state_dict": {f"module.{key}": tensor.double() for key, tensor in state.items()}}, path)
    else:
        save_file(state, path)
    with pytest.raises(WeightsError, match=r"holds the weights of boxes 0\.1\.0; needed those of mask"):
        load(one, path)
    assert load(other, path).bundle == read_identity(other)


def test_what_a_copy_holds_counts_for_more_than_the_bundle_it_lies_in(bundles, tmp_path, monkeypatch):
    one, other = bundles
    monkeypatch.setenv("ECHOCARE_BUNDLES", str(tmp_path))
    copy = other / "models" / "mine.pt"
    copy.write_bytes((one / "models" / "model.pt").read_bytes())
    with pytest.raises(WeightsError, match=r"mine\.pt holds the weights of mask 0\.1\.0; needed those of boxes"):
        load(other, copy)


def test_weights_of_a_bundle_of_this_project_are_refused_under_another(tmp_path):
    breast, head = (echocare.find_bundle(name) for name in ("breast_lesion_segmentation", "fetal_head_segmentation"))
    with pytest.raises(WeightsError, match=r"weights of fetal_head_segmentation \S+; needed those of breast_lesion"):
        load(breast, head / "models" / "model.pt")


def test_own_weights_trained_weights_and_nameless_ones_are_taken(bundles, tmp_path):
    one, _ = bundles
    assert load(one).threshold == BrightNetwork().threshold
    assert load(one, save(tmp_path / "best.pt", 0.75, read_identity(one))).threshold == 0.75
    assert load(one, save(tmp_path / "bare.pt", 0.5)).threshold == 0.5


def test_weights_put_into_a_copy_of_a_bundle_become_its_own(bundles, tmp_path):
    one, _ = bundles
    weights, card = one / "models" / "model.pt", one / "models" / "model.json"
    card.write_text(json.dumps({"origin": "other weights", "sha256": sha256_of(weights), "results": {"a": 1}}))
    export_network(save(tmp_path / "best.pt", 0.75, read_identity(one)), weights)

    assert load(one).threshold == 0.75
    assert own_weights_sha256(one) == sha256_of(weights)
    assert json.loads(card.read_text()) == {"origin": "other weights", "sha256": sha256_of(weights), "results": {}}
