"""Ultrasound DICOM becomes upright RGB frames; what is no usable ultrasound is refused in one sentence."""

import io
import logging
import pickle
import warnings

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from ultrasound_files import (
    BIG_ENDIAN,
    CINE,
    EXPLICIT,
    IMPLICIT,
    NATIVE,
    RLE,
    SHIPPED,
    marked,
    region,
    shipped,
    streams_of,
    write_dataset,
    write_like,
    write_ultrasound,
)

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom import read_dicom
from echocare_core.frames.dicom.regions import DO_NOT_FIT
from echocare_core.frames.grey import FROM_THE_DATA

try:
    from pydicom.pixels.processing import apply_color_lut, convert_color_space
except ImportError:  # pydicom 2.4
    from pydicom.pixel_data_handlers.util import apply_color_lut, convert_color_space

NOISE = np.random.default_rng(3).integers(0, 256, (2, 20, 18, 3), dtype=np.uint8)
DEEP = {"BitsStored": 12, "HighBit": 11}


def refusal(path):
    with pytest.raises(UnreadableFrames) as caught:
        read_dicom(path)
    return str(caught.value)


def mark_is_top_right(picture):
    low, high = picture[-2, 1].max(), picture[1, -2].max()
    return high > 200 and low < 60 and picture[1, 1].max() < 60 and picture[-2, -2].max() < 60


# What is read


@pytest.mark.parametrize("transfer_syntax", NATIVE)
@pytest.mark.parametrize("planar", [0, 1])
def test_native_frames_are_read_as_they_were_written(tmp_path, transfer_syntax, planar):
    path = write_ultrasound(tmp_path / "a", NOISE, transfer_syntax=transfer_syntax, planar=planar)
    np.testing.assert_array_equal(read_dicom(path).pixels, NOISE)


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT])
def test_a_file_without_preamble_and_meta_header_is_read(tmp_path, transfer_syntax):
    path = write_ultrasound(tmp_path / "a", NOISE, transfer_syntax=transfer_syntax, meta=False)
    np.testing.assert_array_equal(read_dicom(path).pixels, NOISE)


def test_big_endian_words_of_two_samples_are_swapped_back(tmp_path):
    pixels = NOISE[:, :17, :17]  # 867 bytes a frame: the second one begins within a word
    path = write_ultrasound(tmp_path / "a", pixels, transfer_syntax=BIG_ENDIAN)
    head, mark, tail = path.read_bytes().partition(b"\x7f\xe0\x00\x10OB")
    swapped = np.frombuffer(tail[6:], "u2").byteswap().tobytes()
    path.write_bytes(head + mark.replace(b"OB", b"OW") + tail[:6] + swapped)
    np.testing.assert_array_equal(read_dicom(path).pixels, pixels)


def test_a_meta_header_that_is_wrong_about_the_vr_is_seen_through_in_silence(tmp_path):
    path = write_ultrasound(tmp_path / "a", NOISE)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0", 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_dicom(path).pixels, NOISE)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("count", [1, 3])
def test_the_mark_stays_in_its_corner(tmp_path, planar, count):
    frames = read_dicom(write_ultrasound(tmp_path / "a", marked(count), planar=planar))
    assert frames.size == (24, 32)
    assert [mark_is_top_right(picture) for picture in frames.pixels] == [True] * count


def test_a_real_ultrasound_file_equals_what_pydicom_reads(tmp_path):
    dataset = shipped("ExplVR_BigEnd.dcm")
    np.testing.assert_array_equal(
        read_dicom(write_like("ExplVR_BigEnd.dcm", tmp_path / "a")).pixels[0], dataset.pixel_array
    )


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+s2.dcm"])
def test_real_jpeg_files_show_the_colours_they_were_made_from(tmp_path, name):
    made_from = shipped("SC_rgb_rle.dcm").pixel_array.astype(int)
    assert np.abs(read_dicom(write_like(name, tmp_path / "a")).pixels[0] - made_from).mean() < 4


@pytest.mark.parametrize("name", ["SC_rgb_rle_2frame.dcm", "SC_rgb_rle.dcm"])
def test_rle_files_equal_what_pydicom_reads(tmp_path, name):
    expected = shipped(name).pixel_array.reshape(-1, 100, 100, 3)
    np.testing.assert_array_equal(read_dicom(write_like(name, tmp_path / "a")).pixels, expected)


# Colour


