"""Random numbers by counting: SplitMix64's own numbers, even, unrelated, and the same wherever they are drawn."""

import hashlib

import pytest
import torch

from echocare_core.pretraining.views.counter import normal, uniform

WORD = 2**64 - 1
STEP = 0x9E3779B97F4A7C15  # of SplitMix64 (Steele et al., OOPSLA 2014)
MANY = torch.arange(2000)


def finalised(state):
    """SplitMix64's finaliser on Python's integers."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & WORD
    return state ^ (state >> 31)


def number(seed, purpose, position, place):
    """The number of a place, counted from 1, in double precision."""
    start = int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little")
    image = finalised((position * STEP + start) & WORD)
    return (finalised((image + place * STEP) & WORD) >> 11) / 2**53


def correlation(one, other):
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_the_reference_gives_the_published_sequence():
    states = [1234567 + STEP * place & WORD for place in (1, 2, 3)]
    assert [finalised(state) for state in states] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("seed", [0, 20250912])
def test_the_numbers_are_those_of_splitmix64(seed):
    positions = [0, 1, 7, 2**40]
    drawn = uniform(seed, "mask 0", torch.tensor(positions), 5)
    wanted = [[number(seed, "mask 0", position, place) for place in range(1, 6)] for position in positions]
    assert torch.equal(drawn, torch.tensor(wanted, dtype=torch.float64).float())


def test_the_numbers_are_evenly_spread_from_0_to_below_1():
    drawn = uniform(1, "mask", MANY, 500)
    assert drawn.dtype == torch.float32
    assert float(drawn.min()) >= 0
    assert float(drawn.max()) < 1
    counts = torch.histc(drawn, bins=10, min=0, max=1) / drawn.numel()
    assert torch.allclose(counts, torch.full((10,), 0.1), atol=0.002)
    assert float(drawn.double().mean()) == pytest.approx(0.5, abs=0.002)
    assert float(drawn.double().var()) == pytest.approx(1 / 12, abs=0.0005)


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    drawn = normal(1, "speckle", MANY, 501).double()
    assert drawn.shape == (2000, 501)
    moments = [float((drawn**power).mean()) for power in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.03)
    assert float((drawn.abs() < 1).double().mean()) == pytest.approx(0.6827, abs=0.003)


@pytest.mark.parametrize("draw", [uniform, normal])
@pytest.mark.parametrize(
    "other",
    [(1, "view 1", MANY), (2, "view 0", MANY), (1, "view 0", MANY + 1), (1, "view 0", MANY + 2**32)],
    ids=["another purpose", "another seed", "the next position", "a far position"],
)
def test_numbers_are_unrelated_to_those_of(draw, other):
    assert abs(correlation(draw(1, "view 0", MANY, 200), draw(*other, 200))) < 0.01


@pytest.mark.parametrize("draw", [uniform, normal])
def test_neighbouring_numbers_of_an_image_are_unrelated(draw):
    drawn = draw(1, "view 0", MANY, 200)
    assert abs(correlation(drawn[:, 1:], drawn[:, :-1])) < 0.01


@pytest.mark.parametrize("draw", [uniform, normal])
def test_an_image_has_the_same_numbers_alone_in_a_slice_and_in_another_order(draw):
    whole = draw(3, "mask", MANY, 7)
    assert torch.equal(draw(3, "mask", MANY[500:600], 7), whole[500:600])
    assert torch.equal(draw(3, "mask", MANY[41:42], 7), whole[41:42])
    assert torch.equal(draw(3, "mask", MANY.flip(0), 7), whole.flip(0))


def test_the_first_numbers_do_not_depend_on_how_many_are_drawn():
    assert torch.equal(uniform(3, "mask", MANY, 3), uniform(3, "mask", MANY, 9)[:, :3])
