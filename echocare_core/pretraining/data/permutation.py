"""Keyed shufflings of the numbers 0 to size - 1 that are computed, not stored.

A Feistel network over an even number of bits is a bijection whatever its round function (Luby & Rackoff, 1988). What
comes out at or above `size` goes through the network again (cycle walking; Black & Rogaway, 2002). The round function
is SplitMix64's finaliser. Results are those of integers, so every machine agrees.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from echocare_core.pretraining.data.splitmix64 import GOLDEN, mix_bits

Whole = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

ROUNDS = 6
STEP = np.uint64(GOLDEN % 2**64)


def hash_keys(key: int | Keys, *parts: int | Whole) -> Keys:
    """Draw a uniform 64-bit number for each key and its parts; the same ones always give the same number.

    Args:
        key: a seed (any integer, taken modulo 2^64), or what this function returned.
        parts: numbers at or above 0 that tell one draw from another; arrays are broadcast.

    Returns:
        uint64, of the common shape, at least one-dimensional.
    """
    state = np.array([key % 2**64], dtype=np.uint64) if isinstance(key, int) else key
    for part in parts:
        state = _mix(state + STEP) ^ np.atleast_1d(np.asarray(part)).astype(np.uint64)
    return _mix(state + STEP)


def permute(values: Whole, sizes: int | Whole, keys: Keys) -> Whole:
    """Say where the shuffling of each key puts each value.

    Args:
        values: int64 (n,), each at or above 0 and below its size.
        sizes: how many numbers are shuffled, 1 to 2^53; one for all, or (n,).
        keys: uint64 (n,), which shuffling.

    Returns:
        int64 (n,), below `sizes`; for one key and size a bijection.
    """
    sizes = np.broadcast_to(np.asarray(sizes, dtype=np.int64), values.shape)
    half_bits = np.maximum(1, (np.frexp(sizes - 1.0)[1] + 1) // 2).astype(np.uint64)  # frexp: the bits of sizes - 1
    result = values.astype(np.uint64)
    walking = np.flatnonzero(sizes > 1)
    while walking.size:
        result[walking] = _feistel(result[walking], half_bits[walking], keys[walking])
        walking = walking[result[walking] >= sizes[walking].astype(np.uint64)]
    return result.astype(np.int64)


def _feistel(values: Keys, half_bits: Keys, keys: Keys) -> Keys:
    mask = (np.uint64(1) << half_bits) - np.uint64(1)
    left, right = values >> half_bits, values & mask
    for _ in range(ROUNDS):
        keys = keys + STEP
        left, right = right, left ^ (_mix(right + keys) & mask)
    return (left << half_bits) | right


def _mix(state: Keys) -> Keys:
    mixed: Keys = mix_bits(state.view(np.int64)).view(np.uint64)
    return mixed
