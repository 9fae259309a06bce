"""Self-distillation: the network keeps what its teacher says of the same view.

With a teacher that stays what the network was at the start, labels of pixels are learned without the loss of what the
contrast had learned (compare learning without forgetting, Li and Hoiem, ECCV 2016; there it is the outputs that are
kept, here the features that users embed and probe).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_reduce_sum, world_size

LEAST_SPREAD = 1e-3  # of a feature, as a share of the mean of all


def feature_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between features, each in units of its standard deviation over the teacher's batches of all processes.

    Args:
        student, teacher: float (batch, channels), of the same views; the teacher's without gradient.

    Returns:
        This process's summand, float32.
    """
    student, teacher = student.float(), teacher.float()
    counted = all_reduce_sum(torch.full_like(teacher[0], len(teacher)))
    mean = all_reduce_sum(teacher.sum(0)) / counted
    spread = (all_reduce_sum((teacher - mean).square().sum(0)) / (counted - 1).clamp(min=1)).sqrt()
    spread = spread + LEAST_SPREAD * spread.mean()
    return functional.smooth_l1_loss(student / spread, teacher / spread) / world_size()
