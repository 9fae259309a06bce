"""Copies of ultrasound objects that name nobody: attributes by PS3.15 Annex E, pixels without burned-in text."""

from echocare_core.privacy.copies import deidentify

__all__ = ["deidentify"]
