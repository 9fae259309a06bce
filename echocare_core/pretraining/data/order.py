"""Which image stands where in the stream that a pretraining reads: a pure function of the seed and the position.

Nothing is stored or drawn in advance, so going on at any position, any number of workers and any number of processes
give the same stream, and a data set of 4.5 million images costs what one of ten costs.

Data sets share the stream by a tree that halves their list at each level. Of the first n places of a node, floor(n * q)
are the left half's, q being its share of the node's weight, and the others the right half's. Both counts only grow with
n, so each place has one data set, and a data set's count is off its exact share by less than one for each level. Before
that, the positions of each block of 1,024 are shuffled, so that the pattern does not repeat.

The places of one data set are its draws 0, 1, 2 and so on; each run of `length` draws is a pass and meets every row
once. In each pass the data set's windows of consecutive rows come in a new order, and so do the rows inside a window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from echocare_core.errors import SettingsError
from echocare_core.pretraining.data.permutation import Keys, Whole, hash_keys, permute

BLOCK = 1024
SHARE_BITS = 32  # q is a whole multiple of 2^-32, so that places are counted in integers
BLOCKS, DATA_SETS, SHORT, WINDOWS, ROWS = range(5)  # what a key is for


class MixedOrder:
    """The order in which the images of several data sets stand in one endless stream.

    Args:
        lengths: rows of each data set, at least 1.
        weights: of each data set, above 0; their ratios are the ratios of the data sets' places.
        windows: how many consecutive rows of each data set stay together in a pass. 1 shuffles completely; where rows
            lie in shards, a window of a few shards keeps reads close to each other.
        seed: another seed, another order.

    Raises:
        SettingsError: no data set, lists of different lengths, or a value out of its range.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], *, windows: Sequence[int], seed: int) -> None:
        _check_numbers(lengths, weights, windows)
        self.seed = seed
        self.lengths = np.array(lengths, dtype=np.int64)
        self.windows = np.minimum(np.array(windows, dtype=np.int64), self.lengths)
        self._left_shares = _left_shares(weights)

    def __call__(self, positions: Whole) -> tuple[Whole, Whole]:
        """Find the image at each position.

        Args:
            positions: int64 (n,), at or above 0, in any order.

        Returns:
            Number of the data set and number of the row in it, each int64 (n,).

        Raises:
            SettingsError: a position below 0.
        """
        positions = np.asarray(positions, dtype=np.int64)
        if (positions < 0).any():
            raise SettingsError(f"Position {positions.min()} of the stream; needed 0 or more. Count from 0.")
        block, place = np.divmod(positions, BLOCK)
        data_set, draw = self._draws(block * BLOCK + permute(place, BLOCK, hash_keys(self.seed, BLOCKS, block)))
        keys = hash_keys(self.seed, DATA_SETS, data_set)
        return data_set, find_rows(draw, self.lengths[data_set], self.windows[data_set], keys)

    def _draws(self, place: Whole) -> tuple[Whole, Whole]:
        """Data set of each place, and how many earlier places that data set has."""
        node = np.ones_like(place)
        for _ in range(len(self._left_shares).bit_length() - 1):  # levels of the tree
            share = self._left_shares[node]
            left = _portion(place, share)
            is_left = _portion(place + 1, share) > left
            place = np.where(is_left, left, place - left)
            node = 2 * node + ~is_left
        return node - len(self._left_shares), place


def find_rows(draws: Whole, lengths: Whole, windows: Whole, keys: Keys) -> Whole:
    """Find the row that each draw from a data set gives.

    Args:
        draws: int64 (n,), at or above 0; number of earlier draws from the same data set.
        lengths: int64 (n,), rows of the data set.
        windows: int64 (n,), rows that stay together in a pass, 1 to the length.
        keys: uint64 (n,), of the data set.

    Returns:
        int64 (n,), row in the data set; a bijection of the draws of each pass.
    """
    passes, turn = np.divmod(draws, lengths)
    key = hash_keys(keys, passes)
    whole, rest = np.divmod(lengths, windows)  # windows of full size, and the rows of the short one at the end
    # The short window has its turn before, between or after the others, which are shuffled without it.
    short = (hash_keys(key, SHORT) % (whole + 1).astype(np.uint64)).astype(np.int64) * windows
    in_short = (turn >= short) & (turn < short + rest)
    number, offset = np.divmod(np.where(turn < short, turn, turn - rest), windows)
    shuffled = permute(np.where(in_short, 0, number), whole, hash_keys(key, WINDOWS))
    number = np.where(in_short, whole, shuffled)
    offset = np.where(in_short, turn - short, offset)
    return number * windows + permute(offset, np.where(in_short, rest, windows), hash_keys(key, ROWS, number))


def _portion(places: Whole, share: Whole) -> Whole:
    """floor(places * share / 2^32), without overflow."""
    high, low = np.divmod(places.astype(np.uint64), np.uint64(2**SHARE_BITS))
    part = share.astype(np.uint64)
    return (high * part + (low * part >> np.uint64(SHARE_BITS))).astype(np.int64)


def _left_shares(weights: Sequence[float]) -> Whole:
    """Share of the left child of each inner node of a whole binary tree; node 1 is the root, i has 2 i and 2 i + 1."""
    leaves = 2 ** (len(weights) - 1).bit_length()
    sums = [0.0] * leaves + [*weights] + [0.0] * (leaves - len(weights))
    shares = [0] * leaves
    for node in range(leaves - 1, 0, -1):
        left, right = sums[2 * node], sums[2 * node + 1]
        sums[node] = left + right
        part = round(left / sums[node] * 2**SHARE_BITS) if sums[node] else 0
        # However light a data set is, it has a place now and then.
        shares[node] = min(max(part, 1), 2**SHARE_BITS - 1) if left and right else part
    return np.array(shares, dtype=np.int64)


def _check_numbers(lengths: Sequence[int], weights: Sequence[float], windows: Sequence[int]) -> None:
    if not len(lengths) == len(weights) == len(windows) > 0:
        raise SettingsError(
            f"Found {len(lengths)} lengths, {len(weights)} weights and {len(windows)} windows; needed one of each for "
            f"every data set, and a data set. Complete them."
        )
    for number, (length, weight, window) in enumerate(zip(lengths, weights, windows, strict=True)):
        if length < 1 or window < 1 or not 0 < weight < math.inf:
            raise SettingsError(
                f"Data set {number} has length {length}, weight {weight} and window {window}; needed at least 1 row, a "
                f"weight above 0 and a window of at least 1 row. Correct it or leave the data set out."
            )
