"""Uniform sampling: visible patches are pushed together and come back to their places; hidden ones are not seen."""

import pytest
import torch

from echocare_core.models.packing import pack_image, unpack_maps
from echocare_core.pretraining.views.masking import enlarge, keep_one_of_four

PATCH, SIDE = 8, 48


def image_and_mask():
    """Two images of 6x6 patches, one patch of each 2x2 block visible."""
    chances = torch.rand(2, 36)
    return torch.rand(2, 3, SIDE, SIDE), keep_one_of_four(torch.ones(2, 6, 6, dtype=torch.bool), chances)


def test_the_packed_image_holds_the_visible_patches_in_their_blocks():
    image, masked = image_and_mask()
    small = pack_image(image, masked)
    assert small.shape == (2, 3, SIDE // 2, SIDE // 2)
    for number, row, column in (~masked).nonzero().tolist():
        down, across = row // 2 * PATCH, column // 2 * PATCH
        patch = image[number, :, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
        assert torch.equal(small[number, :, down : down + PATCH, across : across + PATCH], patch)


def test_hidden_pixels_are_not_in_the_packed_image():
    image, masked = image_and_mask()
    other = torch.where(enlarge(masked, PATCH)[:, None], torch.rand_like(image), image)
    assert torch.equal(pack_image(other, masked), pack_image(image, masked))


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_what_was_visible_returns_exactly_and_the_rest_is_zero(stride):
    image, masked = image_and_mask()
    image = image[:, :, ::stride, ::stride]  # as if each element were one of a finer map
    (back,) = unpack_maps([pack_image(image, masked)], masked)
    hidden = enlarge(masked, PATCH // stride)[:, None]
    assert torch.equal(back, torch.where(hidden, torch.zeros_like(image), image))


@pytest.mark.parametrize("side", [2, 1])
def test_an_element_of_a_coarser_map_stands_for_its_whole_block(side):
    masked = keep_one_of_four(torch.ones(2, 8, 8, dtype=torch.bool), torch.rand(2, 64))
    features = torch.rand(2, 5, side, side)
    (back,) = unpack_maps([features], masked)
    assert back.shape == (2, 5, 2 * side, 2 * side)
    assert all(
        torch.equal(back[:, :, row, column], features[:, :, row // 2, column // 2])
        for row in range(2 * side)
        for column in range(2 * side)
    )


def test_each_map_of_a_pyramid_has_twice_its_height_and_width():
    _, masked = image_and_mask()
    maps = [torch.rand(2, 4 * 2**level, 24 // 2**level, 24 // 2**level) for level in range(4)]
    assert [one.shape for one in unpack_maps(maps, masked)] == [(2, 4 * 2**n, 48 // 2**n, 48 // 2**n) for n in range(4)]


def test_gradients_reach_the_packed_map_from_visible_places_alone():
    _, masked = image_and_mask()
    features = torch.rand(2, 4, 6, 6, requires_grad=True)
    (back,) = unpack_maps([features], masked)
    hidden = enlarge(masked, 2)[:, None].expand_as(back)
    back[~hidden].sum().backward(retain_graph=True)
    assert torch.equal(features.grad, torch.ones_like(features))
    features.grad = None
    back[hidden].sum().backward()
    assert not features.grad.any()
