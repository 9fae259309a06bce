"""How the encoder learns.

`organs`, `data`, `views` and `losses` each import only from those before them; the modules beside them put the parts
together: the stages, the objective of a step, the trainer, its checkpoints and the evaluation.
"""
