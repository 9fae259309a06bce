"""Videos are read picture by picture, in the colours they were made from."""

import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom import read_dicom
from echocare_core.frames.dicom import video as dicom_video
from echocare_core.frames.video.stream import VideoStream

av = pytest.importorskip("av", reason="video needs PyAV, the extra `video`")
from video_files import (  # noqa: E402  (it needs PyAV)
    BT_601,
    BT_709,
    COLOURS,
    FULL,
    H_264,
    LIMITED,
    MPEG_2,
    SYNTAX,
    colour_bars,
    encode,
    write_video,
)

PICTURES = colour_bars(20)
FORMS = [
    ("mpeg2video", "mpeg2video"),
    ("mpeg2video", "mpegts"),
    ("mpeg2video", "vob"),
    ("libx264", "mp4"),
    ("libx264", "mpegts"),
    ("libx264", "h264"),
    ("libx265", "mp4"),
    ("libx265", "hevc"),
]


def encoded(codec="libx264", container="mp4", pictures=PICTURES, **options):
    try:
        return encode(pictures, codec, container, **options)
    except LookupError:
        pytest.skip(f"this PyAV has no encoder {codec}")


def by_pyav(stream, number):
    """The picture as PyAV itself shows it, decoded from the start."""
    with av.open(io.BytesIO(stream)) as container:
        return list(container.decode(video=0))[number].to_ndarray(format="rgb24")


def refusal(path):
    with pytest.raises(UnreadableFrames) as caught:
        read_dicom(path)
    return str(caught.value)


def middles(picture):
    """The colours of the four quarters, in their middles, away from the edges that halved colour blurs."""
    height, width = picture.shape[:2]
    return [picture[row, column] for row in (height // 4, 3 * height // 4) for column in (width // 4, 3 * width // 4)]


@pytest.mark.parametrize(("codec", "container"), FORMS)
def test_every_picture_of_a_video_is_read_in_order(tmp_path, codec, container):
    frames = read_dicom(write_video(tmp_path / "a", encoded(codec, container), PICTURES, SYNTAX[codec]))
    assert len(frames) == len(PICTURES)
    for picture, made_from in zip(frames.pixels, PICTURES, strict=True):
        assert np.abs(np.subtract(middles(picture), middles(made_from), dtype=int)).max() <= 6


@pytest.mark.parametrize("matrix", [BT_601, BT_709])
@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
def test_colours_follow_the_matrix_and_the_range_of_the_stream(tmp_path, matrix, colour_range):
    stream = encoded(matrix=matrix, colour_range=colour_range)
    picture = read_dicom(write_video(tmp_path / "a", stream, PICTURES, H_264)).pixels[3]
    np.testing.assert_allclose(middles(picture)[:3], COLOURS[:3], atol=4)


def test_a_video_is_shown_like_pyav_shows_it(tmp_path):
    ramps = np.stack(np.broadcast_arrays(np.arange(0, 192, 3)[:, None], np.arange(0, 192, 2)[None], 90), axis=-1)
    pictures = np.repeat(ramps[None].astype(np.uint8), 9, axis=0)
    stream = encoded(pictures=pictures)
    picture = read_dicom(write_video(tmp_path / "a", stream, pictures, H_264)).pixels[7]
    assert np.abs(picture.astype(int) - by_pyav(stream, 7)).mean() < 1.5  # its default conversion rounds down


@pytest.mark.parametrize(("codec", "container"), [("mpeg2video", "mpegts"), ("libx264", "h264"), ("libx265", "mp4")])
@pytest.mark.parametrize("options", [{}, {"x264-params": "open-gop=1"}, {"intra-refresh": "1"}])
def test_a_picture_is_the_same_from_wherever_it_is_reached(tmp_path, codec, container, options):
    if options and codec != "libx264":
        pytest.skip("an option of another encoder")
    path = write_video(tmp_path / "a", encoded(codec, container, options=options), PICTURES, SYNTAX[codec])
    in_order = list(read_dicom(path).pixels)
    dicom_video._open.cache_clear()
    pixels = read_dicom(path).pixels
    for number in np.random.default_rng(5).permutation(len(in_order)):
        np.testing.assert_array_equal(pixels[number], in_order[number])


def counting(monkeypatch):
    fed = []
    advance = VideoStream._advance
    monkeypatch.setattr(VideoStream, "_advance", lambda self: fed.append(self._next) or advance(self))
    return fed


def test_reading_in_order_decodes_each_packet_once(tmp_path, monkeypatch):
    pixels = read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264)).pixels
    fed = counting(monkeypatch)
    list(pixels)
    assert fed == list(range(len(PICTURES) + 1))  # and the end of the stream


def test_a_late_picture_is_decoded_from_the_key_frame_before_it(tmp_path, monkeypatch):
    pixels = read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264)).pixels
    fed = counting(monkeypatch)
    _ = pixels[len(PICTURES) - 2]
    assert min(fed) > len(PICTURES) - 10


def test_a_picture_just_decoded_is_not_decoded_again_and_may_be_written_to(tmp_path, monkeypatch):
    pixels = read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264)).pixels
    first = pixels[5].copy()
    pixels[5][:] = 0
    fed = counting(monkeypatch)
    np.testing.assert_array_equal(pixels[5], first)
    assert fed == []


