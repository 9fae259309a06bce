"""The network of these tests."""

import pytest
import torch
from small_network import SIZE, small_network


@pytest.fixture
def network():
    return small_network()


@pytest.fixture
def image():
    """One image (1, 3, 128, 192)."""
    return torch.rand(1, 3, *SIZE)
