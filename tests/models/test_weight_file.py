"""A weight file is read within bounds, holds nothing but numbers, and is the one that its card names."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zipfile

import pytest
import torch

from echocare_core.errors import WeightsError
from echocare_core.models import build_encoder, load_encoder
from echocare_core.models.weight_file import check_card, read_state_dict
from echocare_core.models.weights import load_network


def linear() -> torch.nn.Module:
    return torch.nn.Linear(3, 2)


def saved(folder, **tensors):
    torch.save({**linear().state_dict(), **tensors}, folder / "model.pt")
    return folder / "model.pt"


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.bool, torch.complex64])
def test_numbers_of_another_kind_are_refused_by_name(kind, tmp_path):
    name = str(kind).removeprefix("torch.")
    with pytest.raises(WeightsError, match=rf"1 of another kind \(weight {name} instead of float\)"):
        load_network(linear(), saved(tmp_path, weight=torch.ones(2, 3).to(kind)))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_floats_of_any_precision_are_read(kind, tmp_path):
    weights = saved(tmp_path, weight=torch.ones(2, 3).to(kind))
    assert load_network(linear(), weights).weight.equal(torch.ones(2, 3))


@pytest.mark.parametrize(
    ("tensor", "fault"),
    [
        (torch.ones(1).expand(2, 3), "weight: expanded"),
        (torch.ones(()).expand(1 << 20, 1 << 20), "weight: expanded"),
        (torch.ones(4).as_strided((3, 2), (1, 1)), "weight: expanded"),
        (torch.empty(2, 3, device="meta"), "weight: meta"),
        (torch.ones(2, 3).to_sparse(), "weight: not dense"),
    ],
)
def test_tensors_without_numbers_of_their_own_are_refused_by_name(tensor, fault, tmp_path):
    with pytest.raises(WeightsError, match=rf"model\.pt holds tensors that cannot be weights \({fault}\)"):
        read_state_dict(saved(tmp_path, weight=tensor))


def test_a_part_of_a_larger_tensor_is_read(tmp_path):
    weights = saved(tmp_path, weight=torch.arange(12.0).view(4, 3)[1:3])
    assert load_network(linear(), weights).weight.tolist() == [[3, 4, 5], [6, 7, 8]]


def test_a_compressed_file_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("model/data.pkl", "w") as entry:
        for _ in range(64):
            entry.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(WeightsError, match=r"says that it unpacks to 67108864; needed a file of torch\.save"):
        read_state_dict(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_changed_byte_is_found(tmp_path):
    path = saved(tmp_path, weight=torch.full((2, 3), 2.0))
    content = path.read_bytes()
    number = struct.pack("<f", 2.0)
    path.write_bytes(content.replace(number, struct.pack("<f", 3.0), 1))
    with pytest.raises(WeightsError, match=r"model\.pt is not a weight file that can be read safely"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "claimed", [b"", b'{"weight":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}']
)
def test_a_header_that_claims_terabytes_is_refused(claimed, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(claimed) or 1 << 42) + claimed)
    with pytest.raises(WeightsError, match=r"model\.safetensors is not a weight file"):
        read_state_dict(path)


def test_a_storage_that_claims_more_than_the_file_holds_is_refused(tmp_path):
    path, lying = saved(tmp_path), tmp_path / "lying.pt"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(lying, "w") as copy:
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename.endswith("data.pkl"):
                assert b"K\x06" in content  # six numbers
                assert b"K\x02K\x03" in content  # as two rows of three
                content = content.replace(b"K\x06", b"J\0\0\x30\0").replace(b"K\x02K\x03", b"J\0\0\x10\0K\x03")
            copy.writestr(entry.filename, content)
    with pytest.raises(WeightsError, match=r"lying\.pt is not a weight file"):
        load_network(linear(), lying)


@pytest.mark.parametrize(
    ("key", "shape", "said"),
    [
        ("layers1.0.blocks.0.mlp.linear1.weight", (1 << 40, 0), "missing or mis-shaped: layers1"),
        ("patch_embed.proj.weight", (1 << 40, 0, 4, 4), "missing or mis-shaped: patch_embed"),
        ("layers1.0.blocks.0.attn.relative_position_bias_table", (1 << 16, 1), "window_size=128"),
    ],
)
def test_shapes_that_claim_much_allocate_nothing(key, shape, said, tmp_path):
    torch.save({**build_encoder("tiny").state_dict(), key: torch.zeros(shape)}, tmp_path / "encoder.pt")
    with pytest.raises(WeightsError, match=rf"encoder\.pt.*{said}"):
        load_encoder(tmp_path / "encoder.pt")


def test_the_card_beside_weights_names_them(tmp_path):
    weights = saved(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"sha256": check_card(weights)}))
    assert load_network(linear(), weights).weight.shape == (2, 3)

    torch.save(linear().state_dict(), weights)
    with pytest.raises(WeightsError, match=r"model\.pt has the sha256 [0-9a-f]{64}, and its card model\.json names"):
        load_network(linear(), weights)


def test_an_encoder_is_the_one_that_its_card_names(tmp_path):
    torch.save(build_encoder("tiny").state_dict(), tmp_path / "encoder.pt")
    (tmp_path / "encoder.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match=r"its card encoder\.json names 0000"):
        load_encoder(tmp_path / "encoder.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_asks_for_memory_beside_its_tensors_is_refused(zipped, tmp_path):
    program = b"\x80\x02c__builtin__\nbytearray\nJ\0\0\0\x7f\x85R."  # bytearray(2 GiB)
    path = tmp_path / "model.pt"
    path.write_bytes(program)
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", program)
            archive.writestr("model/version", "3\n")
    tracemalloc.start()
    with pytest.raises(WeightsError, match=r"model\.pt is not a weight file that can be read safely"):
        read_state_dict(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_file_beside_weights_that_is_no_card_says_nothing_of_them(tmp_path):
    weights = saved(tmp_path)
    (tmp_path / "model.json").write_text("[1, 2]")
    assert load_network(linear(), weights).weight.shape == (2, 3)


@pytest.mark.parametrize("token", [torch.full((1, 16, 1, 1), float("nan")), torch.ones(1, 16, 1, 1, dtype=torch.int8)])
def test_a_mask_token_is_finite_floats(token, tmp_path):
    torch.save({**build_encoder("tiny").state_dict(), "mask_token": token}, tmp_path / "encoder.pt")
    with pytest.raises(WeightsError, match="mask_token is not finite floats"):
        load_encoder(tmp_path / "encoder.pt")
