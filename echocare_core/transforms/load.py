"""Ultrasound files as tensors, one frame, a clip or a whole cine: upright, with calibration and times."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from numpy.typing import NDArray

from echocare_core.counting import counted
from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.frames.series import find_in_series, read_series
from echocare_core.transforms.in_memory import frames_of_pixels
from echocare_core.types import Frames

Source = str | Path | Frames | NDArray[Any] | torch.Tensor
UNKNOWN = math.nan
WHOLE_PICTURE = -1  # in place of a region's number


class LoadUltrasound(Transform):
    """A path, `Frames` already opened, or pixels in memory, to a tensor: any format of `read_frames`, or the folder of
    one series.

    The result is a MetaTensor float32 in [0, 255], upright (rows run down, columns to the right): MONAI's own readers
    hand pictures over as (width, height) and cines with time last.

    - `frames` None: one frame, (3, height, width), the one that the call names.
    - `frames` "all": the whole cine, (3, time, height, width).
    - `frames` N: a clip of N frames, (3, N, height, width), from the frame that the call names on, every `stride`th.
    - whatever `frames` is, the frames that the call names by their numbers: a clip (3, time, height, width).

    Its affine says what each axis is, as MONAI's writers need it: rows run to the back of MONAI's space (RAS), columns
    to the left, time upwards; a step is the spacing, 1 for time and where nothing calibrates a picture. So
    `Orientationd(keys, axcodes="LPS")` gives (channel, column, row, time), which `SaveImaged` writes upright, as PNG
    and as NIfTI with the spacing. Its meta holds

    - `filename_or_obj`, and `number_of_frames` of the file or, where a folder was given, of the series;
    - `frame` (0-based) and `frame_time_ms`: one number each for one frame, tensors (time,) for a clip; times are nan
      where the file does not say;
    - `spacing_mm` (row, column), nan where the file does not say;
    - `scan_box` (top, left, bottom, right), and `scan_region`: number of the region it is, -1 for the whole picture;
    - `recorded_size` (height, width) of the file's frames, of which reduced ones have a fraction, and `reduction`, by
      what both sides were divided: 1 where they were not;
    - `sop_instance_uid`, `series_instance_uid` and `study_instance_uid`, "" where the file names none.

    Args:
        frames: None, "all" or how many.
        stride: from one frame of a clip to the next; also thins out a whole cine.

    Raises:
        SettingsError: no such `frames` or `stride`, or a region the file does not have.
        UnreadableFrames: the file or a frame cannot be read, or the cine is shorter than the clip.
    """

    def __init__(self, frames: int | Literal["all"] | None = None, stride: int = 1) -> None:
        if not (frames is None or frames == "all" or (isinstance(frames, int) and frames > 0)) or stride < 1:
            raise SettingsError(
                f"LoadUltrasound got frames={frames!r} and stride={stride!r}; needed None, 'all' or a number above 0, "
                "and a stride above 0. Correct them."
            )
        self.frames, self.stride = frames, stride

    def __call__(
        self,
        source: Source,
        frame: int | Sequence[int] = 0,
        pixel_mm: float = UNKNOWN,
        scan_region: int | None = None,
    ) -> MetaTensor:
        """Load one file.

        Args:
            source: path of a file, the file already opened, or pixels in memory (`frames_of_pixels`); or the folder of
                a series, whose frames are counted through its files (`read_series`): what is loaded is of the one file
                that holds the first of them.
            frame: 0-based number of the frame, or of the first frame of a clip; or the numbers of all its frames.
            pixel_mm: spacing to assume where the file states none; nan for none.
            scan_region: number of the 2-D region to use in place of the one `Frames.scan_region` names, for dual
                pictures; it decides `scan_box` and `spacing_mm`.
        """
        opened, frame, total = _open(source, frame)
        if scan_region is not None:
            opened = opened.on_region(scan_region)
        is_named = isinstance(frame, Sequence)
        numbers = _named(opened, frame) if isinstance(frame, Sequence) else self._run(opened, frame)
        loaded = self._tensor(opened, numbers, pixel_mm, one=self.frames is None and not is_named)
        loaded.meta["number_of_frames"] = total
        return loaded

    def _run(self, opened: Frames, first: int) -> Sequence[int]:
        """Which frames to decode."""
        numbers = range(max(first, 0), len(opened), self.stride)
        count = 1 if self.frames is None else max(len(numbers), 1) if self.frames == "all" else self.frames
        needed = first + (count - 1) * self.stride + 1
        if first < 0 or len(opened) < needed:
            raise UnreadableFrames(
                opened.path,
                f"has {counted(len(opened), 'frame')}; frame {first + 1} to {needed} are "
                "needed. Record a longer loop, or ask for fewer.",
            )
        return numbers[:count]

    def _tensor(self, opened: Frames, numbers: Sequence[int], pixel_mm: float, one: bool) -> MetaTensor:
        """Decode frame by frame into one tensor, so that a long cine is in memory once."""
        pixels = torch.empty((3, len(numbers), *opened.size), dtype=torch.float32)
        for place, number in enumerate(numbers):
            pixels[:, place] = torch.from_numpy(np.ascontiguousarray(opened.pixels[number])).permute(2, 0, 1)
        row_mm, column_mm = opened.spacing_mm or (pixel_mm, pixel_mm)
        steps = (1.0, 1.0) if math.isnan(row_mm) else (row_mm, column_mm)
        recorded = opened.recorded_size or opened.size
        times_ms = [opened.frame_times_ms[number] if opened.frame_times_ms else UNKNOWN for number in numbers]
        meta = {
            "filename_or_obj": str(opened.path),
            "frame": numbers[0] if one else torch.tensor(numbers),
            "frame_time_ms": times_ms[0] if one else torch.tensor(times_ms, dtype=torch.float64),
            "spacing_mm": torch.tensor([row_mm, column_mm], dtype=torch.float64),
            "scan_box": torch.tensor(opened.scan_box),
            "recorded_size": torch.tensor(recorded),
            "reduction": math.ceil(recorded[0] / opened.size[0]),
            "scan_region": WHOLE_PICTURE if opened.scan_region is None else opened.scan_region,
            "sop_instance_uid": opened.instance_uid,
            "series_instance_uid": opened.series_uid,
            "study_instance_uid": opened.study_uid,
        }
        return MetaTensor(pixels[:, 0] if one else pixels, affine=frame_affine(*steps, is_clip=not one), meta=meta)


def _open(source: Source, frame: int | Sequence[int]) -> tuple[Frames, int | Sequence[int], int]:
    """The file that holds what is asked for, the numbers of that in it, and how many frames there are in all."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        opened = _opened(source)
        return opened, frame, len(opened)
    series = read_series(Path(source))
    first = frame[0] if isinstance(frame, Sequence) else frame
    opened, place = find_in_series(series, first)
    ahead = first - place  # frames of the files before it
    there = [number - ahead for number in frame] if isinstance(frame, Sequence) else place
    return opened, there, sum(map(len, series))


