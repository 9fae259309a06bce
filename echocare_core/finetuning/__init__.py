"""A bundle trained further on a team's own images, in one call: table in, a bundle of its own and a page out."""

from echocare_core.finetuning.run import FineTuned, finetune

__all__ = ["FineTuned", "finetune"]
