"""Files as hospitals have them: broken headers, other makers' forms, real scanners; pixels or a named refusal."""

import io
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import generate_uid
from ultrasound_files import (
    BIG_ENDIAN,
    CINE,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    JPEG_2000,
    SHIPPED,
    marked,
    write_dataset,
    write_like,
    write_ultrasound,
)

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom import deflated, read_dicom
from echocare_core.frames.export import read_export

try:
    from pydicom.pixels.processing import apply_color_lut, convert_color_space
except ImportError:  # pydicom 2.4
    from pydicom.pixel_data_handlers.util import apply_color_lut, convert_color_space

FRAMES = marked(3)
PIXELS = {EXPLICIT: b"\xe0\x7f\x10\0", IMPLICIT: b"\xe0\x7f\x10\0", BIG_ENDIAN: b"\x7f\xe0\0\x10"}
ROWS = {EXPLICIT: b"\x28\0\x10\0US", IMPLICIT: b"\x28\0\x10\0\2\0\0\0", BIG_ENDIAN: b"\0\x28\0\x10US"}
NATIVE = list(PIXELS)


def insert(path, before, extra):
    head, mark, tail = path.read_bytes().partition(before)
    assert mark
    path.write_bytes(head + extra + mark + tail)
    return path


def refusal(path):
    with pytest.raises(UnreadableFrames) as caught:
        read_dicom(path)
    return str(caught.value)


def assert_frames(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_dicom(path).pixels, FRAMES)


# Headers


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("element", [0xE00D, 0xE0DD])
@pytest.mark.parametrize("place", [ROWS, PIXELS])
def test_a_stray_delimiter_at_top_level_hides_nothing(tmp_path, syntax, element, place):
    path = write_ultrasound(tmp_path / "a", FRAMES, transfer_syntax=syntax)
    stray = struct.pack(">HHI" if syntax == BIG_ENDIAN else "<HHI", 0xFFFE, element, 0)
    assert_frames(insert(path, place[syntax], stray * 2))


@pytest.mark.parametrize("named", [b"ISO_IR 999", b"utf8", b"ISO 2022 IR 87\\junk ", b"\xff\xfe\x80\x81"])
def test_a_character_set_that_does_not_exist_is_no_obstacle(tmp_path, named):
    path = write_ultrasound(tmp_path / "a", FRAMES)
    named += b" " * (len(named) % 2)
    assert_frames(insert(path, b"\x08\0\x16\0UI", b"\x08\0\x05\0CS" + struct.pack("<H", len(named)) + named))


def test_text_in_no_character_set_is_no_obstacle(tmp_path):
    path = write_ultrasound(tmp_path / "a", FRAMES)
    path.write_bytes(path.read_bytes().replace(b"Doe^Jane", b"D\xf6\xff^\x80\x1b\x00\x07"))
    assert_frames(path)


PRIVATE = b"\x29\0\x10\0LO\x04\0MADE"


@pytest.mark.parametrize(
    "element",
    [b"XX\x08\0", b"UN\0\0\x08\0\0\0", b"\x08\0\0\0", b"OB\0\0\x08\0\0\0"],
    ids=["XX", "UN", "implicit", "OB"],
)
def test_private_elements_of_unknown_form_are_passed_over(tmp_path, element):
    path = write_ultrasound(tmp_path / "a", FRAMES)
    assert_frames(insert(path, PIXELS[EXPLICIT], PRIVATE + b"\x29\0\x10\x10" + element + b"ABCDEFGH"))


@pytest.mark.parametrize("element", [b"??\x08\0", b"ZZ\0\0\x08\0\0\0", b"\0\0\x08\0"], ids=["??", "ZZ", "zeros"])
def test_a_private_element_whose_length_cannot_be_told_is_refused_in_words(tmp_path, element):
    path = write_ultrasound(tmp_path / "a", FRAMES)
    insert(path, PIXELS[EXPLICIT], PRIVATE + b"\x29\0\x10\x10" + element + b"ABCDEFGH")
    assert "damage in its header hides it" in refusal(path)


def test_a_file_that_ends_behind_its_header_is_refused(tmp_path):
    path = write_ultrasound(tmp_path / "a", FRAMES)
    path.write_bytes(path.read_bytes().partition(PIXELS[EXPLICIT])[0])
    assert refusal(path).startswith("a has no pixel data (Ultrasound Multi-frame Image Storage)")


@pytest.mark.parametrize("kept", [140, 200, 400, 600])
def test_a_header_cut_short_is_refused(tmp_path, kept):
    path = write_ultrasound(tmp_path / "a", FRAMES)
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(path).startswith("a ")


