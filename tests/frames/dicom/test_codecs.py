"""Compressed streams come out as other decoders show them, and what cannot be decoded is refused in words."""

import io
import struct
import tracemalloc

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from ultrasound_files import JPEG, JPEG_2000, RLE, SHIPPED, marked, shipped, streams_of

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.codecs import check_transfer_syntax, decode
from echocare_core.frames.dicom.colour import to_rgb
from echocare_core.frames.dicom.pixel_format import PixelFormat, read_pixel_format

SMOOTH = np.stack(np.broadcast_arrays(np.arange(0, 192, 4)[:, None], np.arange(0, 256, 4)[None], 90), axis=-1)
PICTURE = SMOOTH.astype(np.uint8)
HEIGHT, WIDTH = PICTURE.shape[:2]


def jpeg(**options):
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "JPEG", quality=95, subsampling=0, **options)
    return stream.getvalue()


def without_segment(stream, marker):
    start = stream.index(bytes([0xFF, marker]))
    return stream[:start] + stream[start + 2 + int.from_bytes(stream[start + 2 : start + 4], "big") :]


def with_ids(stream, ids):
    """Rename the three components in the frame header and in the scan header."""
    frame, scan, data = stream.index(b"\xff\xc0"), stream.index(b"\xff\xda"), bytearray(stream)
    for number, new in enumerate(ids):
        data[frame + 10 + 3 * number] = data[scan + 5 + 2 * number] = new
    return bytes(data)


def by_pillow(stream):
    return np.asarray(Image.open(io.BytesIO(stream)).convert("RGB"))


def decoded(stream, photometric, syntax=JPEG):
    return decode(stream, syntax, PixelFormat(HEIGHT, WIDTH, photometric))


def is_the_picture(samples):
    return np.abs(samples.astype(int) - PICTURE).mean() < 3


RGB_STREAM = jpeg(keep_rgb=True)
UNMARKED_RGB = without_segment(RGB_STREAM, 0xEE) if b"Adobe" in RGB_STREAM else RGB_STREAM
UNMARKED_YBR = without_segment(jpeg(), 0xE0)
ADOBE_YBR = UNMARKED_YBR[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\x01" + UNMARKED_YBR[2:]
ADOBE_RGB = RGB_STREAM[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\x00" + UNMARKED_RGB[2:]


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "YBR_FULL"])
@pytest.mark.parametrize(
    "stream",
    [jpeg(), ADOBE_YBR, ADOBE_RGB, UNMARKED_RGB, with_ids(ADOBE_RGB, b"\1\2\3")],
    ids=["jfif", "adobe_ybr", "adobe_rgb", "ids_rgb", "adobe_rgb_ids_123"],
)
def test_colour_is_taken_from_the_stream_whatever_the_header_says(stream, photometric):
    samples, colour = decoded(stream, photometric)
    assert colour == "RGB"
    assert is_the_picture(samples)


def test_an_adobe_segment_outranks_a_jfif_segment():
    stream = ADOBE_RGB[:2] + jpeg()[2:20] + ADOBE_RGB[2:]
    assert is_the_picture(decoded(with_ids(stream, b"\1\2\3"), "YBR_FULL_422")[0])


@pytest.mark.parametrize(
    ("stream", "photometric"), [(with_ids(UNMARKED_RGB, b"\1\2\3"), "RGB"), (UNMARKED_YBR, "YBR_FULL")]
)
def test_the_header_decides_where_the_stream_is_silent(stream, photometric):
    assert is_the_picture(decoded(stream, photometric)[0])


def test_jpeg_is_decoded_like_pillow_does():
    difference = decoded(jpeg(), "YBR_FULL_422")[0].astype(int) - by_pillow(jpeg())
    assert np.abs(difference).max() <= 2


def test_a_grey_jpeg_stays_grey():
    stream = io.BytesIO()
    Image.fromarray(PICTURE[..., 0]).save(stream, "JPEG")
    samples, colour = decoded(stream.getvalue(), "MONOCHROME2")
    assert (samples.shape, colour) == ((HEIGHT, WIDTH), "MONOCHROME2")


def test_a_grey_jpeg_that_is_tagged_coloured_is_grey():
    stream = io.BytesIO()
    Image.fromarray(PICTURE[..., 0]).save(stream, "JPEG")
    assert decoded(stream.getvalue(), "RGB")[1] == "MONOCHROME2"