def _opened(source: Source) -> Frames:
    if isinstance(source, Frames):
        return source
    return read_frames(Path(source)) if isinstance(source, (str, Path)) else frames_of_pixels(source)


def frame_affine(row_mm: float, column_mm: float, *, is_clip: bool) -> torch.Tensor:
    """(4, 4): (row, column), or (time, row, column), to x, y and z of RAS, so that LPS is (column, row, time).

    Args:
        row_mm, column_mm: from one pixel to the next; 1 where nothing calibrates the picture.
        is_clip: whether time comes first.
    """
    affine = np.diag([0.0, 0.0, 1.0, 1.0])
    affine[:3, :3] = np.roll(affine[:3, :3], 1, axis=1) if is_clip else affine[:3, :3]
    affine[1, int(is_clip)], affine[0, 1 + int(is_clip)] = -row_mm, -column_mm
    return torch.from_numpy(affine)


def _named(opened: Frames, numbers: Sequence[int]) -> Sequence[int]:
    """The numbers of a clip, all of them frames of the file."""
    outside = [number for number in numbers if not 0 <= number < len(opened)]
    if outside or not numbers:
        wanted = f"number {outside[0]}, counted from 0, is" if outside else "none of them is"
        raise UnreadableFrames(opened.path, f"has {counted(len(opened), 'frame')}; {wanted} asked for. Ask for others.")
    return numbers


class LoadUltrasoundd(MapTransform):
    """`LoadUltrasound` on entries of an item, which it replaces.

    The item may carry `frame` (0-based, the first where absent; or the numbers of a clip's frames), `pixel_mm`
    (millimetres per pixel, which a PNG cannot hold; used only where the file itself gives none) and `scan_region` (the
    2-D region of a dual picture to use).

    Args:
        keys: which entries are paths, `Frames` or pixels.
        frames, stride: one frame, a clip or a whole cine, as for `LoadUltrasound`.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError, UnreadableFrames: as `LoadUltrasound`.
    """

    def __init__(
        self,
        keys: KeysCollection,
        frames: int | Literal["all"] | None = None,
        stride: int = 1,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.load = LoadUltrasound(frames, stride)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        region, frame = item.get("scan_region"), item.get("frame", 0)
        for key in self.key_iterator(item):
            item[key] = self.load(
                item[key],
                frame=tuple(int(one) for one in frame) if np.ndim(frame) else int(frame),
                pixel_mm=float(item.get("pixel_mm", UNKNOWN)),
                scan_region=None if region is None else int(region),
            )
        return item
