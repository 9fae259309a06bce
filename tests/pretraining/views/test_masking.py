"""Hidden patches: inside the sector, as many as asked, hardest first, and the same in every batch."""

import pytest
import torch

from echocare_core.pretraining.views.counter import uniform
from echocare_core.pretraining.views.masking import choose_masked, enlarge, keep_one_of_four, patches_inside

POSITIONS = torch.arange(6)


def some_patches(rows=8, columns=8):
    """Candidates, random numbers and hardness of six images; the last two have a single candidate and two."""
    inside = torch.rand(6, rows, columns) < 0.6
    inside[4:] = False
    inside[4, 2, 3] = inside[5, 0, 0] = inside[5, 7, 7] = True
    return inside, uniform(0, "mask", POSITIONS, rows * columns), torch.randn(6, rows, columns)


def chosen_by_loops(inside, ratio, chances, hardness, hard_share):
    """One image: the hardest of the candidates, then those with the smallest random numbers."""
    candidates = [place for place in range(inside.numel()) if inside.flatten()[place]]
    hidden = max(1, min(round(ratio * len(candidates)), len(candidates) - 1))
    by_hardness = sorted(candidates, key=lambda place: -float(hardness.flatten()[place]))
    hard = by_hardness[: round(hidden * hard_share)]
    others = sorted(set(candidates) - set(hard), key=lambda place: float(chances[place]))
    return set(hard) | set(others[: hidden - len(hard)])


def places(masked):
    return set(masked.flatten().nonzero().flatten().tolist())


def test_a_patch_is_inside_when_half_of_it_shows_the_sector():
    sector = torch.zeros(1, 1, 4, 6)
    sector[..., :2, :2] = 1  # all of the first patch
    sector[..., 0, 2:4] = 1  # half of the second
    sector[..., 0, 4] = 1  # a quarter of the third
    assert patches_inside(sector, 2).tolist() == [[[True, True, False], [False, False, False]]]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32])
def test_an_image_without_a_sector_has_all_its_patches_and_others_keep_theirs(dtype):
    sector = torch.zeros(2, 1, 8, 8, dtype=dtype)
    sector[1, :, :4, :4] = 1
    assert [int(patches.sum()) for patches in patches_inside(sector, 4)] == [4, 1]


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.5, 0.75, 0.99])
@pytest.mark.parametrize("hard_share", [0.0, 0.5, 1.0])
def test_the_choice_is_that_of_loops_over_the_patches(ratio, hard_share):
    inside, chances, hardness = some_patches()
    masked = choose_masked(inside, ratio, chances, hardness, hard_share)
    assert masked.dtype == torch.bool
    assert masked.shape == inside.shape
    for image in range(len(inside)):
        wanted = chosen_by_loops(inside[image], ratio, chances[image], hardness[image], hard_share)
        assert places(masked[image]) == wanted


@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.99])
def test_something_is_hidden_and_something_stays_inside_the_sector(ratio):
    inside, chances, hardness = some_patches()
    masked = choose_masked(inside, ratio, chances, hardness, 0.5)
    assert not (masked & ~inside).any()
    assert masked.flatten(1).any(1).all()
    stays = (inside & ~masked).flatten(1).any(1)
    assert stays.tolist() == [True, True, True, True, False, True]  # a single candidate is hidden, one of two is not


def test_hardness_outside_the_sector_draws_no_mask():
    inside, chances, hardness = some_patches()
    loud = torch.where(inside, hardness, torch.full_like(hardness, 1e6))
    assert torch.equal(
        choose_masked(inside, 0.5, chances, loud, 0.5), choose_masked(inside, 0.5, chances, hardness, 0.5)
    )


def test_without_a_hard_share_the_predicted_loss_changes_nothing():
    inside, chances, hardness = some_patches()
    assert torch.equal(choose_masked(inside, 0.5, chances, hardness, 0.0), choose_masked(inside, 0.5, chances))


def test_a_growing_hard_share_hides_harder_patches():
    inside, chances, hardness = some_patches()
    means = [
        float(hardness[:4][choose_masked(inside, 0.5, chances, hardness, share)[:4]].mean())
        for share in (0.0, 0.5, 1.0)
    ]
    assert means == sorted(means)
    assert means[2] > means[0] + 0.5


def test_an_image_is_masked_the_same_alone_and_in_a_batch():
    inside, chances, hardness = some_patches()
    whole = choose_masked(inside, 0.5, chances, hardness, 0.5)
    for image in range(len(inside)):
        one = slice(image, image + 1)
        again = uniform(0, "mask", POSITIONS[one], 64)
        assert torch.equal(choose_masked(inside[one], 0.5, again, hardness[one], 0.5), whole[one])


def test_another_seed_or_position_hides_other_patches():
    inside = torch.ones(3, 8, 8, dtype=torch.bool)
    positions, seeds = torch.tensor([4, 4, 5]), (0, 1)
    first, second = (choose_masked(inside, 0.5, uniform(seed, "mask", positions, 64)) for seed in seeds)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])
    assert not torch.equal(first[0], second[0])


def test_enlarged_patches_keep_their_places():
    patches = torch.rand(2, 3, 4) < 0.5
    large = enlarge(patches, 5)
    assert large.shape == (2, 15, 20)
    assert all(large[1, row, column] == patches[1, row // 5, column // 5] for row in range(15) for column in range(20))


def test_of_each_block_the_patch_with_the_largest_number_stays_one_inside_first():
    inside, chances, _ = some_patches()
    inside = inside[:, :, :6]
    grid = chances[:, :48].view(6, 8, 6)
    kept = ~keep_one_of_four(inside, grid.flatten(1))
    for image in range(6):
        for row in range(0, 8, 2):
            for column in range(0, 6, 2):
                block = [(row + down, column + across) for down in (0, 1) for across in (0, 1)]
                eligible = [place for place in block if inside[image][place]] or block
                wanted = max(eligible, key=lambda place: float(grid[image][place]))
                assert [place for place in block if kept[image][place]] == [wanted]
