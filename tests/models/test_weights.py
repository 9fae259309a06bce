"""Encoder weights are read in every form they travel in, refused by name when wrong, and written for others to read."""

import contextlib
import os
import pickle
import random
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from monai_network import monai_network, relative_differences

from echocare_core.errors import OutputError, WeightsError
from echocare_core.models import (
    PROFILES,
    EncoderProfile,
    build_encoder,
    load_encoder,
    save_encoder,
    starting_encoder,
)
from echocare_core.models.weight_file import read_state_dict

PUBLISHED = EncoderProfile(embed_dim=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32), patch_size=2)
SMALL = EncoderProfile(embed_dim=8, depths=(2, 1, 3, 1), num_heads=(1, 2, 2, 4), patch_size=4)
BLOCK = "layers1.0.blocks.0"


def assert_same_maps(one, other, image=None):
    image = torch.rand(1, 3, 64, 64) if image is None else image
    with torch.no_grad():
        assert max(relative_differences(one(image), other(image))) <= 1e-5


@pytest.fixture
def theirs():
    return monai_network(SMALL)


@pytest.fixture
def state(theirs):
    return {**theirs.state_dict(), "mask_token": torch.rand(1, 8, 1, 1)}


@pytest.fixture
def saved(tmp_path):
    """Writes anything with torch.save and returns its path."""

    def save(content, name="encoder.pth"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


def test_a_published_checkpoint_gives_the_maps_of_monais_own_network(saved):
    theirs = monai_network(PUBLISHED)
    path = saved({**theirs.state_dict(), "mask_token": torch.rand(1, 128, 1, 1)})
    ours = load_encoder(path)
    path.unlink()
    assert ours.profile == PROFILES["released"]
    assert_same_maps(ours, theirs)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("with_token", [True, False])
def test_a_bare_state_dict_is_loaded(tmp_path, theirs, state, ending, prefix, with_token):
    content = {prefix + name: tensor for name, tensor in state.items() if with_token or name != "mask_token"}
    path = tmp_path / f"encoder{ending}"
    save = safetensors.torch.save_file if ending == ".safetensors" else torch.save
    save(content, path)
    assert_same_maps(load_encoder(path), theirs)


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_wrapped_state_dict_is_loaded(saved, theirs, state, wrapper, prefix):
    content = {wrapper: {prefix + name: tensor for name, tensor in state.items()}, "epoch": 3}
    assert_same_maps(load_encoder(saved(content)), theirs)


def test_half_precision_weights_become_float32(saved, theirs, state):
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    loaded = load_encoder(saved(half))
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded.state_dict(), theirs.state_dict(), atol=1e-3, rtol=1e-3)


def test_every_tensor_may_stand_in_half_precision_the_places_of_tokens_too(saved, theirs, state):
    halves = {name: tensor.half() for name, tensor in state.items()}
    loaded = load_encoder(saved(halves))
    torch.testing.assert_close(loaded.state_dict(), theirs.state_dict(), atol=1e-3, rtol=1e-3)


def test_places_of_tokens_that_are_no_whole_numbers_are_refused(saved, state):
    index = "layers1.0.blocks.0.attn.relative_position_index"
    with pytest.raises(WeightsError, match=f"1 of another kind .{index} float instead of int64"):
        load_encoder(saved({**state, index: state[index] + 0.5}))


def test_the_profile_is_read_off_the_weights(saved, state):
    profile = load_encoder(saved(state)).profile
    assert (profile.embed_dim, profile.patch_size, profile.window_size, profile.mlp_ratio) == (8, 4, 8, 4.0)
    assert (profile.depths, profile.num_heads) == (SMALL.depths, SMALL.num_heads)


def test_a_loaded_encoder_is_in_evaluation_mode(saved, state):
    assert not any(module.training for module in load_encoder(saved(state)).modules())


def test_a_mask_token_is_loaded(saved, state):
    torch.testing.assert_close(load_encoder(saved(state)).mask_token, state["mask_token"], atol=0, rtol=0)


def test_a_mask_token_of_another_width_is_refused(saved, state):
    with pytest.raises(WeightsError, match=r"mask_token has shape \(1, 16, 1, 1\); needed \(1, 8, 1, 1\)"):
        load_encoder(saved({**state, "mask_token": torch.rand(1, 16, 1, 1)}))


def test_a_renamed_key_is_refused_under_both_names(saved, state):
    state[f"{BLOCK}.attn.query.weight"] = state.pop(f"{BLOCK}.attn.qkv.weight")
    with pytest.raises(WeightsError, match=r"1 missing \(.*qkv\.weight\); 1 unexpected \(.*query\.weight\)"):
        load_encoder(saved(state))


@pytest.mark.parametrize(
    "key",
    [
        f"{BLOCK}.norm1.bias",
        "patch_embed.proj.weight",
        f"{BLOCK}.mlp.linear1.weight",
        f"{BLOCK}.attn.relative_position_bias_table",
        "layers3.0.blocks.0.attn.relative_position_bias_table",
    ],
)
def test_a_missing_key_is_refused_by_name(saved, state, key):
    del state[key]
    with pytest.raises(WeightsError, match=rf"encoder\.pth .*missing.*{key}"):
        load_encoder(saved(state))


def test_a_key_too_many_is_refused_by_name(saved, state):
    with pytest.raises(WeightsError, match=r"1 unexpected \(head\.weight\)"):
        load_encoder(saved({**state, "head.weight": torch.rand(2, 2)}))