def test_native_ybr_full_is_converted_once(tmp_path):
    picture = read_dicom(write_ultrasound(tmp_path / "a", NOISE, photometric="YBR_FULL")).pixels[1].astype(int)
    assert np.abs(picture - convert_color_space(NOISE[1], "YBR_FULL", "RGB")).max() <= 1


def test_native_ybr_full_422_is_spread_and_converted(tmp_path):
    pairs = NOISE.ravel()[:1600]  # Y1 Y2 CB CR for 20 x 40 pixels
    ybr = [[y1, cb, cr, y2, cb, cr] for y1, y2, cb, cr in pairs.reshape(-1, 4).tolist()]
    expected = convert_color_space(np.array(ybr, dtype=np.uint8).reshape(20, 40, 3), "YBR_FULL", "RGB")
    size = {"Rows": 20, "Columns": 40}
    path = write_ultrasound(tmp_path / "a", pairs.tobytes(), photometric="YBR_FULL_422", attributes=size)
    assert np.abs(read_dicom(path).pixels[0].astype(int) - expected).max() <= 1


def native_422(path, frames, said):
    """A cine of 20 x 40 pixels, two bytes to a pixel, and its bytes."""
    data = np.random.default_rng(5).integers(0, 256, frames * 1600, dtype=np.uint8)
    size = {"Rows": 20, "Columns": 40, "NumberOfFrames": said, "SOPClassUID": CINE}
    return data, write_ultrasound(path, data.tobytes(), photometric="YBR_FULL_422", attributes=size)


@pytest.mark.parametrize(("frames", "said"), [(2, None), (2, 1), (3, 3), (4, 2), (5, 3)])
def test_native_ybr_full_422_cines_are_told_from_rgb_by_their_length(tmp_path, frames, said):
    data, path = native_422(tmp_path / "a", frames, said)
    found = read_dicom(path)
    assert len(found) == (said or frames)
    for number, picture in enumerate(found.pixels):
        _, alone = native_422(tmp_path / "b", 1, 1)
        alone.write_bytes(alone.read_bytes()[:-1600] + data[number * 1600 :][:1600].tobytes())
        np.testing.assert_array_equal(picture, read_dicom(alone).pixels[0])


@pytest.mark.parametrize("said", [None, 1])
def test_bytes_that_are_as_well_ybr_full_422_as_rgb_are_refused(tmp_path, said):
    _, path = native_422(tmp_path / "a", 3, said)
    with pytest.raises(UnreadableFrames, match="3 frames so coded or 2 of RGB"):
        read_dicom(path)


def test_a_cine_cut_short_that_does_not_say_how_many_frames_it_has_is_refused(tmp_path):
    path = write_ultrasound(tmp_path / "a", NOISE, attributes={"NumberOfFrames": None})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFrames, match="cut short"):
        read_dicom(path)


def test_a_real_ybr_full_422_file_shows_the_colours_it_was_made_from(tmp_path):
    picture = read_dicom(write_like("SC_ybr_full_422_uncompressed.dcm", tmp_path / "a")).pixels[0]
    assert np.abs(picture - shipped("SC_rgb_rle.dcm").pixel_array.astype(int)).mean() < 4


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_RCT", "YBR_ICT"])
def test_rgb_that_kept_the_name_of_its_compressed_days_is_not_converted(tmp_path, photometric):
    np.testing.assert_array_equal(
        read_dicom(write_ultrasound(tmp_path / "a", NOISE, photometric=photometric)).pixels, NOISE
    )


def test_grey_is_copied_to_three_channels(tmp_path):
    grey = NOISE[..., :1]
    pixels = read_dicom(write_ultrasound(tmp_path / "a", grey, photometric="MONOCHROME2")).pixels
    np.testing.assert_array_equal(pixels, np.repeat(grey, 3, axis=-1))


def test_monochrome1_is_inverted(tmp_path):
    grey = NOISE[..., :1]
    pixels = read_dicom(write_ultrasound(tmp_path / "a", grey, photometric="MONOCHROME1")).pixels
    np.testing.assert_array_equal(pixels, np.repeat(255 - grey, 3, axis=-1))


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT, BIG_ENDIAN])
def test_deep_grey_is_scaled_from_the_bits_it_stores(tmp_path, transfer_syntax):
    ramp = np.linspace(0, 4095, 400).astype("u2").reshape(1, 20, 20, 1)
    path = write_ultrasound(
        tmp_path / "a", ramp, photometric="MONOCHROME2", attributes=DEEP, transfer_syntax=transfer_syntax
    )
    np.testing.assert_array_equal(read_dicom(path).pixels[0][..., 0], np.rint(ramp[0, ..., 0] / 4095 * 255))


