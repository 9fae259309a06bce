"""AVI, MP4, MKV and WebM cines become frames that can be had in any order."""

import io
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames, size
from echocare_core.frames.plausible import NOT_A_TIME
from echocare_core.frames.video import track
from echocare_core.frames.video.stream import to_rgb
from echocare_core.frames.video.track import VideoTrack

av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'echocare[video]'")
from video_files import BT_709, COLOURS, FULL, colour_bars, encode  # noqa: E402  (it needs PyAV)

# name of the file, codec, pixel format; MJPEG in AVI is what EchoNet-Dynamic ships
KINDS = [
    ("a.avi", "mjpeg", "yuvj420p"),
    ("b.avi", "mpeg4", "yuv420p"),
    ("c.mp4", "mpeg4", "yuv420p"),
    ("d.avi", "rawvideo", "bgr24"),
    ("e.mov", "mjpeg", "yuvj444p"),
    ("f.mkv", "mpeg4", "yuv420p"),
    ("g.webm", "libvpx", "yuv420p"),
]
LOSSLESS = ("d.avi", "rawvideo", "bgr24")


def cine(frames=20):
    """Frames of 48 x 64 px, each of another brightness, with the mark of `marked` in the top right corner."""
    pixels = marked(frames, 48, 64)
    pixels[:, 20:40, 8:40] = (np.arange(frames, dtype=np.uint8) * 12)[:, None, None, None]
    return pixels


