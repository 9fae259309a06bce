"""The pictures of one video stream: MPEG-2, MPEG-4 AVC/H.264 or HEVC/H.265, by PyAV (PS3.5 8.2.5 to 8.2.11)."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.frames.size import BORDERS_PX

CODECS = ("mpeg1video", "mpeg2video", "h264", "hevc")
KEPT = 16  # pictures a decoder may hold back to put them in order, which is as many as it may let go at once
LIMITED, FULL = 1, 2  # how ITU-T H.273 numbers the ranges of samples
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # matrix coefficients of H.273 to libswscale's number of them
BT_601, BT_709, LINES_OF_SD = 5, 1, 576
BICUBIC, FULL_CHROMA, EXACT = 0x4, 0x2000, 0x40000  # libswscale's flags; without the last one, blacks become 1 too dark


class VideoStream:
    """Decodes the picture that is asked for, from the key frame before it; reading in order decodes each picture once.

    The compressed packets and the last few pictures are kept, so no file stays open and a forked process can go on.
    One packet that is damaged makes every picture unreadable that depends on it.

    Args:
        data: the stream: MP4, MPEG-2 transport or program stream, or an elementary stream (Annex B).
        elementary: name of the format where there is no container: "mpegvideo", "h264" or "hevc".
        pixels: how many a picture has; a stream that claims more, beyond its borders, is refused.
        frames: how many pictures there should be; the stream is decoded once to count them where its packets differ.

    Raises:
        ValueError: no video, or a damaged one.
    """

    def __init__(self, data: bytes, elementary: str, pixels: int, frames: int | None = None) -> None:
        import av

        self._lock = RLock()
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._from, self._next = 0, 0  # packets: where decoding started, and which is next
        self._shown = -1  # the last picture that came since then
        self._number: dict[int, int] = {}  # packet to picture
        self._damage = (av.error.FFmpegError, ValueError, EOFError, MemoryError)
        self._limits = {"max_pixels": str(pixels + BORDERS_PX), "err_detect": "explode"}
        try:
            self._packets, self._decoder, times = self._demux(data, elementary)
            self._keys = [number for number, packet in enumerate(self._packets) if packet.is_keyframe]
            self._proved = {0}  # key frames before real damage
            self._restart(0)
            order = _order_by_times(times)
            if order is None or len(order) != (frames or len(order)):
                order = self._order_by_decoding()
            if not order:
                raise ValueError("no pictures in it")
        except self._damage as fault:
            raise ValueError("its video stream is damaged or cut short") from fault
        self._order: Sequence[int] = order
        self._number = {packet: number for number, packet in enumerate(order)}

    def __len__(self) -> int:
        return len(self._order)

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Decode one picture, counted in the order they are shown: uint8 RGB (height, width, 3).

        Raises:
            ValueError: a packet it depends on is damaged.
        """
        with self._lock:
            try:
                return to_rgb(self._kept.get(number) or self._found(number))
            except self._damage as fault:
                self._restart(0)
                raise ValueError("the video is damaged at it or before it") from fault

    def _demux(self, data: bytes, elementary: str) -> tuple[list[Any], Any, list[int | None]]:
        """Packets in the order of decoding, each numbered; their decoder; when they are to be shown."""
        import av

        options = {**self._limits, "ignore_editlist": "1"}
        with av.open(io.BytesIO(data), format=_container(data) or elementary, options=options) as container:
            streams = [stream for stream in container.streams.video if stream.codec_context is not None]
            if not streams or streams[0].codec_context.name not in CODECS:
                raise ValueError("no MPEG-2, H.264 or HEVC video in it")
            packets = [packet for packet in container.demux(streams[0]) if packet.size]
            decoder = av.CodecContext.create(streams[0].codec_context.name, "r")
            decoder.extradata = streams[0].codec_context.extradata
        decoder.options, decoder.thread_count = dict(self._limits), 1
        times = [packet.pts for packet in packets]
        for number, packet in enumerate(packets):
            packet.pts = packet.dts = number  # decoders hand it on to the picture, which so says where it comes from
        return packets, decoder, times

    def _order_by_decoding(self) -> list[int]:
        """Packets in the order their pictures are shown, of a stream that has no times or two packets to a picture."""
        order = []
        while self._next <= len(self._packets):
            order += [picture.pts for picture in self._advance()]
        self._restart(0)
        return order

    def _key_before(self, number: int) -> int:
        """The last key frame that is neither decoded nor shown after a picture."""
        packet = self._order[number]
        keys = self._keys[: bisect_right(self._keys, packet)]
        return next((key for key in reversed(keys) if self._number.get(key, number + 1) <= number), 0)

    def _found(self, number: int) -> Any:
        """Decode a picture; a key frame that turns out to need earlier pictures is none from then on."""
        key = self._key_before(number)
        try:
            return self._found_from(key, number)
        except self._damage:
            if key in self._proved:
                raise
        self._proved.add(key)
        self._restart(0)
        found = self._found_from(0, number)
        self._keys.remove(key)
        return found

    def _found_from(self, key: int, number: int) -> Any:
        """Decode on to a picture, or from a key frame where that is the shorter way."""
        if number <= self._shown or key > self._next or key < self._from:
            self._restart(key)
        while self._next <= len(self._packets):
            for picture in self._advance():
                if picture.is_corrupt:
                    raise ValueError("a damaged picture")
                self._shown = self._number.get(picture.pts, self._shown)
                self._kept[self._shown] = picture
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            if number in self._kept:
                return self._kept[number]
        raise ValueError("a missing picture")

    def _restart(self, key: int) -> None:
        """Go to a key frame; pictures from before are forgotten by the decoder."""
        self._decoder.flush_buffers()
        self._from, self._next, self._shown = key, key, -1
        self._kept.clear()

    def _advance(self) -> list[Any]:
        """Decode one packet, after the last one what the decoder still holds; none to 16 pictures come of it."""
        packet = self._packets[self._next] if self._next < len(self._packets) else None
        self._next += 1
        return self._decoder.decode(packet)


