"""Pixel decoders: the published ladder number by number, and the pyramid on all maps."""

from itertools import pairwise

import pytest
import torch
from small_network import SMALLEST
from torch import nn
from torch.nn import functional

from echocare_core.models import PROFILES, EncoderProfile, build_encoder
from echocare_core.models.pixel_decoder import LadderDecoder, PyramidDecoder

RELEASED = PROFILES["released"]
LITTLE = EncoderProfile(embed_dim=4, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), patch_size=2, window_size=4)


def maps_of(profile, side, device=None):
    """Five maps as the encoder of a profile makes them of a square image."""
    sizes = zip(profile.channels, profile.strides, strict=True)
    return [torch.randn(2, channels, -(-side // step), -(-side // step), device=device) for channels, step in sizes]


def test_the_released_ladder_has_the_published_channels():
    with torch.device("meta"):
        decoder = LadderDecoder(RELEASED)
    shapes = [tuple(layer.weight.shape) for layer in decoder.modules() if isinstance(layer, nn.Conv2d)]
    widths = [2048, 1024, 512, 256, 128, 128]
    steps = [(narrow, wide, 3, 3) for wide, narrow in pairwise(widths)]
    assert shapes == [*steps, (3, 128, 1, 1)]


def test_the_released_ladder_gives_256_px_back_from_a_deepest_map_of_8():
    with torch.device("meta"):
        pixels, _ = LadderDecoder(RELEASED)(maps_of(RELEASED, 256, "meta"))
    assert pixels.shape == (2, 3, 256, 256)


def test_the_ladder_is_convolution_norm_rectifier_and_twice_the_size():
    decoder, maps = LadderDecoder(LITTLE), maps_of(LITTLE, 64)
    layers = [layer for layer in decoder.modules() if isinstance(layer, nn.Conv2d)]
    blocks = [
        nn.Sequential(layer, nn.InstanceNorm2d(layer.out_channels), nn.LeakyReLU(), nn.Upsample(None, 2, "bilinear"))
        for layer in layers[:-1]
    ]
    plain = nn.Sequential(*blocks, layers[-1])
    assert torch.allclose(decoder(maps)[0], plain(maps[-1]), atol=1e-5)


def test_the_ladder_looks_at_the_deepest_map_alone():
    decoder, maps = LadderDecoder(LITTLE), maps_of(LITTLE, 64)
    others = [*[torch.randn_like(one) for one in maps[:-1]], maps[-1]]
    assert torch.equal(decoder(maps)[0], decoder(others)[0])


@pytest.mark.parametrize("profile", [LITTLE, SMALLEST], ids=["patches of 2 px", "patches of 4 px"])
@pytest.mark.parametrize(
    "decoder", [LadderDecoder, lambda profile: PyramidDecoder(profile, 8)], ids=["ladder", "pyramid"]
)
def test_an_image_comes_back_in_its_size(decoder, profile):
    image = torch.rand(1, 3, 128, 192)
    with torch.no_grad():
        pixels, _ = decoder(profile)(build_encoder(profile)(image))
    assert pixels.shape == image.shape


def test_the_pyramid_predicts_one_loss_per_patch_of_the_encoder():
    pixels, predicted_loss = PyramidDecoder(SMALLEST, 8)(maps_of(SMALLEST, 64), predict_loss=True)
    assert pixels.shape == (2, 3, 64, 64)
    assert predicted_loss.shape == (2, 16, 16)


@pytest.mark.parametrize("decoder", [LadderDecoder(LITTLE), PyramidDecoder(LITTLE, 8)], ids=["ladder", "pyramid"])
def test_unasked_there_is_no_loss_prediction(decoder):
    assert decoder(maps_of(LITTLE, 64))[1] is None


def test_the_ladder_has_no_loss_prediction_to_give():
    assert LadderDecoder(LITTLE)(maps_of(LITTLE, 64), predict_loss=True)[1] is None


@pytest.mark.parametrize("level", range(5))
def test_every_map_has_a_say_in_the_pyramid(level):
    maps = [one.requires_grad_() for one in maps_of(SMALLEST, 64)]
    pixels, predicted_loss = PyramidDecoder(SMALLEST, 8)(maps, predict_loss=True)
    for output in (pixels, predicted_loss):
        (gradient,) = torch.autograd.grad(output.square().sum(), maps[level], retain_graph=True)
        assert gradient.any()


def test_the_pyramid_is_the_sum_from_the_deepest_map_up():
    decoder, maps = PyramidDecoder(LITTLE, 8), maps_of(LITTLE, 64)
    rectified, summed = functional.leaky_relu, decoder.laterals[4](maps[4])
    for level in (3, 2, 1, 0):
        larger = functional.interpolate(rectified(summed), scale_factor=2, mode="bilinear")
        summed = larger + decoder.laterals[level](maps[level])
    features = rectified(decoder.mix(rectified(summed)))
    pixels, predicted_loss = decoder(maps, predict_loss=True)
    assert torch.allclose(predicted_loss, decoder.loss_prediction(features)[:, 0], atol=1e-5)
    patch = decoder.pixels(features)[1, :, 5, 7].view(3, 2, 2)
    assert torch.allclose(pixels[1, :, 10:12, 14:16], patch, atol=1e-5)


def test_a_mark_in_one_corner_of_the_maps_is_decoded_in_that_corner():
    decoder, maps = PyramidDecoder(LITTLE, 8), maps_of(LITTLE, 64)
    marked = [one.clone() for one in maps]
    for one in marked[:2]:
        one[:, :, -1, 0] += 5
    change = (decoder(marked)[0] - decoder(maps)[0]).abs().sum((0, 1))
    assert change[32:, :32].any()
    assert not change[:32].any()
    assert not change[:, 32:].any()
