"""NRRD as 3D Slicer, SimpleITK and teem write it becomes upright frames."""

import bz2
import gzip
import pickle

import numpy as np
import pytest
from ultrasound_files import marked

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_export, read_frames
from echocare_core.frames.plausible import NOT_A_LENGTH
from echocare_core.frames.volume.pixels import THIRD_AXIS

PACK = {"raw": bytes, "gzip": gzip.compress, "gz": gzip.compress, "bzip2": bz2.compress}
COLOURS_FIRST = "kinds: RGB-color domain domain"


def grey(frames=1):
    return marked(frames, channels=1)[..., 0]


def as_rgb(pixels):
    return np.repeat(pixels[..., None], 3, axis=3)


def header_of(array, *fields, kind="uint8", encoding="raw", sizes=None):
    """The text header of an array whose last axis is the fastest, as numpy has them and the format does not."""
    sizes = sizes or array.shape[::-1]
    lines = ("NRRD0004", "# made by a test", f"type: {kind}", f"dimension: {len(sizes)}")
    lines += (f"sizes: {' '.join(map(str, sizes))}", f"encoding: {encoding}", "endian: little", *fields, "note:=1")
    return "\n".join(lines).encode() + b"\n"


def write_nrrd(path, array, *fields, kind="uint8", encoding="raw", sizes=None):
    """Header and numbers in one file."""
    head = header_of(array, *fields, kind=kind, encoding=encoding, sizes=sizes)
    path.write_bytes(head + b"\n" + PACK[encoding](array.tobytes()))
    return path


def write_detached(path, array, name, *more):
    """A header whose numbers are elsewhere."""
    path.write_bytes(header_of(array) + f"data file: {name}\n".encode() + "\n".join(more).encode())
    return path


@pytest.mark.parametrize("encoding", PACK)
def test_a_still_is_upright_with_its_spacing(tmp_path, encoding):
    directions = "space directions: (0.3,0,0) (0,-0.15,0)"
    frames = read_frames(write_nrrd(tmp_path / "IM1", grey()[0], directions, "space units: ", encoding=encoding))
    assert (len(frames), frames.size, frames.frame_times_ms, frames.notes) == (1, (24, 32), (0.0,), ())
    assert frames.spacing_mm == pytest.approx((0.15, 0.3))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey()))


@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("colours", [False, True])
def test_it_is_the_picture_that_simpleitk_wrote(tmp_path, name, compressed, colours):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, the oracle, is not installed")
    pixels = marked(5) if colours else grey(5)
    image = sitk.GetImageFromArray(pixels, isVector=colours)
    image.SetSpacing((0.3, 0.15, 1.0))
    sitk.WriteImage(image, str(tmp_path / name), useCompression=compressed)
    frames = read_frames(tmp_path / name)
    np.testing.assert_array_equal(frames.pixels, pixels if colours else as_rgb(pixels))
    assert (frames.spacing_mm, frames.notes) == (pytest.approx((0.15, 0.3)), (THIRD_AXIS,))


def test_simpleitk_reads_what_the_tests_write(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, the oracle, is not installed")
    path = write_nrrd(tmp_path / "a.nrrd", grey(3), encoding="gzip")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(path)), grey(3))


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("kinds", ["domain domain list", "domain domain time"])
def test_frames_can_be_had_in_any_order(tmp_path, kinds, encoding):
    frames = read_frames(write_nrrd(tmp_path / "a.nrrd", grey(6), f"kinds: {kinds}", encoding=encoding))
    assert (len(frames), frames.notes) == (6, ())
    for number in (4, 1, 5, 0):
        np.testing.assert_array_equal(frames.pixels[number], as_rgb(grey(6))[number])


def test_frames_may_lie_between_each_other_as_in_a_sequence_of_slicer(tmp_path):
    stored = np.ascontiguousarray(grey(6).transpose(1, 2, 0))[np.newaxis]
    directions = "space directions: none (0.3,0,0) (0,0.15,0) (0,0,0.15)"
    frames = read_frames(write_nrrd(tmp_path / "a.seq.nrrd", stored, "kinds: list domain domain domain", directions))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey(6)))
    assert frames.spacing_mm == pytest.approx((0.15, 0.3))


@pytest.mark.parametrize("field", [COLOURS_FIRST, "kinds: vector domain domain", "kinds: ??? domain domain", "note:=2"])
def test_colours_are_kept(tmp_path, field):
    np.testing.assert_array_equal(read_frames(write_nrrd(tmp_path / "a.nrrd", marked()[0], field)).pixels, marked())


def test_colours_may_stand_last(tmp_path):
    planes = np.ascontiguousarray(marked()[0].transpose(2, 0, 1))
    path = write_nrrd(tmp_path / "a.nrrd", planes, "kinds: domain domain RGB-color")
    np.testing.assert_array_equal(read_frames(path).pixels, marked())


