"""Pictures stored as arrays of numbers to Frames: NIfTI and MetaImage."""

from echocare_core.frames.volume.metaimage import read_metaimage
from echocare_core.frames.volume.nifti import read_nifti

__all__ = ["read_metaimage", "read_nifti"]
