"""Several masks of one picture are one: their union, a file per label, or the later above the earlier."""

import numpy as np
import pytest

from echocare_core.errors import TableError
from echocare_core.transforms.mask import check_mask_size, read_mask

EMPTY = np.zeros((24, 32), dtype=np.uint8)


def box(top, left, value=1):
    values = EMPTY.copy()
    values[top : top + 6, left : left + 6] = value
    return values


@pytest.fixture
def files(png):
    """Writes masks and gives the cell that names them all."""
    return lambda *masks: ";".join(png(values, f"{number}.png") for number, values in enumerate(masks))


def test_with_one_label_it_is_their_union(files):
    read = read_mask(files(box(2, 2, 255), box(5, 5)), (24, 32), labels=2)
    np.testing.assert_array_equal(read, box(2, 2) | box(5, 5))


def test_a_file_per_label_is_numbered_in_the_order_of_the_cell(files):
    read = read_mask(files(box(2, 2, 255), EMPTY, box(12, 12)), (24, 32), labels=4)
    np.testing.assert_array_equal(read, box(2, 2) + box(12, 12, 3))


def test_a_file_per_label_may_hold_the_number_of_its_label(files):
    read = read_mask(files(box(2, 2), box(12, 12, 2)), (24, 32), labels=3)
    np.testing.assert_array_equal(read, box(2, 2) + box(12, 12, 2))


def test_where_files_of_a_label_overlap_the_later_one_is_kept_and_it_is_said_once(files, caplog):
    for _ in range(2):
        read = read_mask(files(box(2, 2), box(4, 4)), (24, 32), labels=3)
    assert (read[4:8, 4:8] == 2).all()
    assert (read == 1).sum() == 36 - 16
    assert len([line for line in caplog.messages if "overlap" in line]) == 1
    assert "whose labels overlap is read with the later label on top (1.png, and others like it)" in caplog.text


def test_files_of_several_labels_keep_their_numbers_the_later_on_top_and_it_is_said_once(files, caplog):
    for _ in range(2):
        read = read_mask(files(box(2, 2) + box(12, 12, 2), box(4, 4)), (24, 32), labels=3)
    assert (read[2:4, 2:8] == 1).all()
    assert (read == 2).sum() == 36
    assert sum("is read by their numbers" in one.message for one in caplog.records) == 1


def test_a_file_that_holds_the_number_of_another_place_is_read_by_it(files):
    read = read_mask(files(box(2, 2, 2), box(12, 12)), (24, 32), labels=3)
    np.testing.assert_array_equal(read, box(2, 2, 2) + box(12, 12))


def test_more_files_of_a_label_each_than_there_are_labels_are_refused(files):
    with pytest.raises(TableError, match=r"2\.png is 3 files of one label each; needed 2 at most, the first for label"):
        read_mask(files(EMPTY, EMPTY, EMPTY), (24, 32), labels=3)


def test_each_file_must_have_the_size_of_the_picture(files):
    with pytest.raises(TableError, match=r"1\.png has shape \(23, 32\); needed that of its image, \(24, 32\)"):
        check_mask_size(files(EMPTY, EMPTY[1:]), (24, 32))


def test_a_semicolon_with_nothing_behind_it_names_no_further_mask(png):
    np.testing.assert_array_equal(read_mask(f"{png(box(2, 2))}; ", (24, 32), labels=2), box(2, 2))


def test_a_file_whose_own_name_holds_a_semicolon_is_one_mask(png):
    np.testing.assert_array_equal(read_mask(png(box(2, 2), "a;b.png"), (24, 32), labels=2), box(2, 2))
