"""Landmarks: the ends of axes, such as those of a fetal head, by heat-maps, and what is measured between them."""

from echocare_core.tasks.landmarks.columns import EndsOfColumnsd
from echocare_core.tasks.landmarks.crossed_axes import read_crossed_axes
from echocare_core.tasks.landmarks.head import measure_head_ends
from echocare_core.tasks.landmarks.heatmaps import EndsLoss, read_ends
from echocare_core.tasks.landmarks.output import EndsOutputd
from echocare_core.tasks.landmarks.score import build_nearness, errors_of_ends, score_ends, summarise_ends

__all__ = [
    "EndsLoss",
    "EndsOfColumnsd",
    "EndsOutputd",
    "build_nearness",
    "errors_of_ends",
    "measure_head_ends",
    "read_crossed_axes",
    "read_ends",
    "score_ends",
    "summarise_ends",
]