def test_what_is_kept_of_a_video_is_bounded(tmp_path):
    pictures = colour_bars(24)
    video = read_dicom(write_video(tmp_path / "a", encoded(pictures=pictures), pictures, H_264)).pixels.video
    for number in range(24):
        video.read(number)
    stream = dicom_video._open(video, dicom_video.stamp_of(video.pixel_data.path))
    assert len(stream._kept) == 16


def test_a_video_survives_the_way_to_worker_processes(tmp_path):
    frames = read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[9], frames.pixels[9])
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        for number, picture in zip((3, 12, 7, 18), pool.map(frames.pixels.decode, (3, 12, 7, 18)), strict=True):
            np.testing.assert_array_equal(picture, frames.pixels[number])


def test_a_video_that_was_replaced_is_read_anew(tmp_path):
    path = write_video(tmp_path / "a", encoded(), PICTURES, H_264)
    before = read_dicom(path).pixels[0]
    write_video(path, encoded(pictures=PICTURES[::-1].copy()), PICTURES, H_264)
    assert np.abs(read_dicom(path).pixels[0].astype(int) - before).max() > 100


def test_a_stream_in_several_fragments_is_joined(tmp_path):
    stream = encoded()
    parts = [stream[:500], stream[500:1200], stream[1200:]]
    joined = read_dicom(write_video(tmp_path / "a", parts, PICTURES, f"{H_264}.1")).pixels[4]
    np.testing.assert_array_equal(joined, read_dicom(write_video(tmp_path / "b", stream, PICTURES, H_264)).pixels[4])


def test_the_stream_is_believed_before_the_transfer_syntax(tmp_path):
    frames = read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, MPEG_2))
    np.testing.assert_allclose(middles(frames.pixels[2])[:3], COLOURS[:3], atol=4)


def test_pictures_are_counted_where_the_header_does_not(tmp_path):
    assert len(read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264, NumberOfFrames=None))) == 20


def test_pictures_beyond_the_number_of_frames_are_not_part_of_the_image(tmp_path):
    assert len(read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264, NumberOfFrames=12))) == 12


def test_missing_pictures_are_refused(tmp_path):
    path = write_video(tmp_path / "a", encoded(), PICTURES, H_264, NumberOfFrames=25)
    assert refusal(path).startswith("a says it has 25 frames but its video holds 20: frames are missing.")


@pytest.mark.parametrize("stream", [b"\0" * 400, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n" * 9, b"RIFF" * 90])
def test_what_is_no_video_is_refused_without_being_tried(tmp_path, stream):
    assert "is a video that cannot be decoded" in refusal(write_video(tmp_path / "a", stream, PICTURES, H_264))


@pytest.mark.parametrize("container", ["mp4", "h264", "mpegts"])
def test_a_video_cut_short_is_refused(tmp_path, container):
    stream = encoded(container=container)
    path = write_video(tmp_path / "a", stream[: len(stream) // 2], PICTURES, H_264)
    assert refusal(path).startswith(("a is a video that cannot be decoded", "a says it has 20 frames but its video"))


def test_pictures_behind_damage_are_refused_up_to_the_next_key_frame(tmp_path):
    stream = bytearray(encoded(container="h264", options={"bf": "0"}))
    units = [at for at in range(len(stream) - 4) if stream[at : at + 3] == b"\0\0\1"]
    starts = [at for at in units if stream[at + 3] & 31 in (1, 5)]  # slices, one a picture
    assert len(starts) == 20
    stream[starts[10] + 8 : starts[10] + 24] = b"\xff" * 16
    frames = read_dicom(write_video(tmp_path / "a", bytes(stream), PICTURES, H_264))
    good = []
    for number in range(20):
        try:
            good.append(int(frames.pixels[number][-8, -8, 0]) - int(PICTURES[number, -8, -8, 0]))
        except UnreadableFrames as fault:
            assert str(fault).startswith(f"a, frame {number + 1} of 20, cannot be decoded")  # noqa: PT017
            good.append(None)
    assert good[10] is None
    assert None not in good[:8] + good[16:]
    assert max(abs(one) for one in good if one is not None) <= 6


def test_a_video_of_another_size_is_refused(tmp_path):
    frames = read_dicom(write_video(tmp_path / "a", encoded(), PICTURES, H_264, Rows=60))
    with pytest.raises(UnreadableFrames, match="a, frame 1 of 20, decodes to 96x64 px, its header says 96x60"):
        frames.pixels[0]


def test_without_pyav_a_video_is_refused_with_what_to_install(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a", encoded(), PICTURES, H_264)
    monkeypatch.setattr("echocare_core.optional.is_installed", lambda module: False)
    sentence = refusal(path)
    assert sentence.startswith("a is a video (MPEG-4 AVC/H.264")
    assert sentence.endswith("Run pip install 'echocare[video]'.")


def test_colours_of_a_video_without_a_video_are_refused(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), photometric="YBR_PARTIAL_420")
    assert "YBR_PARTIAL_420, which uncompressed pixels cannot have" in refusal(path)