def test_a_block_with_a_huge_number_is_refused_at_once(saved, state):
    with pytest.raises(WeightsError, match=r"unexpected \(layers1\.0\.blocks\.999999999\.norm1\.bias\)"):
        load_encoder(saved({**state, "layers1.0.blocks.999999999.norm1.bias": torch.rand(8)}))


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (f"{BLOCK}.norm1.bias", (9,)),
        ("patch_embed.proj.weight", (8, 1, 4, 4)),
        ("patch_embed.proj.weight", (8, 3, 4)),
        (f"{BLOCK}.attn.relative_position_bias_table", (225,)),
    ],
)
def test_a_mis_shaped_key_is_refused_by_name(saved, state, key, shape):
    with pytest.raises(WeightsError, match=rf"mis-shaped.*{key}"):
        load_encoder(saved({**state, key: torch.rand(shape)}))


def test_shapes_that_no_encoder_can_have_are_refused(saved, state):
    table = f"{BLOCK}.attn.relative_position_bias_table"
    with pytest.raises(WeightsError, match=r"num_heads=\(0, 2, 2, 4\).*; needed numbers that an encoder can have"):
        load_encoder(saved({**state, table: torch.rand(225, 0)}))


def test_another_network_is_refused(saved):
    with pytest.raises(WeightsError, match=r"net\.pth is not an EchoCare encoder: found 2 tensors such as bias"):
        load_encoder(saved(torch.nn.Linear(2, 2).state_dict(), "net.pth"))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("first", [b"", b"h", b"0", b"\x80", b"}", b"PK\x03\x04", b"\x08\0\0\0\0\0\0\0{}"])
def test_a_file_of_something_else_is_refused(tmp_path, ending, first):
    path = tmp_path / f"encoder{ending}"
    path.write_bytes(first and first + b"ello, these are no weights\n")
    with pytest.raises(WeightsError, match=f"encoder{ending} is not a weight file that can be read safely"):
        load_encoder(path)


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_weight_file_cut_short_is_refused(tmp_path, ending):
    path = tmp_path / f"encoder{ending}"
    save_encoder(build_encoder("tiny"), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=f"encoder{ending} is not a weight file"):
        load_encoder(path)


def test_no_damage_to_a_file_ends_in_another_error(tmp_path):
    path, chance = tmp_path / "weights.pth", random.Random(0)
    torch.save({"weight": torch.rand(2)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for _ in range(400):
        damaged = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])] or b"\0")
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(WeightsError):
            read_state_dict(path)


def test_an_empty_path_is_said_to_be_empty():
    """As of `label_pixels.json`, whose `encoder_weights` are to be given."""
    with pytest.raises(WeightsError, match=r"The path of a weight file is empty; needed a \.pth"):
        starting_encoder("tiny", "")


@pytest.mark.parametrize("name", ["absent.pth", "."])
def test_no_file_at_the_path_is_said(tmp_path, name):
    with pytest.raises(WeightsError, match=r"No weight file at .* Check the path"):
        load_encoder(tmp_path / name)


class Code:
    """An object whose unpickling makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_weight_file_is_refused_and_does_not_run(tmp_path, zipped):
    path, trace = tmp_path / "encoder.pth", tmp_path / "trace"
    content = pickle.dumps({"patch_embed.proj.weight": Code(trace)})
    path.write_bytes(content)
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("encoder/data.pkl", content)
            archive.writestr("encoder/version", "3\n")
    with pytest.raises(WeightsError, match="not a weight file that can be read safely"):
        load_encoder(path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"state_dict": {}}, {"state_dict": {"a": "b"}}, [torch.rand(2)]])
def test_a_file_without_a_state_dict_is_refused(saved, content):
    with pytest.raises(WeightsError, match=r"encoder\.pth holds (dict|list) without a state dict"):
        load_encoder(saved(content))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_what_is_written_loads_strictly_into_monais_own_network(tmp_path, ending):
    path, ours = tmp_path / f"encoder{ending}", build_encoder("tiny").eval()
    save_encoder(ours, path)
    state = safetensors.torch.load_file(path) if ending == ".safetensors" else torch.load(path, weights_only=True)
    assert state.pop("mask_token").shape == (1, 16, 1, 1)
    theirs = monai_network(EncoderProfile(embed_dim=16, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), patch_size=4))
    theirs.load_state_dict(state, strict=True)
    assert_same_maps(theirs, ours, torch.rand(1, 3, 128, 128))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_an_encoder_comes_back_as_it_was_written(tmp_path, ending):
    encoder = build_encoder("small")
    encoder.mask_token.normal_()
    save_encoder(encoder, tmp_path / f"encoder{ending}")
    back = load_encoder(tmp_path / f"encoder{ending}")
    torch.testing.assert_close(back.state_dict(), encoder.state_dict(), atol=0, rtol=0)
    torch.testing.assert_close(back.mask_token, encoder.mask_token, atol=0, rtol=0)
    assert back.profile == encoder.profile


def test_a_write_that_fails_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "encoder.pth"
    path.write_bytes(b"former")

    def disk_full(state, unfinished):
        Path(unfinished).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OutputError, match="No space left"):
        save_encoder(build_encoder("tiny"), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("encoder.pth", b"former")]


def test_writing_over_a_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / "encoder.pth").mkdir()
    with pytest.raises(OutputError, match="cannot take the weights"):
        save_encoder(build_encoder("tiny"), tmp_path / "encoder.pth")
    assert [path.name for path in tmp_path.rglob("*")] == ["encoder.pth"]


def test_weights_that_are_not_finite_are_refused(tmp_path):
    state = build_encoder("tiny").state_dict()
    state["patch_embed.proj.bias"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(WeightsError, match=r"not finite \(patch_embed\.proj\.bias\)"):
        load_encoder(tmp_path / "nan.pth")
