"""MONAI Label: what a bundle's answer looks like there, and a server that trains, infers and says what to draw next.

`answer` is part of a bundle's configuration and needs no MONAI Label; `start` makes the folder that a server runs from;
the other modules are imported by the server alone.
"""
