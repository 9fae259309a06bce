"""The terms of the loss, each summed over the batches of all processes."""
