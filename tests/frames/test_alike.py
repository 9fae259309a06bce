"""Thumbnails tell a copy from another picture."""

import numpy as np
import pytest
from PIL import Image

from echocare_core.frames import alike
from echocare_core.frames.alike import FLAT, SIDE, TILE, find_alike, has_aspect_of, thumbnail_of


def thumbnails(number=3, seed=0):
    return np.random.default_rng(seed).integers(20, 200, (number, SIDE, SIDE), dtype=np.uint8)


def likeness(one, other):
    """Ten plain lines: the mean over tiles of their correlation, each weighted by how far it is from flat."""
    products, own = 0.0, [0.0, 0.0]
    for top in range(0, SIDE, TILE):
        for left in range(0, SIDE, TILE):
            tiles = [picture[top : top + TILE, left : left + TILE].astype(float) for picture in (one, other)]
            tiles = [(tile - tile.mean()) / (tile.std() + FLAT) for tile in tiles]
            products += (tiles[0] * tiles[1]).sum()
            own = [total + (tile**2).sum() for total, tile in zip(own, tiles, strict=True)]
    return products / np.sqrt(own[0] * own[1])


def test_a_likeness_equals_the_mean_correlation_of_tiles():
    [one], noise = thumbnails(1), np.random.default_rng(1).integers(-15, 15, (SIDE, SIDE))
    other = (one + noise).astype(np.uint8)
    [found] = find_alike(one[None], other[None])
    assert found.likeness == pytest.approx(likeness(one, other), abs=1e-5)
    assert not found.same


def test_each_is_found_among_others_as_it_is_and_mirrored(monkeypatch):
    monkeypatch.setattr(alike, "AT_ONCE", 2)
    pictures = thumbnails(5)
    others = np.stack([pictures[4], pictures[1][:, ::-1], *thumbnails(2, seed=1)])
    found = {(one.numbers, one.mirrored, one.same) for one in find_alike(pictures, others)}
    assert found == {((4, 0), False, True), ((1, 1), True, True)}


def test_brightness_and_contrast_make_no_picture_another():
    pictures = thumbnails(1)
    [found] = find_alike(pictures, (pictures * 0.7 + 40).astype(np.uint8))
    assert not found.same


def test_pictures_with_detail_in_a_corner_alone_are_like_none():
    picture = np.zeros((1, SIDE, SIDE), np.uint8)
    picture[0, :TILE, : 3 * TILE] = thumbnails(1)[0, :TILE, : 3 * TILE]
    assert not list(find_alike(picture, picture))


def test_a_thumbnail_keeps_the_brightness_of_a_picture_of_any_size():
    picture = np.asarray(Image.new("RGB", (123, 45), (90, 90, 90)))
    assert (thumbnail_of(picture) == 90).all()


@pytest.mark.parametrize(("other", "alike"), [((480, 640), True), ((121, 160), True), ((240, 300), False)])
def test_a_scaled_picture_has_the_aspect_of_the_first(other, alike):
    assert has_aspect_of((240, 320), other) == alike
