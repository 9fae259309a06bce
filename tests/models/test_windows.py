"""Index tables: what stands in which window, told apart from how the published code cuts its windows."""

import pytest
import torch

from echocare_core.models.windows import MASKED, stage_layout

CPU = torch.device("cpu")
SIZES = [(16, 16), (8, 24), (5, 5), (11, 17), (8, 8), (3, 20)]


def numbered(batch, height, width):
    """Rows whose single channel counts from 1, so that 0 is padding."""
    return torch.arange(1.0, batch * height * width + 1).view(-1, 1)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("batch", [1, 3])
def test_every_token_enters_once_and_comes_back(batch, height, width):
    layout = stage_layout(batch, height, width, 8, CPU)
    rows = numbered(batch, height, width)
    inside = layout.window_partition(rows)
    assert sorted(inside[inside > 0].tolist()) == rows.flatten().tolist()
    back = layout.window_partition.target[layout.window_partition.target < len(inside)]
    assert torch.equal(inside[back], rows)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (11, 17), (3, 20)])
def test_swapping_twice_changes_nothing(height, width):
    layout = stage_layout(2, height, width, 8, CPU)
    inside = layout.window_partition(numbered(2, height, width))
    assert torch.equal(layout.cyclic_shift[1](layout.cyclic_shift[0](inside)), inside)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (1, 8)])
def test_a_map_of_one_window_is_not_shifted(height, width):
    layout = stage_layout(1, height, width, 8, CPU)
    assert layout.cyclic_shift is None
    assert layout.window == (height, width)
    assert layout.partitions[0] == layout.partitions[1]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_neighbours_leave_together_column_by_column_with_zeros_beyond_an_odd_edge(height, width):
    layout = stage_layout(2, height, width, 8, CPU)
    rows = numbered(2, height, width)
    grid = torch.nn.functional.pad(rows.view(2, height, width), (0, width % 2, 0, height % 2))
    wanted = [
        grid[image, row + i, column + j]
        for image in range(2)
        for row in range(0, height, 2)
        for column in range(0, width, 2)
        for j in (0, 1)
        for i in (0, 1)
    ]
    inside = layout.window_partition(rows)
    assert layout.window_reverse[0](inside).flatten().tolist() == wanted
    assert (
        layout.window_reverse[1](layout.cyclic_shift[0](inside) if layout.cyclic_shift else inside).flatten().tolist()
        == wanted
    )


@pytest.mark.parametrize(("height", "width"), [(16, 24), (13, 22), (3, 22)])
def test_in_shifted_windows_only_tokens_that_are_near_each_other_meet(height, width):
    layout = stage_layout(1, height, width, 8, CPU)
    inside = (
        layout.cyclic_shift[0](layout.window_partition(numbered(1, height, width))).view(-1, layout.tokens).long() - 1
    )
    row, column, real = inside // width, inside % width, inside >= 0
    masks = torch.cat(
        [layout.attention_masks[1][kind].expand(count, -1, -1) for kind, count in enumerate(layout.partitions[1].kinds)]
    )
    meet = (masks == 0) & real[:, :, None] & real[:, None, :]
    distance = torch.maximum((row[:, :, None] - row[:, None]).abs(), (column[:, :, None] - column[:, None]).abs())
    assert int(distance[meet].max()) == 7
    parted = (masks == MASKED) & real[:, :, None] & real[:, None, :]
    assert int(distance[parted].min()) >= 8


def test_each_image_of_a_batch_has_its_own_windows():
    layout = stage_layout(3, 16, 16, 8, CPU)
    image_of = layout.window_partition((torch.arange(3 * 256) // 256).float().view(-1, 1)).view(-1, 64)
    for windows in (image_of, layout.cyclic_shift[0](image_of.reshape(-1, 1)).view(-1, 64)):
        assert torch.equal(windows.amin(1), windows.amax(1))


def test_the_real_tokens_of_a_padded_map_are_marked_in_both_partitions():
    layout = stage_layout(2, 11, 17, 8, CPU)
    inside = layout.window_partition(numbered(2, 11, 17))
    for rows, partition in zip((inside, layout.cyclic_shift[0](inside)), layout.partitions, strict=True):
        assert torch.equal((rows > 0).float().view_as(partition.real), partition.real)


def test_a_part_of_a_partition_counts_its_own_windows():
    partition = stage_layout(2, 24, 24, 8, CPU).partitions[1]
    assert partition.kinds == (8, 4, 4, 2)
    assert partition.part(6, 13).kinds == (2, 4, 1, 0)
    assert list(partition.part(6, 13).spans()) == [(0, 2, 0), (2, 6, 1), (6, 7, 2)]


def test_the_gradient_of_a_move_is_the_move_back():
    layout = stage_layout(2, 11, 17, 8, CPU)
    rows = torch.randn(2 * 11 * 17, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layout.window_partition, rows)
    inside = layout.window_partition(rows.detach()).requires_grad_()
    assert torch.autograd.gradcheck(
        layout.window_reverse[0], inside[:128].detach().repeat(6, 1)[: len(inside)].requires_grad_()
    )
