"""A network that is exported in seconds, and how to compare what it gives."""

import pytest
import torch

from echocare_core.models import EncoderProfile
from echocare_core.optional import is_installed
from echocare_core.tasks.classification import ClassActivationNetwork
from echocare_core.tasks.segmentation import SegmentationNetwork

SIZE = (128, 192)
needs_openvino = pytest.mark.skipif(not is_installed("openvino"), reason="optional; comes with echocare[openvino]")
needs_nncf = pytest.mark.skipif(not is_installed("nncf"), reason="optional; comes with echocare[openvino]")
SMALLEST = EncoderProfile(
    embed_dim=8, depths=(1, 2, 1, 1), num_heads=(1, 1, 1, 1), patch_size=4, window_size=4
)  # the second stage has a shifted block


def small_network():
    """A segmentation network with random weights, the same each time, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return SegmentationNetwork(labels=2, encoder=SMALLEST, width=4, width_limit=8).eval()


def small_classifier():
    """A network with random weights, the same each time, that answers for each place of a picture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return ClassActivationNetwork(classes=3, encoder=SMALLEST, dropout=0.2).eval()


def distance(found, wanted):
    """Relative L2 distance."""
    return float((found.float() - wanted).norm() / wanted.norm())


def plainly(network, image):
    """What the network gives without gradients."""
    with torch.no_grad():
        return network(image)