@pytest.mark.parametrize("kinds", ["HSV-color domain domain", "complex domain domain", "vector vector domain"])
def test_other_numbers_to_a_pixel_are_refused(tmp_path, kinds):
    with pytest.raises(UnreadableFrames, match=r"a\.nrrd does not hold 1, 3 or 4 numbers to a pixel"):
        read_frames(write_nrrd(tmp_path / "a.nrrd", marked()[0], f"kinds: {kinds}"))


def test_time_has_the_steps_that_the_header_has(tmp_path):
    fields = ("spacings: 0.03 0.015 40", 'units: "cm" "cm" "ms"')
    frames = read_frames(write_nrrd(tmp_path / "a.nrrd", grey(4), *fields))
    assert frames.frame_times_ms == pytest.approx((0, 40, 80, 120))
    assert (frames.spacing_mm, frames.notes) == (pytest.approx((0.15, 0.3)), ())


@pytest.mark.parametrize("fields", [(), ("spacings: NaN NaN",), ("spacings: 1 1",), ("spacings: 0 0",)])
def test_a_spacing_that_is_not_said_is_no_calibration(tmp_path, fields):
    frames = read_frames(write_nrrd(tmp_path / "a.nrrd", grey()[0], *fields))
    assert (frames.spacing_mm, frames.notes) == (None, ())


@pytest.mark.parametrize("fields", [("spacings: 1e12 0.1",), ("spacings: 0.1 0.1", 'units: "pixel" "pixel"')])
def test_a_spacing_that_ultrasound_does_not_have_is_none_and_said_so(tmp_path, fields):
    frames = read_frames(write_nrrd(tmp_path / "a.nrrd", grey()[0], *fields))
    assert (frames.spacing_mm, frames.notes) == (None, (NOT_A_LENGTH,))


def test_a_volume_is_refused_where_its_planes_are_as_far_apart_as_its_pixels(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.nrrd is a 3-D volume, whose third axis has steps of 0\.3 beside"):
        read_frames(write_nrrd(tmp_path / "a.nrrd", grey(9), "spacings: 0.3 0.3 0.3"))
    with pytest.raises(UnreadableFrames, match=r"a\.nrrd is a 3-D volume over time"):
        read_frames(
            write_nrrd(tmp_path / "a.nrrd", np.zeros((2, 3, 24, 32), np.uint8), "kinds: domain domain domain list")
        )


@pytest.mark.parametrize("kind", ["int16", "unsigned short", "int", "float", "double"])
def test_other_numbers_within_0_to_255_are_shown_as_they_are(tmp_path, kind):
    letter = {"int16": "<i2", "unsigned short": "<u2", "int": "<i4", "float": "<f4", "double": "<f8"}[kind]
    frames = read_frames(write_nrrd(tmp_path / "a.nrrd", grey(2).astype(letter), kind=kind))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey(2)))


def test_numbers_whose_black_and_white_are_unknown_are_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.nrrd holds numbers outside 0 to 255"):
        read_frames(write_nrrd(tmp_path / "a.nrrd", grey()[0].astype("<u2") * 99, kind="uint16"))


@pytest.mark.parametrize("name", ["a.raw", "./a.raw"])
@pytest.mark.parametrize("skip", ["byte skip: -1", "line skip: 1\nbyte skip: 5"])
def test_numbers_may_stand_beside_the_header_behind_something_else(tmp_path, name, skip):
    (tmp_path / "a.raw").write_bytes(b"a line\nbytes" + grey(3).tobytes())
    path = write_detached(tmp_path / "a.nhdr", grey(3), name, skip)
    np.testing.assert_array_equal(read_frames(path).pixels, as_rgb(grey(3)))


@pytest.mark.parametrize("files", [("LIST", "1.raw", "2.raw", "3.raw"), ("%d.raw 1 3 1",), ("%1d.raw 1 3 1 2",)])
def test_each_frame_may_stand_in_a_file_of_its_own(tmp_path, files):
    for number, frame in enumerate(grey(3), start=1):
        (tmp_path / f"{number}.raw").write_bytes(frame.tobytes())
    frames = read_frames(write_detached(tmp_path / "a.nhdr", grey(3), *files))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey(3)))
    with pytest.raises(UnreadableFrames, match=r"b\.nhdr names 3 files for 4 frames"):
        read_frames(write_detached(tmp_path / "b.nhdr", grey(4), *files))


