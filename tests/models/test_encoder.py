"""The encoder: the published network number by number, and smaller ones of the same shape."""

import pytest
import torch
from monai.networks.nets.swin_unetr import SwinTransformer

from echocare_core.models import PROFILES, EncoderProfile, build_encoder

SMALL_PROFILES = ["tiny", "small"]


@pytest.fixture(scope="module")
def released():
    return build_encoder("released")


def test_the_released_profile_has_the_published_number_of_parameters(released):
    assert sum(parameter.numel() for parameter in released.parameters()) / 1e6 == pytest.approx(120.2, abs=0.05)


def test_the_released_profile_has_the_published_number_of_tensors(released):
    assert len(released.state_dict()) == 358


def test_the_released_profile_is_built_from_the_published_numbers(released):
    published = SwinTransformer(
        in_chans=3,
        embed_dim=128,
        window_size=[8, 8],
        patch_size=[2, 2],
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        mlp_ratio=4.0,
        qkv_bias=True,
        spatial_dims=2,
        use_v2=True,
    )
    shapes = {name: tensor.shape for name, tensor in published.state_dict().items()}
    assert {name: tensor.shape for name, tensor in released.state_dict().items()} == shapes


def test_the_released_maps_have_the_published_strides_and_channels(released):
    with torch.no_grad():
        maps = released(torch.rand(1, 3, 64, 64))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
        (1024, 4, 4),
        (2048, 2, 2),
    ]


@pytest.mark.parametrize("name", SMALL_PROFILES)
def test_maps_have_the_strides_and_channels_of_the_profile(name):
    profile = PROFILES[name]
    with torch.no_grad():
        maps = build_encoder(name)(torch.rand(2, 3, 128, 192))
    shapes = zip(profile.channels, profile.strides, strict=True)
    assert [one.shape for one in maps] == [(2, channels, 128 // step, 192 // step) for channels, step in shapes]


def test_every_map_is_normalised_over_its_channels():
    with torch.no_grad():
        maps = build_encoder("tiny")(torch.rand(1, 3, 128, 128))
    for one in maps:
        assert one.mean(dim=1).abs().max() < 1e-5
        assert one.var(dim=1, unbiased=False).amax() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("name", SMALL_PROFILES)
@pytest.mark.parametrize(("vertical", "horizontal"), [("top", "right"), ("bottom", "left")])
def test_a_mark_in_one_corner_is_felt_in_that_corner(name, vertical, horizontal):
    rows = slice(0, 32) if vertical == "top" else slice(-32, None)
    columns = slice(0, 32) if horizontal == "left" else slice(-32, None)
    plain = torch.full((1, 3, 256, 256), 0.2)
    marked = plain.clone()
    marked[..., rows, columns] = 1.0
    encoder = build_encoder(name).eval()
    with torch.no_grad():
        pairs = list(zip(encoder(plain), encoder(marked), strict=True))
    for before, after in pairs[:3]:
        assert strongest_quarter((after - before).abs().sum(dim=1)[0]) == (vertical, horizontal)


def strongest_quarter(response):
    row, column = divmod(int(response.argmax()), response.shape[1])
    return "top" if row < response.shape[0] / 2 else "bottom", "left" if column < response.shape[1] / 2 else "right"


def test_own_numbers_make_an_encoder():
    profile = EncoderProfile(embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), patch_size=4, window_size=4)
    with torch.no_grad():
        maps = build_encoder(profile)(torch.rand(1, 3, 64, 64))
    assert [one.shape[1] for one in maps] == [8, 16, 32, 64, 128]


def test_the_encoder_carries_its_profile_and_a_mask_token_outside_its_state():
    encoder = build_encoder("small")
    assert encoder.profile == PROFILES["small"]
    assert encoder.mask_token.shape == (1, 24, 1, 1)
    assert "mask_token" not in encoder.state_dict()


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'huge'; needed one of released, small, tiny"):
        build_encoder("huge")
