"""The folder of one series, as a viewer's server keeps it: its frames counted through all its files."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

from echocare_core.counting import counted
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.export import walk_export
from echocare_core.frames.read import read_frames
from echocare_core.types import Frames

LAST = 1 << 31  # place of a file without InstanceNumber, which has 31 bits at most (PS3.5 6.2, IS)


def read_series(folder: Path) -> tuple[Frames, ...]:
    """Read the headers of the stills and cines of one series.

    Args:
        folder: of its files alone; those that show no picture, such as reports, are passed over.

    Returns:
        One entry for each file, in the order of Instance Number (0020,0013), then of names.

    Raises:
        UnreadableFrames: the folder cannot be listed, or no file in it can be read; the reason is that of the first.
    """
    found: list[tuple[int, str, Frames]] = []
    faults: list[UnreadableFrames] = []
    for path in walk_export(folder, faults.append):
        try:
            found.append((_instance_number(path), path.name, read_frames(path)))
        except UnreadableFrames as fault:
            faults.append(fault)
    if not found:
        why = faults[0].reason if faults else "holds no file. Fetch the series again."
        raise UnreadableFrames(faults[0].path if faults else folder, why)
    return tuple(frames for *_, frames in sorted(found, key=lambda one: one[:2]))


def find_in_series(series: tuple[Frames, ...], frame: int) -> tuple[Frames, int]:
    """Which file holds a frame, and its number there.

    Args:
        series: of `read_series`.
        frame: 0-based number, counted through all files.

    Raises:
        UnreadableFrames: the series has fewer frames.
    """
    left = frame
    for frames in series:
        if 0 <= left < len(frames):
            return frames, left
        left -= len(frames)
    total = sum(map(len, series))
    raise UnreadableFrames(
        series[0].path.parent,
        f"has {counted(total, 'frame')}; number {frame}, counted from 0, is asked for. Ask for another.",
    )


def _instance_number(path: Path) -> int:
    """Where the file stands in its series; behind all others where it does not say."""
    try:
        return int(dcmread(path, stop_before_pixels=True, specific_tags=["InstanceNumber"]).InstanceNumber)
    except Exception:  # noqa: BLE001  (whatever a header that is none, or is damaged, makes pydicom raise)
        return LAST