def test_a_thumbnail_inside_the_stream_does_not_hide_that_it_is_cut_short():
    thumbnail = b"\xff\xe1" + (len(jpeg()) + 2).to_bytes(2, "big") + jpeg()
    stream = jpeg()[:2] + thumbnail + jpeg()[2:]
    assert is_the_picture(decoded(stream, "YBR_FULL_422")[0])
    with pytest.raises(PixelDataError, match="cut short"):
        decoded(stream[:-400], "YBR_FULL_422")


@pytest.mark.parametrize("stream", [b"", b"\0" * 64, jpeg()[:2], jpeg()[:200], jpeg()[: len(jpeg()) // 2]])
@pytest.mark.parametrize("syntax", ["50", "51", "57", "70", "80", "81", "90", "91", "110", "112", "201", "203"])
def test_a_damaged_stream_is_refused_in_words(stream, syntax):
    with pytest.raises(PixelDataError, match="cannot be decoded"):
        decoded(stream, "RGB", f"1.2.840.10008.1.2.4.{syntax}")


@pytest.mark.parametrize("stream", [b"", b"\0" * 64, b"\3\0\0\0" * 30])
def test_damaged_rle_is_refused_in_words(stream):
    with pytest.raises(PixelDataError, match="cannot be decoded"):
        decoded(stream, "RGB", RLE)


def test_a_stream_of_another_size_is_refused():
    with pytest.raises(PixelDataError, match="decodes to 64x48 px, its header says 32x24"):
        decode(jpeg(), JPEG, PixelFormat(24, 32, "RGB"))


@pytest.mark.parametrize("size", [(HEIGHT + 16, WIDTH), (4000, 4000)])
def test_a_jpeg_that_holds_fewer_pixels_than_it_and_the_header_claim_is_cut_short(size):
    place = jpeg().index(b"\xff\xc0") + 5
    stream = jpeg()[:place] + struct.pack(">HH", *size) + jpeg()[place + 4 :]
    with pytest.raises(PixelDataError, match="cut short: it holds fewer pixels than it claims"):
        decode(stream, JPEG, PixelFormat(*size, "YBR_FULL_422"))


def test_a_stream_that_claims_an_enormous_size_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("imagecodecs.jpeg8_decode", lambda *_, **__: pytest.fail("it was decoded"))
    frame = jpeg().index(b"\xff\xc0")
    enormous = jpeg()[: frame + 5] + b"\xff\xff\xff\xff" + jpeg()[frame + 9 :]
    with pytest.raises(PixelDataError, match="65535x65535"):
        decoded(enormous, "RGB")


@pytest.mark.parametrize(
    ("transformed", "photometric"), [(1, "YBR_RCT"), (1, "RGB"), (1, "YBR_FULL"), (0, "RGB"), (0, "YBR_RCT")]
)
def test_the_transform_inside_a_jpeg_2000_stream_is_undone_once(transformed, photometric):
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "JPEG2000", no_jp2=True, mct=transformed)
    pixel_format = PixelFormat(HEIGHT, WIDTH, photometric)
    picture = to_rgb(*decode(stream.getvalue(), JPEG_2000, pixel_format), pixel_format)
    np.testing.assert_array_equal(picture, PICTURE)


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm"])
def test_lossless_grey_equals_the_native_file(name):
    dataset = shipped(name)
    samples, _ = decode(streams_of(dataset)[0], dataset.file_meta.TransferSyntaxUID, read_pixel_format(dataset))
    np.testing.assert_array_equal(samples.astype("i2"), shipped("MR_small.dcm").pixel_array)


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_gdcm.dcm", "SC_rgb_gdcm_KY.dcm"])
def test_lossless_colour_equals_the_same_picture_in_rle_read_by_pydicom(name):
    dataset = shipped(name)
    samples, colour = decode(streams_of(dataset)[0], dataset.file_meta.TransferSyntaxUID, read_pixel_format(dataset))
    assert colour == "RGB"
    np.testing.assert_array_equal(samples, shipped("SC_rgb_rle.dcm").pixel_array)


HTJ2K = ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"]
JPEG_XL = ["1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"]
needs_openjph = pytest.mark.skipif(not imagecodecs.HTJ2K.available, reason="this imagecodecs has no OpenJPH")
needs_jpeg_xl = pytest.mark.skipif(not imagecodecs.JPEGXL.available, reason="this imagecodecs has no libjxl")


def shown(stream, syntax, photometric, size=(HEIGHT, WIDTH)):
    pixel_format = PixelFormat(*size, photometric)
    return to_rgb(*decode(stream, syntax, pixel_format), pixel_format)


@needs_openjph
@pytest.mark.parametrize("syntax", HTJ2K)
@pytest.mark.parametrize("photometric", ["YBR_RCT", "RGB"])
def test_high_throughput_jpeg_2000_written_by_openjph_is_read(syntax, photometric):
    stream = imagecodecs.htj2k_encode(PICTURE, reversible=True)
    np.testing.assert_array_equal(shown(stream, syntax, photometric), PICTURE)


@needs_openjph
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_high_throughput_jpeg_2000_in_grey_is_read(kind):
    grey = PICTURE[..., 0].astype(kind) * (1 if kind == "u1" else 16)
    stream = imagecodecs.htj2k_encode(grey, reversible=True)
    samples, colour = decode(stream, HTJ2K[0], PixelFormat(HEIGHT, WIDTH, "MONOCHROME2", bits_allocated=16))
    np.testing.assert_array_equal(samples, grey)
    assert colour == "MONOCHROME2"


@needs_jpeg_xl
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "XYB"])
@pytest.mark.parametrize(("syntax", "lossless"), [(JPEG_XL[0], True), (JPEG_XL[2], False)])
@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl_is_rgb_whatever_it_keeps_inside(photometric, syntax, lossless, container):
    how = {"lossless": True} if lossless else {"distance": 0.2}
    stream = imagecodecs.jpegxl_encode(PICTURE, usecontainer=container, **how)
    assert np.abs(shown(stream, syntax, photometric).astype(int) - PICTURE).mean() < (1e-9 if lossless else 3)


