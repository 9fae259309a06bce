"""Enhancement: what a worse scanner or setting has taken from a picture, put back pixel by pixel.

`network` corrects, `answer` puts the correction into the recorded frame, `score` says how near that is to an original.
"""

from echocare_core.tasks.enhancement.answer import EnhancementOutputd
from echocare_core.tasks.enhancement.network import EnhancementLoss, EnhancementNetwork
from echocare_core.tasks.enhancement.score import build_psnr, score_enhancement

__all__ = [
    "EnhancementLoss",
    "EnhancementNetwork",
    "EnhancementOutputd",
    "build_psnr",
    "score_enhancement",
]
