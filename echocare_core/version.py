"""The version of this package: here for itself, its bundles and its installer alike."""

__version__ = "0.1.0"