def test_bits_beside_the_stored_ones_are_ignored(tmp_path):
    dirty = np.full((1, 20, 20, 1), 0xF000 | 2048, dtype="u2")
    path = write_ultrasound(tmp_path / "a", dirty, photometric="MONOCHROME2", attributes=DEEP)
    assert set(read_dicom(path).pixels[0].ravel()) == {128}


def test_deep_grey_goes_through_its_window(tmp_path):
    ramp = np.arange(400, dtype="u2").reshape(1, 20, 20, 1)
    window = {**DEEP, "WindowCenter": "200", "WindowWidth": "101"}
    picture = read_dicom(write_ultrasound(tmp_path / "a", ramp, photometric="MONOCHROME2", attributes=window)).pixels[0]
    grey = picture[..., 0].ravel()
    assert (grey[149], grey[250], grey[399]) == (0, 255, 255)
    assert abs(int(grey[200]) - 128) <= 2


def test_signed_grey_keeps_its_order(tmp_path):
    ramp = np.linspace(-2048, 2047, 400).astype("i2").reshape(1, 20, 20, 1)
    attributes = {**DEEP, "PixelRepresentation": 1}
    path = write_ultrasound(tmp_path / "a", ramp, photometric="MONOCHROME2", attributes=attributes)
    grey = read_dicom(path).pixels[0][..., 0].ravel().astype(int)
    assert (grey[0], grey[-1], (np.diff(grey) >= 0).all()) == (0, 255, True)


# Grey whose black and white nobody named

DIM = np.tile(np.arange(200, dtype=np.int32), 3)[:576].reshape(1, 24, 24, 1)  # 0 to 199 of 255


def shown(tmp_path, values, kind="<u2", **attributes):
    pixels = np.asarray(values).astype(kind)
    signed = {"PixelRepresentation": 1} if kind in ("<i2", "i1") else {}
    path = write_ultrasound(tmp_path / "a", pixels, photometric="MONOCHROME2", attributes={**signed, **attributes})
    frames = read_dicom(path)
    assert frames.notes == (FROM_THE_DATA,)
    return np.stack(frames.pixels)[..., :1].astype(int)


@pytest.mark.parametrize(
    ("kind", "scale", "shift", "attributes"),
    [
        ("<u2", 1, 0, {}),
        ("<u2", 1, 0, {"BitsStored": 12, "HighBit": 11}),
        ("<u2", 16, 0, {}),
        ("<u2", 1, 0, {"RescaleSlope": "0.00390625", "RescaleIntercept": "0"}),
        ("<u2", 2, 0, {"RescaleSlope": "0.5", "RescaleIntercept": "0"}),
        ("<u2", 1, 1000, {"RescaleSlope": "1", "RescaleIntercept": "-1000"}),
        ("<u2", 1, 1000, {"RescaleSlope": "nan", "RescaleIntercept": "1e300"}),
        ("<u2", 1, 32768, {}),
        ("<i2", 1, 0, {}),
        ("<i2", 1, -128, {}),
        ("<i2", 16, -2048, {"BitsStored": 12, "HighBit": 11}),
        ("i1", 1, -128, {}),
        ("i1", 0.5, 0, {"WindowCenter": "64", "WindowWidth": "0"}),
    ],
)
def test_grey_without_a_window_is_scaled_by_what_it_holds(tmp_path, kind, scale, shift, attributes):
    wanted = DIM // 2 if scale == 0.5 else DIM
    np.testing.assert_allclose(shown(tmp_path, DIM * scale + shift, kind, **attributes), wanted, atol=1)


def test_a_falling_rescale_slope_turns_black_and_white(tmp_path):
    picture = shown(tmp_path, DIM, RescaleSlope="-1", RescaleIntercept="255")
    np.testing.assert_array_equal(picture, 255 - DIM)


