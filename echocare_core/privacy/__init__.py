"""Copies of ultrasound objects that name nobody: attributes by PS3.15 Annex E, pixels without burned-in text."""

from echocare_core.privacy.copies import deidentify
from echocare_core.privacy.trace import trace

__all__ = ["deidentify", "trace"]
