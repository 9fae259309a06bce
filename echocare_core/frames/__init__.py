"""Files to Frames: ultrasound DICOM, pictures, videos, NIfTI, MetaImage, NRRD; a file or an export, frame by frame."""

from echocare_core.frames.export import read_export
from echocare_core.frames.read import read_frames

__all__ = ["read_export", "read_frames"]
