"""What pictures show, by a bundle that was trained to say it, and for which of them other bundles are meant."""

from echocare_core.recognition.foreign import NoteForeignd
from echocare_core.recognition.meant import MeantFor, is_in_auto, read_meant_for
from echocare_core.recognition.outline import LookCloserd
from echocare_core.recognition.recogniser import RECOGNISER, Recogniser, Shown, load_recogniser, shown_of
from echocare_core.tasks.recognition import NONE

__all__ = [
    "NONE",
    "RECOGNISER",
    "LookCloserd",
    "MeantFor",
    "NoteForeignd",
    "Recogniser",
    "Shown",
    "is_in_auto",
    "load_recogniser",
    "read_meant_for",
    "shown_of",
]
