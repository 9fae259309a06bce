"""An operator that reads a study folder: colour stills and the frames of cines, one after the other."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from holoscan.conditions import BooleanCondition
from monai.deploy.core import ExecutionContext, Fragment, Image, InputContext, Operator, OperatorSpec, OutputContext

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_export
from echocare_core.printable import printable
from echocare_core.types import Frames

_log = logging.getLogger(__name__)


class UltrasoundFramesOperator(Operator):
    """Emits every frame of a folder as an `Image`, for the SDK's own inference operator and for those of others.

    The SDK's loader of series takes grey volumes with a position in space, which ultrasound has not. Here a frame is
    uint8 RGB (height, width, 3), upright. Its metadata say `filename_or_obj`, `frame` (0-based), `frame_time_ms` (None
    where the file does not say), `spacing_mm` (row, column; nan where nothing calibrates it) and `scan_box`, which
    `LoadUltrasoundd` of a bundle reads in memory. What cannot be read is named in the log, and ends nothing.

    Named output:
        image: `monai.deploy.core.Image`, one each time it is run.

    Args:
        fragment: the application.
        input_folder: files of any depth, as `echocare_core.frames.read_export` takes them.
    """

    def __init__(self, fragment: Fragment, *args: Any, input_folder: Path, **kwargs: Any) -> None:
        self.input_folder = input_folder
        self.left = BooleanCondition(fragment, name="frames left")
        self._frames: Iterator[tuple[Frames, int]] | None = None
        super().__init__(fragment, self.left, *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """Called by the SDK."""
        spec.output("image")

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Emit the next frame that can be decoded; nothing, and never again, after the last.

        Raises:
            UnreadableFrames: nothing in the folder is usable.
        """
        if self._frames is None:
            self._frames = self._all_frames()
        for frames, number in self._frames:
            try:
                pixels = np.asarray(frames.pixels[number])
            except UnreadableFrames as fault:
                _say_aside(frames.path.name, str(fault))
            else:
                op_output.emit(Image(pixels, _metadata(frames, number)), "image")
                return
        self.left.disable_tick()

    def _all_frames(self) -> Iterator[tuple[Frames, int]]:
        export = read_export(self.input_folder)
        for aside in export.set_aside:
            _say_aside(aside.source, aside.reason)
        return ((frames, number) for frames in export.files for number in range(len(frames)))


def _metadata(frames: Frames, number: int) -> dict[str, Any]:
    return {
        "filename_or_obj": str(frames.path),
        "frame": number,
        "frame_time_ms": frames.frame_times_ms[number] if frames.frame_times_ms else None,
        "spacing_mm": frames.spacing_mm or (math.nan, math.nan),
        "scan_box": frames.scan_box,
    }


def _say_aside(source: str, reason: str) -> None:
    _log.warning("Set aside, %s: %s", printable(source), printable(reason))
