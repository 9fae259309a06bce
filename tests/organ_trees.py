"""Trees as lists of parents, and what a loss needs of them; written with loops, apart from the package."""

import torch

DEEP = [-1, 0, 1, 2, 3, 3, 1, -1, 7, 8, -1]  # five levels, leaves on levels 4, 4, 2, 2 and 0
PUBLISHED = [-1, -1, 0, 0, 1, 2, 2, 3, 4, -1]  # three levels, and a region without organs
FLAT = [-1, -1, -1, -1]
TREES = {"one level": FLAT, "three levels": PUBLISHED, "five levels": DEEP}


def lineage(parents, node):
    """A node and all above it."""
    return [] if node < 0 else [node, *lineage(parents, parents[node])]


def tree_tensors(parents):
    """Ancestors, bool (nodes, nodes), and lines, int64 (nodes, levels): coarse to fine, then -1."""
    everyone = range(len(parents))
    ancestors = torch.tensor([[above in lineage(parents, node) for above in everyone] for node in everyone])
    lines = [lineage(parents, node)[::-1] for node in everyone]
    levels = max(map(len, lines))
    return ancestors, torch.tensor([line + [-1] * (levels - len(line)) for line in lines])
