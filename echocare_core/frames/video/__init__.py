"""Video to Frames: AVI and MP4 files, and the streams that DICOM video holds, both through PyAV."""

from echocare_core.frames.video.read import read_video

__all__ = ["read_video"]
