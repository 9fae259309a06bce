"""The order of the stream: exact shares, whole passes, and nothing but the seed and the position decides."""

import ast
from pathlib import Path

import numpy as np
import pytest

from echocare_core.errors import SettingsError
from echocare_core.pretraining.data import order, permutation, shard_file, shards, splitmix64
from echocare_core.pretraining.data.order import BLOCK, MixedOrder, find_rows
from echocare_core.pretraining.data.permutation import hash_keys, permute

LENGTHS, WEIGHTS, WINDOWS = [1, 2, 10, 97, 1000], [1e-3, 1, 0.5, 4, 2], [1, 1, 4, 97, 30]


def mixed(**changed):
    return MixedOrder(**{"lengths": LENGTHS, "weights": WEIGHTS, "windows": WINDOWS, "seed": 7, **changed})


def rows_of_one(length, window, count, seed=7):
    """Rows that the first draws from one data set give."""
    same = np.ones(count, dtype=np.int64)
    return find_rows(np.arange(count), length * same, min(window, length) * same, np.repeat(hash_keys(seed), count))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 1000, 1024, 1025])
def test_a_keyed_shuffling_is_a_bijection(size):
    for key in hash_keys(0, np.arange(20)):
        shuffled = permute(np.arange(size), size, np.full(size, key))
        assert sorted(shuffled.tolist()) == list(range(size))


def test_every_shuffling_of_four_numbers_is_about_equally_frequent():
    keys = hash_keys(0, np.arange(24_000))
    shuffled = np.stack([permute(np.full(len(keys), value), 4, keys) for value in range(4)], axis=1)
    _, counts = np.unique(shuffled, axis=0, return_counts=True)
    assert len(counts) == 24
    assert counts.min() > 850
    assert counts.max() < 1150


def test_keys_are_the_published_numbers_of_splitmix64():
    """The first two outputs of the generator for the seed 1234567, as its reference implementation prints them."""
    golden = 0x9E3779B97F4A7C15
    assert [int(hash_keys(1234567 + step * golden)[0]) for step in (0, 1)] == [6457827717110365317, 3203168211198807973]