def test_all_frames_of_a_cine_have_one_black_and_white(tmp_path):
    cine = np.concatenate([DIM // 8, DIM, DIM * 16])
    np.testing.assert_allclose(shown(tmp_path, cine), cine * 255 / 4095, atol=0.51)


def test_smallest_and_largest_pixel_value_are_black_and_white(tmp_path):
    picture = shown(tmp_path, DIM * 5, SmallestImagePixelValue=0, LargestImagePixelValue=1200)
    np.testing.assert_allclose(picture, DIM * 5 * 255 / 1200, atol=0.51)


@pytest.mark.parametrize(("smallest", "largest"), [(0, 65535), (50, 1200), (0, 100), (199, 0)])
def test_a_smallest_and_largest_that_are_not_of_these_pixels_are_passed_over(tmp_path, smallest, largest):
    picture = shown(tmp_path, DIM, SmallestImagePixelValue=smallest, LargestImagePixelValue=largest)
    np.testing.assert_array_equal(picture, DIM)


def test_padding_is_black_and_counts_for_nothing(tmp_path):
    padded = DIM.copy()
    padded[:, :4] = 60000
    assert (shown(tmp_path, padded, PixelPaddingValue=60000) == np.where(padded == 60000, 0, DIM)).all()


def test_deep_colour_is_scaled_by_what_it_holds_as_well(tmp_path):
    frames = read_dicom(write_ultrasound(tmp_path / "a", marked(2).astype("<u2")))
    np.testing.assert_array_equal(frames.pixels, marked(2))
    assert frames.notes == (FROM_THE_DATA,)


def table(entries, first=0, bits=16, kind="<u2"):
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries).astype(kind).tobytes())
    return item


RAMP = np.arange(576, dtype=np.int32).reshape(1, 24, 24, 1)


@pytest.mark.parametrize(
    ("values", "kind", "entries", "first", "attributes", "wanted"),
    [
        (RAMP, "<u2", np.arange(65535, -1, -257), 100, {}, 255 - np.clip(RAMP - 100, 0, 255)),
        (RAMP - 288, "<i2", np.arange(0, 65536, 257), -100, {}, np.clip(RAMP - 188, 0, 255)),
        (RAMP, "<u2", np.arange(0, 65536, 257), -100, {"RescaleIntercept": "-200"}, np.clip(RAMP - 100, 0, 255)),
        (RAMP % 256, "u1", np.arange(65535, -1, -257), 0, {}, 255 - RAMP % 256),
        (RAMP, "<u2", np.arange(0, 65536, 257), 0, {"WindowCenter": 5, "WindowWidth": 3}, np.clip(RAMP, 0, 255)),
    ],
)
def test_grey_is_shown_through_the_first_voi_table(tmp_path, values, kind, entries, first, attributes, wanted):
    attributes = {**attributes, "RescaleSlope": "1"} if "RescaleIntercept" in attributes else attributes
    attributes = {**attributes, "PixelRepresentation": int(kind == "<i2")}
    attributes["VOILUTSequence"] = [table(entries, first), table([0, 1])]
    frames = read_dicom(
        write_ultrasound(tmp_path / "a", values.astype(kind), photometric="MONOCHROME2", attributes=attributes)
    )
    np.testing.assert_array_equal(frames.pixels[0], np.repeat(wanted[0], 3, axis=2))
    assert frames.notes == ()


def test_a_voi_table_of_eight_bits_may_stand_two_entries_to_a_word(tmp_path):
    attributes = {"VOILUTSequence": [table(np.arange(255, -1, -1), bits=8, kind="u1")]}
    path = write_ultrasound(
        tmp_path / "a", np.clip(RAMP, 0, 255).astype("<u2"), photometric="MONOCHROME2", attributes=attributes
    )
    np.testing.assert_array_equal(read_dicom(path).pixels[0][..., 0], 255 - np.clip(RAMP, 0, 255)[0, ..., 0])


def test_a_modality_table_stands_before_the_window(tmp_path):
    tables = {"ModalityLUTSequence": [table(np.arange(1000, 1576)[::-1])], "WindowCenter": 1128, "WindowWidth": 256}
    path = write_ultrasound(tmp_path / "a", RAMP.astype("<u2"), photometric="MONOCHROME2", attributes=tables)
    wanted = np.clip(575 - RAMP, 0, 255)[0, ..., 0].astype(int)
    np.testing.assert_allclose(read_dicom(path).pixels[0][..., 0].astype(int), wanted, atol=1)


