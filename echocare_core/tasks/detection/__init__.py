"""Detection: a box around each object of a few classes, on an encoder, a feature pyramid and MONAI's RetinaNet.

`network` looks, `coding` says what its output means and trains it, `truth` makes boxes of drawn masks, `answer` chooses
boxes and brings them back to the recorded frame, `score` says how good they are.
"""

from echocare_core.tasks.detection.answer import BoxChoice, DetectionOutputd
from echocare_core.tasks.detection.coding import BoxCoding, DetectionLoss
from echocare_core.tasks.detection.network import DetectionNetwork
from echocare_core.tasks.detection.score import MeanAveragePrecision, drawn_boxes, score_boxes, summarise_boxes
from echocare_core.tasks.detection.truth import BoxesOfMaskd, Drawing

__all__ = [
    "BoxChoice",
    "BoxCoding",
    "BoxesOfMaskd",
    "DetectionLoss",
    "DetectionNetwork",
    "DetectionOutputd",
    "Drawing",
    "MeanAveragePrecision",
    "drawn_boxes",
    "score_boxes",
    "summarise_boxes",
]
