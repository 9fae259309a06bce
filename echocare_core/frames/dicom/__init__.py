"""Ultrasound DICOM to Frames: header, pixel data in every transfer syntax that is read, colour, times and regions."""

from echocare_core.frames.dicom.read import read_dicom

__all__ = ["read_dicom"]