def test_a_modality_table_alone_leaves_black_and_white_to_the_numbers_behind_it(tmp_path):
    picture = shown(tmp_path, DIM, ModalityLUTSequence=[table(np.arange(199, -1, -1))])
    np.testing.assert_array_equal(picture, 199 - DIM)


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_that_is_cut_short_is_refused_by_name(tmp_path, keyword):
    short = table(np.arange(100))
    short.LUTDescriptor = [500, 0, 16]
    path = write_ultrasound(
        tmp_path / "a", RAMP.astype("<u2"), photometric="MONOCHROME2", attributes={keyword: [short]}
    )
    with pytest.raises(UnreadableFrames, match=f"has a {keyword} cut short; its descriptor says 500 entries"):
        read_dicom(path)


def test_a_damaged_frame_does_not_hide_the_range_of_the_others(tmp_path):
    streams = [imagecodecs.jpeg2k_encode(frame.astype("u2")[..., 0], level=0) for frame in (DIM[0], DIM[0] * 16)]
    attributes = {**DEEP, "BitsAllocated": 16, "Rows": 24, "Columns": 24, "NumberOfFrames": 3}
    path = write_ultrasound(
        *(tmp_path / "a", [streams[0], b"\xff\x4f\xff\x51" + bytes(60), streams[1]]),
        **{"photometric": "MONOCHROME2", "transfer_syntax": "1.2.840.10008.1.2.4.90", "attributes": attributes},
    )
    pixels = read_dicom(path).pixels
    np.testing.assert_allclose(pixels[2][..., 0], DIM[0, ..., 0] * 16 * 255 / 4095, atol=0.51)
    with pytest.raises(UnreadableFrames, match="frame 2 of 3"):
        pixels[1]


@pytest.mark.parametrize("attributes", [{"WindowCenter": "100", "WindowWidth": "200"}, {"BitsStored": 8, "HighBit": 7}])
def test_grey_whose_black_and_white_are_named_needs_no_word(tmp_path, attributes):
    path = write_ultrasound(tmp_path / "a", DIM.astype("<u2"), photometric="MONOCHROME2", attributes=attributes)
    assert read_dicom(path).notes == ()


# Palette colour


def palette(bits, entries=256, first=0, order="<", packed=False):
    """Red runs up, green runs down, blue stays: attributes of a palette, and its colours as uint8 (entries, 3)."""
    colours = np.stack([np.arange(entries), 255 - np.arange(entries), np.full(entries, 77)], axis=1).astype(np.uint8)
    attributes = {}
    for name, column in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        words = column.astype(order + "u2") << (8 if bits == 16 else 0)
        if packed:
            words = np.frombuffer(column.tobytes(), "<u2").astype(order + "u2")
        attributes[f"{name}PaletteColorLookupTableDescriptor"] = [entries, first, bits]
        attributes[f"{name}PaletteColorLookupTableData"] = words.astype(order + "u2").tobytes()
    return attributes, colours


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize(("bits", "packed"), [(8, False), (8, True), (16, False)])
def test_palette_colours_are_looked_up(tmp_path, transfer_syntax, bits, packed):
    attributes, colours = palette(bits, order=">" if transfer_syntax == BIG_ENDIAN else "<", packed=packed)
    indices = NOISE[..., :1]
    path = write_ultrasound(
        tmp_path / "a", indices, photometric="PALETTE COLOR", attributes=attributes, transfer_syntax=transfer_syntax
    )
    np.testing.assert_array_equal(read_dicom(path).pixels, colours[indices[..., 0]])


def test_palette_colours_equal_those_of_pydicom(tmp_path):
    attributes, _ = palette(16)
    path = write_ultrasound(tmp_path / "a", NOISE[..., :1], photometric="PALETTE COLOR", attributes=attributes)
    dataset = dcmread(path)
    np.testing.assert_array_equal(read_dicom(path).pixels, apply_color_lut(dataset.pixel_array, dataset) >> 8)


def test_values_outside_the_palette_take_its_ends(tmp_path):
    attributes, colours = palette(16, entries=100, first=50)
    path = write_ultrasound(tmp_path / "a", NOISE[..., :1], photometric="PALETTE COLOR", attributes=attributes)
    np.testing.assert_array_equal(read_dicom(path).pixels, colours[np.clip(NOISE[..., 0].astype(int) - 50, 0, 99)])


