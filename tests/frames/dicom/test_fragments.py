"""Compressed frames are found whatever their offset table says."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from ultrasound_files import CINE, JPEG, JPEG_2000, RLE, encapsulated, marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom import fragments, read_dicom


def jpeg_frames(count):
    streams = []
    for picture in marked(count) + (np.arange(count, dtype=np.uint8) * 20)[:, None, None, None] % 120:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=95)
        streams.append(stream.getvalue() + b"\0" * (len(stream.getvalue()) % 2))
    return streams


FRAMES = jpeg_frames(3)
PICTURES = [np.asarray(Image.open(io.BytesIO(stream)).convert("RGB")) for stream in FRAMES]
HALVES = [part for stream in FRAMES for part in (stream[:200], stream[200:])]


def cine(path, pixels, frames=3, **attributes):
    described = {"Rows": 24, "Columns": 32, "NumberOfFrames": frames, "SOPClassUID": CINE, **attributes}
    return write_ultrasound(
        path / "cine", pixels, transfer_syntax=JPEG, photometric="YBR_FULL_422", attributes=described
    )


def assert_pictures(frames, expected=tuple(PICTURES)):
    assert len(frames) == len(expected)
    for picture, other in zip(frames.pixels, expected, strict=True):
        assert np.abs(picture.astype(int) - other).max() <= 2


@pytest.mark.parametrize(
    "table",
    [None, (), (0, 1, 2), (0, 4_000_000, 4_000_100), (0, 0, 0), (0, len(FRAMES[0]) + 8), (7,)],
    ids=["correct", "empty", "off_items", "beyond_the_end", "all_zero", "too_short", "nonsense"],
)
def test_frames_are_found_whatever_the_offset_table_says(tmp_path, table):
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(FRAMES, table))))


def with_thumbnail(stream):
    """Put a JPEG thumbnail into a stream, which then has a second start marker 6 bytes on."""
    return stream[:2] + b"\xff\xe1" + (len(stream) + 2).to_bytes(2, "big") + stream + stream[2:]


# Fragments that all begin with a start marker: only a table tells which of them begin a frame.
MISLEADING = [part for stream in map(with_thumbnail, FRAMES) for part in (stream[:6], stream[6:])]
OFFSETS = [int(start) for start in np.cumsum([0, *(len(part) + 8 for part in MISLEADING)])[:-1:2]]


def test_fragmented_frames_are_joined_by_the_offset_table(tmp_path):
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(MISLEADING, OFFSETS))))


def test_the_extended_offset_table_comes_before_the_basic_one(tmp_path):
    lengths = np.array([len(stream) for stream in FRAMES], "<u8").tobytes()
    tables = {"ExtendedOffsetTable": np.array(OFFSETS, "<u8").tobytes(), "ExtendedOffsetTableLengths": lengths}
    wrong = [0, OFFSETS[1], OFFSETS[1] + 14]
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(MISLEADING, wrong), **tables)))


def test_fragmented_frames_are_joined_by_their_start_markers(tmp_path):
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(HALVES))))


def test_all_fragments_of_a_still_are_one_frame(tmp_path):
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(HALVES[:2]), frames=1)), PICTURES[:1])


def test_frames_are_counted_where_the_header_does_not(tmp_path):
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(HALVES), frames=None)))


def test_frames_beyond_the_number_of_frames_are_not_part_of_the_image(tmp_path):
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(FRAMES), frames=2)), PICTURES[:2])


def test_missing_frames_are_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="says it has 5 frames but holds 3 fragments"):
        read_dicom(cine(tmp_path, encapsulated(FRAMES), frames=5))


def test_a_file_cut_short_is_refused(tmp_path):
    path = cine(tmp_path, encapsulated(FRAMES))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UnreadableFrames, match="breaks off after 2 whole fragments"):
        read_dicom(path)


def test_a_missing_end_mark_alone_is_forgiven(tmp_path):
    path = cine(tmp_path, encapsulated(FRAMES))
    path.write_bytes(path.read_bytes()[:-8])
    assert_pictures(read_dicom(path))


@pytest.mark.parametrize("cut", [8, 8 + 3 + len(FRAMES[2]), 8 + 8 + len(FRAMES[2])], ids=["mark", "item", "frame"])
def test_a_cine_that_says_neither_how_many_frames_it_has_nor_where_they_end_is_refused(tmp_path, cut):
    path = cine(tmp_path, encapsulated(FRAMES), frames=None)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UnreadableFrames, match=r"cine .*breaks off after [23] "):
        read_dicom(path)


def test_a_still_without_an_end_mark_is_read(tmp_path):
    path = cine(tmp_path, encapsulated(FRAMES[:1]), frames=None)
    path.write_bytes(path.read_bytes()[:-8])
    assert_pictures(read_dicom(path), PICTURES[:1])


def rle(picture):
    """RLE of three colours, a run of literals for each row (PS3.5 G.3 to G.5)."""
    segments = [
        b"".join(bytes([len(row) - 1]) + row.tobytes() for row in colour) for colour in np.moveaxis(picture, -1, 0)
    ]
    padded = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    offsets = [64 + sum(map(len, padded[:number])) for number in range(3)]
    return struct.pack("<16I", 3, *offsets, *[0] * 12) + b"".join(padded)


STREAMS = {
    RLE: rle,
    JPEG_2000: lambda picture: imagecodecs.jpeg2k_encode(picture, level=0, codecformat="j2k"),
    f"{JPEG_2000} in a file": lambda picture: imagecodecs.jpeg2k_encode(picture, level=0, codecformat="jp2"),
    "1.2.840.10008.1.2.4.110": lambda picture: imagecodecs.jpegxl_encode(picture, lossless=True),
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("frames", [None, 2])
def test_frames_of_every_kind_are_found_without_a_table_and_a_right_number(tmp_path, kind, frames):
    streams = [STREAMS[kind](picture) for picture in marked(3)]
    path = write_ultrasound(
        tmp_path / "a",
        encapsulated(streams),
        transfer_syntax=kind.split()[0],
        attributes={"Rows": 24, "Columns": 32, "NumberOfFrames": frames, "SOPClassUID": CINE},
    )
    np.testing.assert_array_equal(read_dicom(path).pixels, marked(3)[:frames])


def test_empty_encapsulated_pixel_data_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="has empty pixel data"):
        read_dicom(cine(tmp_path, encapsulated([])))


def test_one_damaged_frame_is_named_and_the_others_are_read(tmp_path):
    damaged = [FRAMES[0], b"\0" * len(FRAMES[1]), FRAMES[2]]
    frames = read_dicom(cine(tmp_path, encapsulated(damaged)))
    assert frames.pixels[0].shape == frames.pixels[2].shape == (24, 32, 3)
    with pytest.raises(UnreadableFrames, match="cine, frame 2 of 3, cannot be decoded"):
        frames.pixels[1]


@pytest.mark.parametrize("tables", [0, 1])
def test_an_extended_table_that_is_wrong_gives_way_to_the_basic_one(tmp_path, tables):
    wrong = [np.array([0, 5, 9], "<u8"), np.array([2**63, 2**64 - 1, 7], "<u8")][tables].tobytes()
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(MISLEADING, OFFSETS), ExtendedOffsetTable=wrong)))


def test_an_end_mark_inside_a_stream_does_not_end_the_frame(tmp_path):
    mark = b"\xfe\xff\xdd\xe0\0\0\0\0"
    streams = [stream[:2] + b"\xff\xfe\0\x0a" + mark + stream[2:] for stream in FRAMES]  # a comment segment
    assert_pictures(read_dicom(cine(tmp_path, encapsulated(streams))))


def test_a_stray_mark_between_fragments_is_refused_where_frames_are_missing(tmp_path):
    pixels = encapsulated(FRAMES)
    stop = 16 + len(FRAMES[0])
    stray = b"\xfe\xff\xdd\xe0\0\0\0\0"
    with pytest.raises(UnreadableFrames, match="says it has 3 frames but holds 1 fragments"):
        read_dicom(cine(tmp_path, pixels[:stop] + stray + pixels[stop:]))


def test_an_item_longer_than_the_file_is_refused(tmp_path):
    pixels = bytearray(encapsulated(FRAMES))
    pixels[12:16] = b"\xff\xff\xff\x7f"
    with pytest.raises(UnreadableFrames, match="breaks off after 0 whole fragments"):
        read_dicom(cine(tmp_path, bytes(pixels)))


def test_more_fragments_than_any_cine_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fragments, "MOST_ITEMS", 100)
    with pytest.raises(UnreadableFrames, match="has more than 100 fragments"):
        read_dicom(cine(tmp_path, [*FRAMES, *[b""] * 200]))
