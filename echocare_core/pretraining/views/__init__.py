"""What the network is shown of a batch: augmented views and hidden patches, drawn by counter-based random numbers."""
