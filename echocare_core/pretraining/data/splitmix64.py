"""The counter-based hash under all random numbers of a pretraining: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).

It works alike on numpy arrays and on PyTorch tensors of int64, whose products wrap around at 64 bits.
"""

from __future__ import annotations

from typing import Any

GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # the step of the counter; an odd constant, as the two factors are
FACTORS = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64


def mix_bits(bits: Any) -> Any:
    """The finaliser: a bijection of 64 bits that makes counters into random numbers; int64 of any shape to the same."""
    bits = (bits ^ shift_right(bits, 30)) * FACTORS[0]
    bits = (bits ^ shift_right(bits, 27)) * FACTORS[1]
    return bits ^ shift_right(bits, 31)


def shift_right(bits: Any, by: int) -> Any:
    """Logical shift by 1 to 63 bits; the operator `>>` keeps the sign."""
    return (bits >> by) & (2 ** (64 - by) - 1)
