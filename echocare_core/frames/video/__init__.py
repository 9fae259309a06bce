"""Video to Frames: AVI, MP4, MKV and WebM files, and the streams that DICOM video holds, both through PyAV."""

from echocare_core.frames.video.read import read_video

__all__ = ["read_video"]
