"""JPEG frames keep their picture and lose everything else, wherever in the stream it stands."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from screens import screen

from echocare_core.privacy.jpeg import encode_like


def encoded(picture, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", **options)
    return file.getvalue()


def decoded(stream):
    return imagecodecs.jpeg8_decode(stream)


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


NAME = b"Doe^Jane"
TABLE = (NAME * 8)[:64]
HIDDEN = {
    "a comment": segment(0xFE, NAME),
    "an application segment": segment(0xED, NAME),
    "a JFIF extension": segment(0xE0, b"JFXX\0" + NAME),
    "a quantisation table nobody uses": segment(0xDB, b"\3" + TABLE),
    "a Huffman table nobody uses": segment(0xC4, b"\x13" + bytes([0] * 6 + [8] + [0] * 9) + NAME),
    "padding between segments": b"\xff" * 9,
}


@pytest.mark.parametrize("place", HIDDEN)
def test_of_a_stream_only_its_picture_and_the_tables_of_that_stay(place):
    picture = screen()[0]
    stream = encoded(picture)
    stream = stream[:2] + HIDDEN[place] + stream[2:-2] + NAME + b"\xff\xd9" + NAME

    kept = encode_like(stream, picture)

    assert b"Doe" not in kept
    assert (decoded(kept) == decoded(encoded(picture))).mean() > 0.95


def test_each_component_keeps_the_table_it_uses():
    tables = [[one] * 64 for one in (7, 9, 11)]
    stream = encoded(screen()[0], qtables=tables)

    assert Image.open(io.BytesIO(encode_like(stream, screen()[0]))).quantization == dict(enumerate(tables))


@pytest.mark.parametrize("length", [1, 2, 3, 100])
def test_a_stream_that_breaks_off_is_refused(length):
    with pytest.raises((ValueError, OSError)):
        encode_like(encoded(screen()[0])[:length], screen()[0])


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
