"""Pictures stored as arrays of numbers to Frames: NIfTI, MetaImage and NRRD."""

from echocare_core.frames.volume.metaimage import read_metaimage
from echocare_core.frames.volume.nifti import read_nifti
from echocare_core.frames.volume.nrrd import read_nrrd

__all__ = ["read_metaimage", "read_nifti", "read_nrrd"]
