"""The version of this package, here for itself, its bundles and its installer alike, and who makes it."""

__version__ = "0.1.0"
MANUFACTURER = "EchoCare, open"  # (0008,0070) of each DICOM object that it writes, by which it knows them again
