"""Drawn masks as files."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def png(tmp_path):
    """Writes an array as a PNG and returns its path."""

    def save(values, name: str = "mask.png") -> str:
        Image.fromarray(np.asarray(values)).save(tmp_path / name)
        return str(tmp_path / name)

    return save


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """What is said once was not yet said."""
    monkeypatch.setattr("echocare_core.transforms.said_once.SAID", set())
