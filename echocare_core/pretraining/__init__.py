"""How the encoder learns: the organ tree, the data, the losses, the stages and the training itself."""