def test_sixteen_bit_indices_are_looked_up(tmp_path):
    attributes, colours = palette(16)
    path = write_ultrasound(
        tmp_path / "a", NOISE[..., :1].astype("u2"), photometric="PALETTE COLOR", attributes=attributes
    )
    np.testing.assert_array_equal(read_dicom(path).pixels, colours[NOISE[..., 0]])


def test_the_mark_of_a_palette_picture_stays_in_its_corner(tmp_path):
    indices = marked(2, channels=1)
    attributes, _ = palette(16)
    attributes["GreenPaletteColorLookupTableData"] = attributes["RedPaletteColorLookupTableData"]
    attributes["BluePaletteColorLookupTableData"] = attributes["RedPaletteColorLookupTableData"]
    path = write_ultrasound(tmp_path / "a", indices, photometric="PALETTE COLOR", attributes=attributes)
    assert all(mark_is_top_right(picture) for picture in read_dicom(path).pixels)


def segmented(attributes, words):
    """The same palette with its tables replaced by segments."""
    plain = [keyword for keyword in attributes if keyword.endswith("Data")]
    descriptors = {keyword: value for keyword, value in attributes.items() if keyword not in plain}
    return {**descriptors, **{f"Segmented{keyword}": words.astype("<u2").tobytes() for keyword in plain}}


SEGMENTS = {  # PS3.3 C.7.9.2: discrete 0, linear 1, indirect 2 with the offset in bytes of what is repeated
    "steps": ([0, 3, 0, 5, 9], [0, 5, 9]),
    "ramp": ([0, 1, 0, 1, 5, 100], [0, 20, 40, 60, 80, 100]),
    "repeated": ([0, 2, 7, 9, 1, 2, 19, 2, 2, 0, 0], [7, 9, 14, 19, 7, 9, 14, 19]),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_segmented_palette_is_expanded(tmp_path, name):
    segments, table = SEGMENTS[name]
    attributes = segmented(palette(16, entries=len(table))[0], np.array(segments))
    indices = NOISE[..., :1] % len(table)
    path = write_ultrasound(tmp_path / "a", indices, photometric="PALETTE COLOR", attributes=attributes)
    np.testing.assert_array_equal(read_dicom(path).pixels, np.repeat(np.array(table)[indices], 3, axis=-1))


@pytest.mark.parametrize("segments", [[2, 9, 0, 0], [1, 5, 5], [7, 7, 7], [0, 60000, 1], [0]])
def test_segments_that_make_no_table_are_refused(tmp_path, segments):
    attributes = segmented(palette(16)[0], np.array(segments))
    path = write_ultrasound(tmp_path / "a", NOISE[..., :1], photometric="PALETTE COLOR", attributes=attributes)
    assert "palette cut short" in refusal(path)


def test_a_palette_cut_short_is_refused(tmp_path):
    attributes = {**palette(16)[0], "BluePaletteColorLookupTableData": b"\0\0" * 20}
    path = write_ultrasound(tmp_path / "a", NOISE[..., :1], photometric="PALETTE COLOR", attributes=attributes)
    assert "palette cut short" in refusal(path)


# How frames are asked for


def test_frames_are_numbered_like_a_sequence(tmp_path):
    pixels = read_dicom(write_ultrasound(tmp_path / "a", marked(3))).pixels
    np.testing.assert_array_equal(pixels[-1], pixels[2])
    np.testing.assert_array_equal(pixels[1:], marked(3)[1:])
    for number in (3, -4):
        with pytest.raises(IndexError):
            pixels[number]


def test_frames_survive_the_way_to_a_worker_process(tmp_path):
    frames = read_dicom(write_ultrasound(tmp_path / "a", marked(3)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[2], marked(3)[2])


def test_a_frame_may_be_written_to(tmp_path):
    picture = read_dicom(write_ultrasound(tmp_path / "a", marked(2), planar=1)).pixels[1]
    picture[:] = 0
    assert picture.flags["C_CONTIGUOUS"]


def test_reading_the_header_does_not_read_the_pixels(tmp_path, monkeypatch):
    path = write_ultrasound(tmp_path / "a", marked(3))
    monkeypatch.setattr("echocare_core.frames.dicom.header.PixelData.read", lambda *_: pytest.fail("pixels were read"))
    assert len(read_dicom(path)) == 3


def test_only_the_bytes_of_one_frame_are_read(tmp_path, monkeypatch):
    asked = []
    pixels = read_dicom(write_ultrasound(tmp_path / "a", marked(3))).pixels
    monkeypatch.setattr(
        "echocare_core.frames.dicom.header.PixelData.read",
        lambda _, *place: asked.append(place) or np.zeros(place[1], np.uint8),
    )
    pixels[1]
    assert asked == [(24 * 32 * 3, 24 * 32 * 3)]


def test_a_file_that_went_away_is_named(tmp_path):
    path = write_ultrasound(tmp_path / "a.dcm", marked(3))
    pixels = read_dicom(path).pixels
    path.unlink()
    with pytest.raises(UnreadableFrames, match=r"a\.dcm, frame 3 of 3, cannot be read from the disk"):
        pixels[2]


# Time and place


def test_frame_times_and_spacing_come_with_the_frames(tmp_path):
    frames = read_dicom(write_ultrasound(tmp_path / "a", marked(3), frame_time_ms=40, spacing_mm=(0.5, 0.25)))
    assert frames.frame_times_ms == (0, 40, 80)
    assert frames.spacing_mm == (0.5, 0.25)
    assert frames.scan_box == (0, 0, 24, 32)


def test_regions_come_with_the_frames(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), regions=[region((2, 4, 20, 30), (0.2, 0.1))])
    assert [one.box for one in read_dicom(path).regions] == [(2, 4, 20, 30)]


# What is refused


def test_other_modalities_are_refused(tmp_path):
    attributes = {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}
    path = write_ultrasound(tmp_path / "a", marked(), attributes=attributes)
    assert refusal(path).startswith("a is not ultrasound (CT, CT Image Storage); modality US or IVUS is needed.")


def test_a_structured_report_is_refused(tmp_path):
    attributes = {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}
    assert "is not ultrasound (SR, Comprehensive SR" in refusal(
        write_ultrasound(tmp_path / "a", None, attributes=attributes)
    )


@pytest.mark.parametrize(
    "attributes", [{"Modality": "IVUS"}, {"Modality": None}, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}]
)
def test_either_the_modality_or_the_class_makes_it_ultrasound(tmp_path, attributes):
    assert len(read_dicom(write_ultrasound(tmp_path / "a", marked(2), attributes=attributes))) == 2