def write_video(target, pixels, codec, pixel_format, *, rate=50, options=None):
    with av.open(str(target), "w", options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *pixels.shape[1:3], pixel_format
        if codec == "mjpeg":  # whose bytes depend on it; else there are as many as the machine has processors
            stream.codec_context.thread_count = 2
        if codec == "mpeg4":
            stream.codec_context.gop_size, stream.codec_context.max_b_frames = 6, 2
        for picture in pixels:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return target


def in_order(path):
    with av.open(str(path)) as file:
        return [to_rgb(frame) for frame in file.decode(video=0)]


@pytest.mark.parametrize(("name", "codec", "pixel_format"), KINDS)
def test_frames_in_any_order_are_those_of_decoding_from_the_start(tmp_path, name, codec, pixel_format):
    path = write_video(tmp_path / name, cine(), codec, pixel_format)
    frames, wanted = read_frames(path), in_order(path)
    assert (len(frames), frames.size, frames.spacing_mm) == (20, (48, 64), None)
    for number in np.random.default_rng(2).permutation(20):
        np.testing.assert_array_equal(frames.pixels[int(number)], wanted[number])


@pytest.mark.parametrize(("name", "codec", "pixel_format"), KINDS)
def test_a_video_is_upright_and_in_the_colours_it_was_written_in(tmp_path, name, codec, pixel_format):
    pixels = cine()
    picture = read_frames(write_video(tmp_path / name, pixels, codec, pixel_format)).pixels[13]
    np.testing.assert_allclose(picture[:2, -3:].mean((0, 1)), (250, 120, 30), atol=30)
    np.testing.assert_allclose(picture[22:38, 10:38].mean(), 13 * 12, atol=8)


def test_a_video_is_read_in_a_forked_process_after_this_one_has_read_it(tmp_path):
    frames = read_frames(write_video(tmp_path / "b.avi", cine(), "mpeg4", "yuv420p"))
    here = [frames.pixels[number] for number in (3, 11)]
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        there = [pool.submit(frames.pixels.decode, number).result(timeout=60) for number in (3, 11)]
    np.testing.assert_array_equal(there, here)


def test_a_file_has_the_colours_that_its_stream_names(tmp_path):
    stream = encode(colour_bars(4), "libx264", "mp4", matrix=BT_709, colour_range=FULL)
    (tmp_path / "a.mp4").write_bytes(stream)
    picture = read_frames(tmp_path / "a.mp4").pixels[1]
    height, width = picture.shape[:2]
    found = [
        picture[height // 4, width // 4],
        picture[height // 4, 3 * width // 4],
        picture[3 * height // 4, width // 4],
    ]
    np.testing.assert_allclose(found, COLOURS[:3], atol=4)


def test_a_lossless_video_is_read_exactly(tmp_path):
    pixels = cine()
    np.testing.assert_array_equal(
        read_frames(write_video(tmp_path / LOSSLESS[0], pixels, *LOSSLESS[1:])).pixels, pixels
    )


def test_mjpeg_frames_are_what_another_decoder_makes_of_their_streams(tmp_path):
    path = write_video(tmp_path / "a.avi", cine(6), "mjpeg", "yuvj444p")
    with av.open(str(path)) as file:
        streams = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    for picture, stream in zip(read_frames(path).pixels, streams, strict=True):
        other = np.asarray(Image.open(io.BytesIO(stream)).convert("RGB")).astype(int)
        assert abs(picture - other).mean() < 1.5


def test_the_times_are_those_of_the_file(tmp_path):
    frames = read_frames(write_video(tmp_path / "a.avi", cine(4), "mjpeg", "yuvj420p", rate=25))
    assert frames.frame_times_ms == (0, 40, 80, 120)


def test_uneven_times_stay_uneven(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for time_ms, picture in zip((0, 10, 50, 90), cine(4), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = time_ms
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    assert read_frames(tmp_path / "a.mp4").frame_times_ms == pytest.approx((0, 10, 50, 90))


def test_a_video_is_known_by_its_content(tmp_path):
    path = write_video(tmp_path / "a.avi", cine(2), "mjpeg", "yuvj420p").rename(tmp_path / "IM0001")
    assert len(read_frames(path)) == 2


def test_a_video_survives_the_way_to_a_worker_process(tmp_path):
    frames = read_frames(write_video(tmp_path / LOSSLESS[0], cine(), *LOSSLESS[1:]))
    frames.pixels[3]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[7], cine()[7])


def test_a_video_that_is_shown_turned_is_read_upright(tmp_path):
    path = write_video(tmp_path / "a.mov", cine(2), "mjpeg", "yuvj444p")
    data, unit = bytearray(path.read_bytes()), (1 << 16).to_bytes(4, "big")
    matrix = data.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2: a quarter turn clockwise for the viewer
    zero, minus = bytes(4), (-(1 << 16) & 0xFFFFFFFF).to_bytes(4, "big")
    data[matrix : matrix + 20] = zero + unit + zero + minus + zero
    path.write_bytes(data)
    frames = read_frames(path)
    assert frames.size == (64, 48)
    np.testing.assert_allclose(frames.pixels[0][-5:, -3:].mean((0, 1)), (250, 120, 30), atol=30)


def test_a_bare_stream_without_time_stamps_is_counted(tmp_path):
    track = VideoTrack(write_video(tmp_path / "a.h264", cine(8), "libx264", "yuv420p"))
    assert track.times_ms is None
    order = [track.frame(number) for number in range(len(track))]
    for number in (6, 1, 7, 0):
        np.testing.assert_array_equal(track.frame(number), order[number])


def test_an_avi_whose_pictures_need_later_ones_is_read_in_the_order_of_its_decoder(tmp_path):
    (tmp_path / "a.avi").write_bytes(encode(colour_bars(20), "libx264", "avi"))
    frames, wanted = read_frames(tmp_path / "a.avi"), in_order(tmp_path / "a.avi")
    assert frames.frame_times_ms == tuple(range(0, 800, 40))
    for number in (3, 4, 17, 2, *range(20)):
        np.testing.assert_array_equal(frames.pixels[number], wanted[number])
    np.testing.assert_allclose([one[-8:, -8:].mean() for one in frames.pixels], 10 + 10 * np.arange(20), atol=3)


def test_a_damaged_frame_is_refused_by_name_and_the_others_are_not(tmp_path):
    path = write_video(tmp_path / "a.avi", cine(6), "mjpeg", "yuvj420p")
    whole, data = in_order(path), bytearray(path.read_bytes())
    starts = [place for place in range(len(data)) if data[place : place + 3] == b"\xff\xd8\xff"]
    data[starts[2] : starts[3] - 8] = bytes(starts[3] - 8 - starts[2])
    path.write_bytes(data)
    frames = read_frames(path)
    with pytest.raises(UnreadableFrames, match=r"a\.avi, frame 3 of 6, cannot be decoded"):
        frames.pixels[2]
    np.testing.assert_array_equal(frames.pixels[3], whole[3])
    np.testing.assert_array_equal(frames.pixels[1], whole[1])


CUT = r"says it has 20 frames, but has [1-9][0-9]? whole ones?: it is cut short\. Leave it out, or export"
IN_PARTS = {"movflags": "frag_keyframe+empty_moov"}  # which does not say how many frames there will be


@pytest.mark.parametrize(
    ("name", "kind", "options", "said"),
    [
        ("a.avi", ("mjpeg", "yuvj420p"), {}, CUT),
        ("b.avi", ("mpeg4", "yuv420p"), {}, "is cut short"),  # before its first frame
        ("d.avi", ("rawvideo", "bgr24"), {}, CUT),
        ("c.mp4", ("mpeg4", "yuv420p"), {"movflags": "faststart"}, CUT),
        ("e.mov", ("mjpeg", "yuvj444p"), {"movflags": "faststart"}, CUT),
        ("f.mp4", ("mpeg4", "yuv420p"), {}, r"is cut short: its parts are \d+ bytes long, and \d+ bytes are there\."),
        ("g.mp4", ("mpeg4", "yuv420p"), IN_PARTS, "is cut short"),
        ("h.mkv", ("mpeg4", "yuv420p"), {}, r"is cut short: its parts are \d+ bytes long, and \d+ bytes are there\."),
        ("i.webm", ("libvpx", "yuv420p"), {}, r"is cut short: its parts are \d+ bytes long"),
    ],
)
def test_a_video_that_is_cut_short_is_refused_with_what_was_promised_and_what_is_there(
    tmp_path, name, kind, options, said
):
    data = write_video(tmp_path / name, cine(), *kind, options=options).read_bytes()
    for share in (0.62, 0.66, 0.7):
        (tmp_path / name).write_bytes(data[: int(share * len(data))])
        with pytest.raises(UnreadableFrames, match=said):
            read_frames(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "kind", "share", "said"),
    [
        ("a.avi", ("mjpeg", "yuvj420p"), 0.35, "says it has 20 frames, but has 1 whole one: it is cut short"),
        ("c.mp4", ("mpeg4", "yuv420p"), 0.35, r"is cut short: its parts are \d+ bytes long, and \d+ bytes are there"),
    ],
)
def test_a_video_with_one_frame_or_none_left_is_cut_short(tmp_path, name, kind, share, said):
    options = {"movflags": "faststart"} if name == "c.mp4" else {}
    data = write_video(tmp_path / name, cine(), *kind, options=options).read_bytes()
    (tmp_path / name).write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnreadableFrames, match=rf"{name} {said}\. Leave it out, or export it again\.$"):
        read_frames(tmp_path / name)


def test_a_recording_of_a_browser_that_does_not_say_its_length_is_read(tmp_path):
    path = write_video(tmp_path / "a.webm", cine(6), "libvpx", "yuv420p", options={"live": "1"})
    assert path.read_bytes()[36:49].count(b"\xff") > 6
    assert len(read_frames(path)) == 6


def test_frames_that_are_zeros_are_missing_too(tmp_path):
    data = write_video(tmp_path / "a.avi", cine(), "mjpeg", "yuvj420p").read_bytes()
    (tmp_path / "a.avi").write_bytes(data[: int(0.66 * len(data))].ljust(len(data), b"\0"))
    with pytest.raises(UnreadableFrames, match="says it has 20 frames, but"):
        read_frames(tmp_path / "a.avi")


def test_an_avi_that_lost_its_index_alone_is_whole(tmp_path):
    data = write_video(tmp_path / "a.avi", cine(), "mjpeg", "yuvj420p").read_bytes()
    (tmp_path / "a.avi").write_bytes(data[: data.index(b"idx1") + 40])
    assert len(read_frames(tmp_path / "a.avi")) == 20


def test_steps_in_time_without_a_picture_are_not_missing(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, picture in enumerate(cine(5)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
            frame.pts = 3 * number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    assert read_frames(tmp_path / "a.avi").frame_times_ms == (0, 120, 240, 360, 480)


def test_a_quicktime_file_that_names_no_type_is_a_video(tmp_path):
    data = write_video(tmp_path / "e.mov", cine(3), "mjpeg", "yuvj444p").read_bytes()
    kind = int.from_bytes(data[:4], "big")  # the length of its first part, ftyp
    place = data.index(b"stco") + 12  # ISO 14496-12, 8.7.5: where the chunks of frames stand
    count = int.from_bytes(data[place - 4 : place], "big")
    moved = b"".join(
        (int.from_bytes(data[place + 4 * one : place + 4 * one + 4], "big") - kind).to_bytes(4, "big")
        for one in range(count)
    )
    (tmp_path / "old").write_bytes((data[:place] + moved + data[place + len(moved) :])[kind:])
    whole = read_frames(tmp_path / "e.mov").pixels
    np.testing.assert_array_equal(read_frames(tmp_path / "old").pixels, whole)


def test_no_text_is_taken_for_a_quicktime_file(tmp_path):
    (tmp_path / "note").write_text("Not free of artefacts")
    with pytest.raises(UnreadableFrames, match="is not DICOM, PNG, JPEG"):
        read_frames(tmp_path / "note")


@pytest.mark.parametrize("content", [b"RIFF\0\0\0\0AVI Doe^Jane", b"\0\0\0\x20ftypisom" + b"\0" * 300])
def test_a_video_without_a_picture_is_refused_by_name(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnreadableFrames, match="a cannot be opened as a video") as caught:
        read_frames(tmp_path / "a")
    assert "Jane" not in str(caught.value)


def test_without_pyav_the_extra_to_install_is_named(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.avi", cine(2), "mjpeg", "yuvj420p")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnreadableFrames, match=r"a\.avi is a video, .* pip install 'echocare\[video\]'"):
        read_frames(path)


def test_no_damage_to_a_video_ends_in_another_error(tmp_path):
    whole = [write_video(tmp_path / name, cine(6), *kind).read_bytes() for name, *kind in (*KINDS[:3], KINDS[5])]
    random, read = np.random.default_rng(11), 0
    for turn in range(80):
        data = bytearray(whole[turn % 4])
        for place in random.integers(0, len(data), 12):
            data[place] = random.integers(256)
        kept = len(data) if turn % 2 else random.integers(len(data) // 2, len(data))
        (tmp_path / "x").write_bytes(bytes(data[:kept]))
        try:
            frames = read_frames(tmp_path / "x")
            read += all(picture.shape == (*frames.size, 3) for picture in frames.pixels)
        except UnreadableFrames:
            continue
    assert read


def test_a_video_larger_than_any_is_refused_from_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(size, "LARGEST_PX", 5000)
    (tmp_path / "a.mp4").write_bytes(encode(colour_bars(2)))
    with pytest.raises(UnreadableFrames, match=r"a\.mp4 is 96x64 px, larger than any"):
        read_frames(tmp_path / "a.mp4")


def test_a_decoder_makes_no_picture_larger_than_any(tmp_path, monkeypatch):
    monkeypatch.setattr(track, "BOUNDED", {"max_pixels": "5000"})
    (tmp_path / "a.mp4").write_bytes(encode(colour_bars(2)))
    with pytest.raises(UnreadableFrames, match=r"a\.mp4 cannot be opened as a video"):
        read_frames(tmp_path / "a.mp4")


def test_times_that_no_scanner_makes_are_unknown_and_said_so(tmp_path):
    write_video(tmp_path / "a.avi", cine(3), "mjpeg", "yuvj420p", rate=Fraction(1, 100))
    frames = read_frames(tmp_path / "a.avi")
    assert (len(frames), frames.frame_times_ms, frames.notes) == (3, None, (NOT_A_TIME,))
