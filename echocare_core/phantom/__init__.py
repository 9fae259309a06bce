"""Simulated ultrasound whose truth is known: cines of the left ventricle, for what no open data set may be shipped."""

from echocare_core.phantom.cine import SimulatedCine, simulate_cine
from echocare_core.phantom.ventricle import Ventricle, draw_ventricle

__all__ = ["SimulatedCine", "Ventricle", "draw_ventricle", "simulate_cine"]