def test_a_dicomdir_is_refused():
    assert refusal(SHIPPED / "dicomdirtests" / "DICOMDIR").startswith("DICOMDIR is a DICOMDIR, the list of an export")


def test_a_dicomdir_without_its_meta_header_is_refused(tmp_path):
    listing = Dataset()
    listing.InstanceCreationDate, listing.DirectoryRecordSequence = "20240131", Sequence([Dataset()])
    assert "list is a DICOMDIR" in refusal(write_dataset(tmp_path / "list", listing, meta=False))


def test_a_volume_is_refused_by_name(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(2), attributes={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.2"})
    assert refusal(path).startswith("a is a 3-D volume (Enhanced US Volume)")


def test_a_file_without_pixels_is_refused(tmp_path):
    attributes = {"Rows": 24, "Columns": 32}
    assert refusal(write_ultrasound(tmp_path / "a", None, attributes=attributes)).startswith("a has no pixel data")


def test_empty_pixel_data_is_refused(tmp_path):
    path = write_ultrasound(tmp_path / "a", b"", attributes={"Rows": 24, "Columns": 32})
    assert refusal(path).startswith("a has empty pixel data")


def test_zero_frames_are_refused(tmp_path):
    assert "has zero frames" in refusal(write_ultrasound(tmp_path / "a", marked(), attributes={"NumberOfFrames": 0}))


@pytest.mark.parametrize("missing", [1, 24 * 32 * 3])
def test_native_pixel_data_cut_short_is_refused_with_its_bytes(tmp_path, missing):
    path = write_ultrasound(tmp_path / "a", marked(3))
    path.write_bytes(path.read_bytes()[:-missing])
    assert refusal(path).startswith(f"a has {6912 - missing} bytes of pixel data; 3 frames of 32x24 px need 6912")


def test_more_frames_in_the_header_than_in_the_file_are_refused(tmp_path):
    assert "5 frames of 32x24 px need 11520" in refusal(
        write_ultrasound(tmp_path / "a", marked(3), attributes={"NumberOfFrames": 5})
    )


def test_frames_are_counted_where_the_header_does_not(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(3), attributes={"NumberOfFrames": None})
    np.testing.assert_array_equal(read_dicom(path).pixels, marked(3))


@pytest.mark.parametrize(("height", "width", "named"), [(1, 1, "1x1"), (15, 40, "40x15"), (40, 15, "15x40")])
def test_a_picture_too_small_is_refused(tmp_path, height, width, named):
    pixels = np.zeros((1, height, width, 3), dtype=np.uint8)
    assert refusal(write_ultrasound(tmp_path / "a", pixels)).startswith(f"a is {named} px")


def test_missing_rows_are_refused(tmp_path):
    assert "is 32x0 px" in refusal(write_ultrasound(tmp_path / "a", marked(), attributes={"Rows": None}))


def test_compressed_pixels_under_a_native_syntax_are_refused(tmp_path):
    path = write_like("SC_rgb_rle.dcm", tmp_path / "a")
    path.write_bytes(path.read_bytes().replace(RLE.encode() + b"\0", b"1.2.840.10008.1.2.1\0", 1))
    assert "has compressed pixel data but says its transfer syntax is Explicit VR Little Endian" in refusal(path)


@pytest.mark.parametrize(
    "attributes", [{"PhotometricInterpretation": "CMYK"}, {"BitsAllocated": 32}, {"SamplesPerPixel": 4}]
)
def test_forms_that_are_not_read_are_refused(tmp_path, attributes):
    assert refusal(write_ultrasound(tmp_path / "a", marked(), attributes=attributes)).startswith("a has")


def test_a_decoded_frame_of_another_size_is_refused(tmp_path):
    path = write_like("SC_rgb_jpeg_dcmtk.dcm", tmp_path / "a", Rows=64)
    with pytest.raises(UnreadableFrames, match="a, frame 1 of 1, decodes to 100x100 px, its header says 100x64"):
        read_dicom(path).pixels[0]


def test_a_value_of_impossible_length_counts_as_absent(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), transfer_syntax=IMPLICIT)
    head, mark, tail = path.read_bytes().partition(b"\x28\x00\x10\x00\x02\x00\x00\x00")
    path.write_bytes(head + mark.replace(b"\x02", b"\x03") + b"\0" + tail)
    assert "is 32x0 px" in refusal(path)


# Privacy


def test_no_refusal_names_the_patient(tmp_path):
    for number, attributes in enumerate(
        [{"Modality": "CT", "SOPClassUID": "1.2.3"}, {"Rows": 1}, {"NumberOfFrames": 9}]
    ):
        sentence = refusal(write_ultrasound(tmp_path / str(number), marked(), attributes=attributes))
        assert not any(secret in sentence for secret in ("Doe", "Jane", "4711", "1970"))


def test_frames_know_their_study_and_do_not_show_it(tmp_path):
    frames = read_dicom(write_ultrasound(tmp_path / "a", marked(), attributes={"StudyInstanceUID": "1.2.826.0.1.777"}))
    assert frames.study_uid == "1.2.826.0.1.777"
    assert "1.2.826.0.1.777" not in repr(frames)


@pytest.mark.parametrize("damage", ["", "DOE"])
def test_frames_of_no_study_name_none(damage, tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), attributes={"StudyInstanceUID": damage})
    assert read_dicom(path).study_uid == ""


def test_a_damaged_header_does_not_make_pydicom_quote_it(tmp_path, caplog):
    path = write_ultrasound(tmp_path / "a", marked(), attributes={"Modality": "US"})
    data = path.read_bytes()
    at = data.index(b"\x08\x00\x16\x00UI") + 6
    path.write_bytes(data[:at] + b"\xff\x01" + data[at + 2 :])  # the UID now runs over the patient's name
    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        sentence = refusal(path)
    assert "Doe" not in sentence + caplog.text


# Real cines


def test_a_real_cine_equals_what_pillow_decodes():
    path = SHIPPED / "examples_ybr_color.dcm"
    if not path.exists():
        pytest.skip("pydicom 2.4 does not carry this cine in its wheel; test_fragments reads one made here")
    frames = read_dicom(path)
    by_pillow = Image.open(io.BytesIO(streams_of(dcmread(path))[17])).convert("RGB")
    assert (len(frames), frames.size, frames.regions) == (30, (240, 320), ())
    assert np.abs(frames.pixels[17].astype(int) - np.asarray(by_pillow)).max() <= 3
    assert (frames.spacing_mm, frames.notes) == (None, (DO_NOT_FIT,))  # regions of a picture nearly twice as large
