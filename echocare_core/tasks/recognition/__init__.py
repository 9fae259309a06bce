"""Recognition: which body region, organ and view of the organ tree a picture shows, or that it is none of these.

The encoder is frozen; a linear layer on its pooled maps has a logit for each node of the tree that is known, and
`strangeness` says how far a picture lies from all that the layer was trained on. A node is never more probable than the
one above it (tree-min: Li et al., CVPR 2022, equation 4).
"""

from echocare_core.tasks.recognition.answer import NONE, Recognition, RecognitionOutputd, mean_recognition
from echocare_core.tasks.recognition.network import RecognitionNetwork, read_known_tree
from echocare_core.tasks.recognition.score import score_organ
from echocare_core.tasks.recognition.training import (
    NodeOfColumnd,
    RecognitionLoss,
    build_node_accuracy,
    fit_strangeness,
)

__all__ = [
    "NONE",
    "NodeOfColumnd",
    "Recognition",
    "RecognitionLoss",
    "RecognitionNetwork",
    "RecognitionOutputd",
    "build_node_accuracy",
    "fit_strangeness",
    "mean_recognition",
    "read_known_tree",
    "score_organ",
]
