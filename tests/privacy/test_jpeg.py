"""JPEG frames keep their picture and lose everything else."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from screens import screen

from echocare_core.privacy.jpeg import encode_like, without_comments


def encoded(picture, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", **options)
    return file.getvalue()


def decoded(stream):
    return imagecodecs.jpeg8_decode(stream)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:2:0"}, {"restart_marker_blocks": 4}])
def test_comments_go_and_the_picture_stays(options):
    picture = screen()[0]
    stream = encoded(picture, comment=b"Doe^Jane", exif=b"Exif\0\0Doe^Jane", **options) + b"Doe^Jane"
    assert b"Doe" in stream

    kept = without_comments(stream)

    assert b"Doe" not in kept
    assert np.array_equal(decoded(kept), decoded(stream))


@pytest.mark.parametrize("length", [1, 2, 3, 100, 5000])
def test_a_stream_that_breaks_off_is_refused(length):
    with pytest.raises(ValueError, match="breaks off"):
        without_comments(encoded(screen()[0])[:length])


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2"])
def test_blocks_that_did_not_change_come_back_as_they_were(quality, subsampling):
    stream = encoded(screen()[0], quality=quality, subsampling=subsampling)
    before = decoded(stream)
    masked = before.copy()
    masked[:64] = 0

    after = decoded(encode_like(stream, masked))

    assert not after[:64].any()
    off = np.abs(after[64:].astype(int) - before[64:])
    plainly = decoded(encoded(masked, quality=quality - 5, subsampling=subsampling))
    assert (off == 0).mean() > 0.95
    assert off.mean() < 0.1
    assert off.mean() < np.abs(plainly[64:].astype(int) - before[64:]).mean() / 10


def test_a_grey_stream_stays_grey():
    stream = encoded(screen()[0][..., 0])

    assert decoded(encode_like(stream, screen()[0])).ndim == 2