@pytest.mark.parametrize("bits", [8, 16])
def test_overlays_are_not_part_of_the_picture(tmp_path, bits):
    overlay = {"OverlayRows": 24, "OverlayColumns": 32, "OverlayType": "G", "OverlayBitsAllocated": 1}
    pixels = FRAMES if bits == 8 else np.full((3, 24, 32, 1), 0xF000 | 2048, "u2")
    deep = {"BitsStored": 12, "HighBit": 11} if bits == 16 else {}
    path = write_ultrasound(tmp_path / "a", pixels, photometric="RGB" if bits == 8 else "MONOCHROME2", attributes=deep)
    dataset = dcmread(path)
    for keyword, value in overlay.items():
        element = {"OverlayRows": 0x10, "OverlayColumns": 0x11, "OverlayType": 0x40, "OverlayBitsAllocated": 0x100}
        dataset.add_new((0x6000, element[keyword]), "CS" if keyword == "OverlayType" else "US", value)
    dataset.add_new((0x6000, 0x3000), "OW", b"\xff" * 96)
    shown = read_dicom(write_dataset(tmp_path / "b", dataset)).pixels
    np.testing.assert_array_equal(shown, FRAMES if bits == 8 else np.full((3, 24, 32, 3), 128))


def test_a_picture_larger_than_any_is_refused_before_memory_is_spent(tmp_path):
    path = write_ultrasound(tmp_path / "a", FRAMES, attributes={"Rows": 65535, "Columns": 65535})
    assert "65535x65535 px, larger than any ultrasound picture" in refusal(path)


@pytest.mark.parametrize(
    ("sop_class", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.6.2", "Enhanced US Volume"),
        ("1.2.840.113543.6.6.1.3.10002", "Philips private 3-D"),
        ("1.2.840.113619.4.26", "GE private 3-D"),
    ],
)
def test_volumes_are_refused_by_name(tmp_path, sop_class, name):
    path = write_ultrasound(tmp_path / "a", FRAMES, attributes={"SOPClassUID": sop_class})
    assert refusal(path).startswith(f"a is a 3-D volume ({name})")


def test_a_mixed_folder_gives_its_pictures_and_says_what_the_rest_is(tmp_path):
    classes = {
        "ct": ("CT", "1.2.840.10008.5.1.4.1.1.2"),
        "sr": ("SR", "1.2.840.10008.5.1.4.1.1.88.33"),
        "pdf": ("DOC", "1.2.840.10008.5.1.4.1.1.104.1"),
        "capture_of_ct": ("CT", "1.2.840.10008.5.1.4.1.1.7"),
        "capture_of_us": ("US", "1.2.840.10008.5.1.4.1.1.7"),
        "0001": ("US", CINE),
    }
    for name, (modality, sop_class) in classes.items():
        attributes = {"Modality": modality, "SOPClassUID": sop_class, "SOPInstanceUID": generate_uid()}
        picture = None if name in ("sr", "pdf") else FRAMES
        write_ultrasound(tmp_path / name, picture, attributes=attributes)
    export = read_export(tmp_path)
    assert [frames.path.name for frames in export.files] == ["0001", "capture_of_us"]
    reasons = {one.source: one.reason for one in export.set_aside}
    assert all("is not ultrasound" in reasons[name] for name in ("ct", "sr", "pdf", "capture_of_ct"))


# What a header says and a stream does not


def jpeg(picture):
    stream = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(stream, "JPEG", quality=100, subsampling=0)
    return stream.getvalue()


SMOOTH = np.stack(np.broadcast_arrays(np.arange(24)[:, None] * 8, np.arange(32) * 6, 90), axis=-1).astype(np.uint8)
JPEG_LS = "1.2.840.10008.1.2.4.80"
STREAMS = {
    JPEG: jpeg,
    JPEG_LS: lambda picture: imagecodecs.jpegls_encode(picture.squeeze()),
    JPEG_2000: lambda picture: imagecodecs.jpeg2k_encode(picture.squeeze(), level=0, mct=False),
}


def compressed(path, syntax, pictures, photometric, **attributes):
    described = {"Rows": 24, "Columns": 32, "NumberOfFrames": len(pictures), "SOPClassUID": CINE, **attributes}
    streams = [STREAMS[syntax](picture) for picture in pictures]
    return write_ultrasound(path, streams, transfer_syntax=syntax, photometric=photometric, attributes=described)