@needs_jpeg_xl
def test_a_jpeg_packed_again_as_jpeg_xl_shows_what_pillow_reads_in_the_jpeg():
    stream = imagecodecs.jpegxl_encode_jpeg(jpeg())
    assert np.abs(shown(stream, JPEG_XL[1], "YBR_FULL_422").astype(int) - by_pillow(jpeg())).max() <= 4


@needs_jpeg_xl
@pytest.mark.parametrize("size", [(16, 24), (50, 77), (300, 300), (1000, 513), (90, 160), (9000, 20), (64, 128)])
def test_jpeg_xl_of_another_size_is_refused_before_it_is_decoded(size, monkeypatch):
    stream = imagecodecs.jpegxl_encode(np.zeros(size, np.uint8), lossless=True)
    monkeypatch.setattr("imagecodecs.jpegxl_decode", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(PixelDataError, match=f"decodes to {size[1]}x{size[0]} px, its header says 24x32"):
        decode(stream, JPEG_XL[0], PixelFormat(32, 24, "MONOCHROME2"))


@pytest.mark.parametrize("name", ["SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm"])
def test_near_lossless_jpeg_ls_is_near_the_picture_it_was_made_from(name):
    if not (SHIPPED / name).exists():
        pytest.skip("pydicom 2.4 does not carry this file")
    dataset = shipped(name)
    samples, colour = decode(streams_of(dataset)[0], dataset.file_meta.TransferSyntaxUID, read_pixel_format(dataset))
    assert colour == "RGB"
    assert np.abs(samples.astype(int) - shipped("SC_rgb_rle.dcm").pixel_array).max() <= 10


def test_twelve_bit_extended_jpeg_equals_what_simpleitk_reads():
    simpleitk = pytest.importorskip("SimpleITK", reason="SimpleITK reads it as the oracle")
    dataset = shipped("JPGExtended.dcm")
    samples, colour = decode(streams_of(dataset)[0], dataset.file_meta.TransferSyntaxUID, read_pixel_format(dataset))
    expected = simpleitk.GetArrayFromImage(simpleitk.ReadImage(str(SHIPPED / "JPGExtended.dcm")))[0]
    np.testing.assert_array_equal(samples, expected)
    assert colour == "MONOCHROME2"


def test_planar_ybr_in_rle_is_converted_once():
    dataset = shipped("SC_rgb_rle.dcm")
    made_from = dataset.pixel_array.astype(np.uint8)
    ybr = np.asarray(Image.fromarray(made_from).convert("YCbCr"))
    segments = b"".join(packbits(ybr[..., channel].tobytes()) for channel in range(3))
    lengths = [len(packbits(ybr[..., channel].tobytes())) for channel in range(3)]
    offsets = np.array([3, 64, 64 + lengths[0], 64 + lengths[0] + lengths[1]], "<u4")
    stream = np.pad(offsets, (0, 12)).astype("<u4").tobytes() + segments
    picture = shown(stream, RLE, "YBR_FULL", made_from.shape[:2])
    assert np.abs(picture.astype(int) - made_from).max() <= 3


def packbits(data):
    """RLE of literal runs only (PS3.5 G.3)."""
    runs = [data[at : at + 128] for at in range(0, len(data), 128)]
    packed = b"".join(bytes([len(run) - 1]) + run for run in runs)
    return packed + b"\0" * (len(packed) % 2)


def test_lossless_jpeg_of_sixteen_bits_is_refused():
    (stream,) = streams_of(shipped("SC_rgb_jpeg_gdcm.dcm"))
    deep = stream.replace(b"\xff\xc3\x00\x11\x08", b"\xff\xc3\x00\x11\x10")
    with pytest.raises(PixelDataError, match="lossless JPEG of 16 bits; up to 12 are read"):
        decode(deep, "1.2.840.10008.1.2.4.70", PixelFormat(100, 100, "RGB"))


@pytest.mark.parametrize("name", ["SC_rgb_rle_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm"])
def test_rle_frames_equal_those_of_pydicom(name):
    dataset = shipped(name)
    frames = [decode(stream, RLE, read_pixel_format(dataset))[0] for stream in streams_of(dataset)]
    np.testing.assert_array_equal(frames, dataset.pixel_array)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2"),
        ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate"),
        ("1.2.3.4", "1.2.3.4"),
    ],
)
def test_a_syntax_that_is_not_read_is_refused_by_name(syntax, name):
    with pytest.raises(PixelDataError, match=rf"(?s){name}.*which is not read.*Export it again as"):
        check_transfer_syntax(syntax)