def plainly_permuted(value, size, key):
    """The Feistel network and its cycle walking, in Python's own integers."""
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    while True:
        left, right = value >> half, value % 2**half
        for turn in range(1, 7):
            mixed_bits = (right + key + turn * 0x9E3779B97F4A7C15) % 2**64
            mixed_bits = (mixed_bits ^ mixed_bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            mixed_bits = (mixed_bits ^ mixed_bits >> 27) * 0x94D049BB133111EB % 2**64
            left, right = right, left ^ (mixed_bits ^ mixed_bits >> 31) % 2**half
        value = left * 2**half + right
        if value < size:
            return value


@pytest.mark.parametrize("size", [2, 7, 4_500_000, 2**40 + 1])
def test_a_shuffling_is_that_of_the_plain_network(size):
    values, keys = np.random.default_rng(0).integers(0, size, 50), hash_keys(5, np.arange(50))
    expected = [plainly_permuted(int(value), size, int(key)) for value, key in zip(values, keys, strict=True)]
    assert permute(values, size, keys).tolist() == expected


@pytest.mark.parametrize(("seed", "parts"), [(1, [0, 0]), (0, [1, 0]), (0, [0, 1]), (0, [0]), (0, [0, 0, 0])])
def test_keys_differ_when_the_seed_or_any_part_does(seed, parts):
    assert hash_keys(seed, *parts) != hash_keys(0, 0, 0)


def test_keys_of_a_million_positions_are_distinct():
    assert len(np.unique(hash_keys(0, np.arange(1_000_000)))) == 1_000_000


@pytest.mark.parametrize("window", [1, 2, 3, 7, 8, 50, 99, 100, 1000])
@pytest.mark.parametrize("length", [1, 2, 9, 100])
def test_each_pass_meets_every_row_once(length, window):
    passes = rows_of_one(length, window, 5 * length).reshape(5, length)
    assert (np.sort(passes, axis=1) == np.arange(length)).all()


def test_each_pass_has_an_order_of_its_own():
    passes = rows_of_one(100, 1, 500).reshape(5, 100)
    assert len(np.unique(passes, axis=0)) == 5
    assert (passes[0] == passes[1]).sum() < 10


def test_two_data_sets_of_one_length_have_different_orders():
    data_set, row = MixedOrder([50, 50], [1, 1], windows=[1, 1], seed=0)(np.arange(10 * BLOCK))
    assert row[data_set == 0][:50].tolist() != row[data_set == 1][:50].tolist()


def test_rows_of_a_window_stay_together():
    rows = rows_of_one(length=95, window=10, count=95)
    windows = rows // 10
    changes = (np.diff(windows) != 0).sum()
    assert changes == 9  # ten windows, the last of five rows, each left once
    assert windows.tolist() != sorted(windows.tolist())
    assert rows[windows == 0].tolist() != list(range(10))


def test_the_short_last_window_has_its_turn_anywhere():
    turns = {rows_of_one(25, 10, 25, seed).tolist().index(20) // 10 for seed in range(50)}
    assert turns == {0, 1, 2}


def test_every_data_set_has_its_share_at_the_end_of_every_block():
    blocks = 300
    data_set, _ = mixed()(np.arange(blocks * BLOCK))
    counts = np.cumsum([np.bincount(part, minlength=5) for part in data_set.reshape(blocks, BLOCK)], axis=0)
    exact = np.outer(np.arange(1, blocks + 1) * BLOCK, np.array(WEIGHTS) / sum(WEIGHTS))
    assert np.abs(counts - exact).max() < 3  # the tree over five data sets has three levels


def test_the_rows_of_a_data_set_are_met_equally_often_in_the_mixed_stream():
    data_set, row = mixed()(np.arange(100 * BLOCK))
    for number, length in enumerate(LENGTHS):
        counts = np.bincount(row[data_set == number], minlength=length)
        assert len(counts) == length
        assert counts.max() - counts.min() <= 2  # the pass before and the pass after may both be unfinished


def test_a_data_set_of_tiny_weight_does_not_starve():
    data_set, _ = MixedOrder([10] * 9, [1e6] * 8 + [1e-9], windows=[1] * 9, seed=0)(np.arange(BLOCK))
    assert (data_set == 8).sum() == 1


def test_a_data_set_of_weight_one_in_ten_thousand_is_met_about_every_ten_thousand_places():
    data_set, _ = MixedOrder([10, 10], [9999, 1], windows=[1, 1], seed=0)(np.arange(100_000))
    assert np.abs(np.diff(np.flatnonzero(data_set == 1)) - 10_000).max() < 2 * BLOCK
    assert 9 <= (data_set == 1).sum() <= 11


def test_data_sets_are_mixed_without_a_repeating_pattern():
    data_set, _ = MixedOrder([10, 10], [1, 1], windows=[1, 1], seed=0)(np.arange(2 * BLOCK))
    assert 0.4 < (np.diff(data_set) != 0).mean() < 0.6
    assert (data_set[:BLOCK] != data_set[BLOCK:]).mean() > 0.4


def test_any_positions_in_any_order_give_what_the_whole_stream_gives():
    data_set, row = mixed()(np.arange(20_000))
    positions = np.random.default_rng(0).integers(0, 20_000, 5_000)
    own_data_set, own_row = mixed()(positions)
    assert (own_data_set == data_set[positions]).all()
    assert (own_row == row[positions]).all()


def test_one_position_at_a_time_gives_what_many_give():
    data_set, row = mixed()(np.arange(2000, 2050))
    one_by_one = [mixed()(np.array([position])) for position in range(2000, 2050)]
    assert [(int(a[0]), int(b[0])) for a, b in one_by_one] == list(zip(data_set.tolist(), row.tolist(), strict=True))


def test_no_positions_give_no_images():
    assert [part.tolist() for part in mixed()(np.array([], dtype=np.int64))] == [[], []]


def test_another_seed_gives_another_order():
    positions = np.arange(5000)
    assert (mixed(seed=8)(positions)[1] != mixed()(positions)[1]).mean() > 0.5


def test_positions_far_out_in_the_stream_are_found():
    data_set, row = mixed()(np.array([2**40, 2**61]))
    assert (row < np.array(LENGTHS)[data_set]).all()
    counts = np.bincount(mixed()(2**50 + np.arange(100 * BLOCK))[0], minlength=5)
    assert counts == pytest.approx(100 * BLOCK * np.array(WEIGHTS) / sum(WEIGHTS), abs=6)


@pytest.mark.parametrize("module", [splitmix64, permutation, order, shard_file, shards])
def test_order_and_shards_do_not_import_torch_themselves(module):
    nodes = list(ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert "__future__" in imported
    assert not any(name.split(".")[0] in ("torch", "monai") for name in imported)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"weights": [1, 1]}, "Found 5 lengths, 2 weights and 5 windows"),
        ({"lengths": [], "weights": [], "windows": []}, "Found 0 lengths"),
        ({"lengths": [1, 2, 0, 4, 5]}, "Data set 2 has length 0"),
        ({"weights": [1, 0, 1, 1, 1]}, "Data set 1 has length 2, weight 0"),
        ({"weights": [1, 1, float("nan"), 1, 1]}, "weight nan"),
        ({"weights": [1, 1, float("inf"), 1, 1]}, "weight inf"),
        ({"windows": [1, 1, 1, 1, 0]}, "window 0"),
    ],
)
def test_numbers_that_make_no_stream_are_refused(changed, found):
    with pytest.raises(SettingsError, match=found):
        mixed(**changed)


def test_a_position_below_zero_is_refused():
    with pytest.raises(SettingsError, match="Position -1 of the stream; needed 0 or more"):
        mixed()(np.array([3, -1]))