@pytest.mark.parametrize(
    "files",
    [
        ("../a.raw",),
        ("/etc/hostname",),
        ("sub/a.raw",),
        ("..",),
        ("LIST", "../a", "b", "c"),
        ("../%d 1 3 1",),
        ("link",),
    ],
)
def test_numbers_that_stand_elsewhere_are_refused(tmp_path, files):
    (tmp_path / "a.raw").write_bytes(grey(3).tobytes())
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "link").symlink_to(tmp_path / "a.raw")
    with pytest.raises(UnreadableFrames, match=r"a\.nhdr does not name files beside it"):
        read_frames(write_detached(tmp_path / "export" / "a.nhdr", grey(3), *files))


def test_missing_numbers_are_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.nhdr needs the file beside it"):
        read_frames(write_detached(tmp_path / "a.nhdr", grey(), "a.raw"))


def test_numbers_cut_short_are_refused_with_what_was_promised(tmp_path):
    path = write_nrrd(tmp_path / "a.nrrd", grey(4))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFrames, match=r"says that its numbers are 3072 bytes, but 2972 are there: it is cut"):
        read_frames(path)


def test_a_compressed_file_cut_short_is_refused_when_its_frames_are_asked_for(tmp_path):
    path = write_nrrd(
        tmp_path / "a.nrrd", np.random.default_rng(0).integers(0, 256, (4, 24, 32), np.uint8), encoding="gzip"
    )
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnreadableFrames, match=r"a\.nrrd, frame 4 of 4, cannot be decoded; .* cut short"):
        read_frames(path).pixels[3]


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ((9000, 9000), "9000x9000 px, larger"),
        ((4096, 4096, 9000), "unpacks to|cut short"),
        ((16, 16, 999999), "frames"),
    ],
)
def test_a_header_that_claims_more_than_any_is_refused_before_it_is_unpacked(tmp_path, sizes, reason, encoding):
    path = write_nrrd(tmp_path / "a.nrrd", np.zeros(1 << 16, np.uint8), sizes=sizes, encoding=encoding)
    with pytest.raises(UnreadableFrames, match=reason):
        read_frames(path)


@pytest.mark.parametrize(
    "line",
    [
        "data file: " + "%d " * 1300,
        "data file: %99999999d 1 3 1",
        "space directions: " + "(" * 9_000_000,
        "sizes: " + "9" * 5000,
    ],
)
def test_a_line_made_to_be_slow_is_refused_at_once(tmp_path, line):
    (tmp_path / "a.nhdr").write_bytes(b"NRRD0004\n" + line.encode() + b"\n" + header_of(grey(3))[9:])
    with pytest.raises(UnreadableFrames, match=r"a\.nhdr (is a damaged|needs the file beside|has a header|names)"):
        read_frames(tmp_path / "a.nhdr")


def test_frames_survive_the_way_to_a_worker_process(tmp_path):
    frames = read_frames(write_nrrd(tmp_path / "a.nrrd", grey(3), encoding="gzip"))
    frames.pixels[0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[2], as_rgb(grey(3))[2])


@pytest.mark.parametrize(("encoding", "kind"), [("ascii", "uint8"), ("hex", "uint8"), ("raw", "block")])
def test_what_is_stored_in_another_way_is_refused(tmp_path, encoding, kind):
    (tmp_path / "a.nrrd").write_bytes(header_of(grey(), encoding=encoding, kind=kind) + b"\n1 2 3")
    with pytest.raises(UnreadableFrames, match=r"a\.nrrd (stores its numbers as text|holds numbers of a type)"):
        read_frames(tmp_path / "a.nrrd")


def test_equal_headers_of_other_numbers_are_no_copies(tmp_path):
    for name, pixels in (("A", grey(2)), ("B", 255 - grey(2)), ("C", grey(2))):
        (tmp_path / name).mkdir()
        write_detached(tmp_path / name / "a.nhdr", pixels, "a.raw")
        (tmp_path / name / "a.raw").write_bytes(pixels.tobytes())
    export = read_export(tmp_path)
    assert [export.source_of(frames) for frames in export.files] == ["A/a.nhdr", "B/a.nhdr"]


def test_no_damage_to_a_file_ends_in_another_error(tmp_path):
    fields = (
        "spacings: 0.1 0.2 40",
        'units: "mm" "mm" "ms"',
        "kinds: domain domain time",
        "byte skip: 0",
        "line skip: 0",
    )
    whole = [
        write_nrrd(tmp_path / "a", grey(3), *fields, encoding=one).read_bytes() for one in ("raw", "gzip", "bzip2")
    ]
    random, read = np.random.default_rng(4), 0
    for turn in range(300):
        data = bytearray(whole[turn % 3])
        for place in random.integers(8, min(len(data), 300), 3):
            data[place] = random.integers(32, 127)
        (tmp_path / "x").write_bytes(bytes(data))
        try:
            read += read_frames(tmp_path / "x").pixels[0].dtype == np.uint8
        except UnreadableFrames:
            continue
    assert read