@pytest.mark.parametrize("syntax", [JPEG_LS, JPEG_2000])
def test_colours_that_a_stream_keeps_as_they_came_are_converted_once(tmp_path, syntax):
    path = compressed(tmp_path / "a", syntax, [SMOOTH, SMOOTH[::-1]], "YBR_FULL")
    expected = convert_color_space(SMOOTH[::-1], "YBR_FULL", "RGB")
    assert np.abs(read_dicom(path).pixels[1].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("syntax", STREAMS)
def test_a_compressed_monochrome1_picture_is_inverted(tmp_path, syntax):
    path = compressed(tmp_path / "a", syntax, [SMOOTH[..., :1]], "MONOCHROME1")
    assert np.abs(255 - read_dicom(path).pixels[0].astype(int) - SMOOTH[..., :1]).max() <= 2


def test_a_planar_configuration_means_nothing_for_a_stream(tmp_path):
    path = compressed(tmp_path / "a", JPEG, [SMOOTH], "YBR_FULL", PlanarConfiguration=1)
    assert np.abs(read_dicom(path).pixels[0].astype(int) - SMOOTH).max() <= 4


def test_frames_beyond_the_number_of_frames_belong_to_no_frame(tmp_path):
    path = write_ultrasound(tmp_path / "a", FRAMES, attributes={"NumberOfFrames": 2})
    np.testing.assert_array_equal(read_dicom(path).pixels, FRAMES[:2])


@pytest.mark.parametrize("cut", [4, 20, 60])
def test_a_deflated_object_that_is_cut_short_is_refused(tmp_path, cut):
    path = write_ultrasound(tmp_path / "a", FRAMES, transfer_syntax=DEFLATED)
    path.write_bytes(path.read_bytes()[:-cut])
    assert "cannot be parsed" in refusal(path)


@pytest.mark.parametrize("before", [0, 2000], ids=["as usual", "behind a long meta header"])
def test_a_deflated_object_that_inflates_beyond_measure_is_refused(tmp_path, monkeypatch, before):
    monkeypatch.setattr(deflated, "MOST_INFLATED", 1 << 22)
    path = write_ultrasound(tmp_path / "a", FRAMES, transfer_syntax=DEFLATED)
    head, name, rest = path.read_bytes().partition(b"\x02\0\x10\0UI")
    meta, syntax, _ = (
        head + b"\x02\0\x02\1OB\0\0" + before.to_bytes(4, "little") + bytes(before) + name + rest
    ).partition(DEFLATED.encode())
    path.write_bytes(meta + syntax + zlib.compress(bytes(1 << 27), 9)[2:])
    tracemalloc.start()
    assert "inflates to more than" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


def test_threads_that_read_a_deflated_cine_do_not_disturb_each_other(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(8), transfer_syntax=DEFLATED)

    def value(number):
        return int(read_dicom(path).pixels[number][-1, 0, 0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(value, [*range(8)] * 50)) == [10 + number for number in range(8)] * 50


def test_a_deflated_cine_is_not_held_in_memory(tmp_path):
    cine = np.random.default_rng(0).integers(0, 9, (40, 240, 320, 3), dtype=np.uint8)
    path = write_ultrasound(tmp_path / "a", cine, transfer_syntax=DEFLATED)
    tracemalloc.start()
    np.testing.assert_array_equal(read_dicom(path).pixels[39], cine[39])
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


WALK = """
import sys
from pathlib import Path
from echocare_core.frames import read_frames

def peak():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)

small, large = map(read_frames, map(Path, sys.argv[1:]))
small.pixels[0]
before = peak()
for picture in large.pixels:
    pass
print(len(large), peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read where Linux tells it")
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_a_cine_is_walked_over_in_the_memory_of_a_few_frames(tmp_path, syntax):
    small = write_ultrasound(tmp_path / "a", FRAMES)
    cine = write_ultrasound(tmp_path / "b", np.zeros((100, 480, 640, 3), dtype=np.uint8), transfer_syntax=syntax)
    walked = subprocess.run([sys.executable, "-c", WALK, small, cine], capture_output=True, text=True, check=True)
    frames, kilobytes = map(int, walked.stdout.split())
    assert (frames, kilobytes < 20_000) == (100, True)  # one frame has 922 kB, all have 92 MB


# Files of real scanners and of other toolkits


@pytest.mark.parametrize("name", ["no_meta.dcm", "no_meta_group_length.dcm", "badVR.dcm", "nested_priv_SQ.dcm"])
def test_odd_files_of_other_toolkits_are_refused_by_what_they_are(name):
    assert refusal(SHIPPED / name).startswith(name)


def test_colour_of_an_odd_width_in_big_endian_words_equals_what_pydicom_reads(tmp_path):
    name = "SC_rgb_small_odd_big_endian.dcm"
    path = write_like(name, tmp_path / "a")
    assert "is 3x3 px" in refusal(path)


def package_data(module, folder, name):
    """A file that pydicom-data or deid-data installs."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        pytest.skip(f"the files of {module.replace('_', '-')} are not installed")
    return Path(spec.origin).parent / folder / name


def as_ultrasound(source, path):
    dataset = dcmread(source)
    dataset.Modality = "US"
    return write_dataset(path, dataset, dataset.file_meta.TransferSyntaxUID)


PYDICOM_DATA = "data_store"


@pytest.mark.parametrize(
    "name", ["OBXXXX1A", "OBXXXX1A_expb", "OBXXXX1A_rle", "OBXXXX1A_2frame", "OBXXXX1A_expb_2frame"]
)
def test_a_real_palette_picture_shows_the_colours_of_its_palette(name):
    source = package_data(PYDICOM_DATA, "data", f"{name}.dcm")
    plain = dcmread(package_data(PYDICOM_DATA, "data", "OBXXXX1A.dcm"))
    tables = [np.frombuffer(plain[0x00281201 + channel].value, "<u2") >> 8 for channel in range(3)]
    expected = np.stack(tables, axis=-1)[plain.pixel_array]
    np.testing.assert_array_equal(read_dicom(source).pixels[0], expected)


@pytest.mark.parametrize("name", ["gdcm-US-ALOKA-16.dcm", "gdcm-US-ALOKA-16_big.dcm"])
def test_a_real_sixteen_bit_picture_has_the_colours_of_its_segmented_palette_in_either_byte_order(name):
    plain = dcmread(package_data(PYDICOM_DATA, "data", "gdcm-US-ALOKA-16.dcm"))
    expected = apply_color_lut(plain.pixel_array, plain) >> 8
    np.testing.assert_array_equal(read_dicom(package_data(PYDICOM_DATA, "data", name)).pixels[0], expected)


@pytest.mark.parametrize(("name", "mean"), [("J2KR", 0), ("UNCI", 2), ("J2KI", 2)])
def test_a_real_ultrasound_picture_is_the_same_in_every_syntax(name, mean):
    expected = dcmread(package_data(PYDICOM_DATA, "data", "US1_UNCR.dcm")).pixel_array.astype(int)
    picture = read_dicom(package_data(PYDICOM_DATA, "data", f"US1_{name}.dcm")).pixels[0]
    assert np.abs(picture - expected).mean() <= mean


@pytest.mark.parametrize("name", ["color-pl.dcm", "color-px.dcm"])
def test_real_planar_and_interleaved_colour_equal_what_pydicom_reads(tmp_path, name):
    source = package_data(PYDICOM_DATA, "data", name)
    np.testing.assert_array_equal(
        read_dicom(as_ultrasound(source, tmp_path / "a")).pixels[0], dcmread(source).pixel_array
    )


def test_a_real_cine_without_jfif_equals_what_simpleitk_reads():
    simpleitk = pytest.importorskip("SimpleITK", reason="SimpleITK reads it as the oracle")
    source = package_data(PYDICOM_DATA, "data", "color3d_jpeg_baseline.dcm")
    frames = read_dicom(source)
    assert (len(frames), frames.size) == (120, (480, 640))
    reader = simpleitk.ImageFileReader()
    reader.SetFileName(str(source))
    reader.ReadImageInformation()
    reader.SetExtractIndex([0, 0, 77])
    reader.SetExtractSize([640, 480, 0])
    ybr = simpleitk.GetArrayFromImage(reader.Execute())
    assert np.abs(frames.pixels[77].astype(int) - ybr).mean() < 3


@pytest.mark.parametrize("name", ["GREYSCALE_IMAGE.dcm", "RGB_IMAGE.dcm"])
def test_real_scanner_stills_equal_what_pydicom_reads(name):
    source = package_data("deid_data", "data/ultrasounds", name)
    expected = dcmread(source).pixel_array
    colour = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=-1)
    np.testing.assert_array_equal(read_dicom(source).pixels[0], colour)


def test_a_stream_that_a_stray_delimiter_has_overwritten_is_refused_by_frame(tmp_path):
    frames = read_dicom(write_like("JPEG2000-embedded-sequence-delimiter.dcm", tmp_path / "a"))
    with pytest.raises(UnreadableFrames, match=r"a, frame 1 of 1, decodes to \d+x1024 px, its header says 256x1024"):
        frames.pixels[0]