def test_the_mark_of_a_jpeg_stands_in_its_corner():
    stream = io.BytesIO()
    Image.fromarray(marked()[0]).save(stream, "JPEG", quality=95, subsampling=0)
    samples, _ = decode(stream.getvalue(), JPEG, PixelFormat(24, 32, "YBR_FULL_422"))
    assert samples[1, -2, 0] > 200
    assert max(samples[1, 1, 0], samples[-2, -2, 0], samples[-2, 1, 0]) < 60


# Traps: a small stream that would take much memory


def codestream(width, height, *, blocks=0x44, precincts=b"", tile_header=b""):
    """The headers of a JPEG 2000 picture in grey, with nothing in its one tile."""

    def segment(marker, content):
        return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content

    size = segment(0x51, struct.pack(">H8IH", 0, width, height, 0, 0, width, height, 0, 0, 1) + bytes([7, 1, 1]))
    style = segment(0x52, bytes([bool(precincts), 0, 0, 1, 0, 1, blocks >> 4, blocks & 15, 0, 1]) + precincts)
    steps = segment(0x5C, bytes([0x40] + [8 << 3] * 4))
    tile = segment(0x90, struct.pack(">HIBB", 0, 12 + len(tile_header) + 2 + 8, 0, 1)) + tile_header
    return b"\xff\x4f" + size + style + steps + tile + b"\xff\x93" + bytes(8) + b"\xff\xd9"


@pytest.mark.parametrize(
    "stream",
    [
        codestream(4096, 4096, blocks=0x00),
        codestream(4096, 4096, precincts=b"\x11\x11"),
        codestream(4096, 4096, tile_header=b"\xff\x53\x00\x09\x00\x00\x01\x00\x00\x00\x01"),
    ],
    ids=["code blocks", "precincts", "a component of one tile"],
)
def test_a_jpeg_2000_stream_cut_into_millions_of_pieces_is_refused_before_it_is_decoded(stream, monkeypatch):
    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", None)
    with pytest.raises(PixelDataError, match=r"is cut into \d+ pieces"):
        decode(stream, JPEG_2000, PixelFormat(4096, 4096, "MONOCHROME2"))


def test_a_jpeg_2000_stream_in_a_file_is_the_one_that_was_looked_at(monkeypatch):
    """A decoder that is given the file would take the picture behind the first one."""
    seen = []
    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", lambda data: seen.append(data) or PICTURE[..., 0])
    small, large = codestream(WIDTH, HEIGHT), codestream(9999, 9999)
    decode(b"\0\0\0\x0cjP  \r\n\x87\n" + small + large, JPEG_2000, PixelFormat(HEIGHT, WIDTH, "MONOCHROME2"))
    assert seen[0].startswith(small)


def test_rle_that_unpacks_to_more_than_its_frame_is_refused_in_bounded_memory():
    stream = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\0" * (1 << 20)  # 128 MiB
    tracemalloc.start()
    with pytest.raises(PixelDataError, match="cannot be decoded"):
        decode(stream, RLE, PixelFormat(HEIGHT, WIDTH, "MONOCHROME2"))
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()