def _order_by_times(times: list[int | None]) -> list[int] | None:
    """Packets in the order their pictures are shown; None where two share a time or one has none."""
    known = {time: packet for packet, time in enumerate(times) if time is not None}
    return [known[time] for time in sorted(known)] if len(known) == len(times) else None


def to_rgb(picture: Any) -> NDArray[np.uint8]:
    """A picture of PyAV as uint8 RGB (height, width, 3), with the matrix and the range that its stream names.

    Where it names none: BT.601 up to 576 lines and BT.709 above, as ITU-R wrote them for, and the limited range, which
    is DICOM's YBR_PARTIAL_420 (PS3.3 C.7.6.3.1.2).
    """
    full = picture.color_range == FULL or picture.format.name.startswith("yuvj")
    shown = picture.reformat(
        format="rgb24",
        src_colorspace=MATRICES.get(picture.colorspace, BT_709 if picture.height > LINES_OF_SD else BT_601),
        src_color_range=FULL if full else LIMITED,
        dst_color_range=FULL,
        interpolation=BICUBIC | FULL_CHROMA | EXACT,
        threads=1,  # threads would outlive the call, and end a forked process in a deadlock
    )
    return shown.to_ndarray()


def _container(data: bytes) -> str | None:
    """FFmpeg's name of the container; None for an elementary stream. Nothing else is tried: some formats name files."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return "mp4"
    if data[:1] == data[188:189] == b"\x47" or data[4:5] == data[196:197] == b"\x47":
        return "mpegts"
    if data.startswith(b"\0\0\1\xba"):
        return "mpeg"
    if data.startswith((b"\0\0\1", b"\0\0\0\1")):
        return None
    raise ValueError("no video begins there")
