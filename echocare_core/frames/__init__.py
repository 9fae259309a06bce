"""Files to Frames: ultrasound DICOM, PNG and JPEG, one file or a whole export, decoded one frame at a time."""

from echocare_core.frames.export import read_export
from echocare_core.frames.read import read_frames

__all__ = ["read_export", "read_frames"]
