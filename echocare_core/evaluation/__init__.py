"""How good a bundle is, with intervals: statistics that every task shares."""
