"""What masks say of pixels: the states of each kind of pixel, written out by hand, and labels that are refused."""

import re

import numpy as np
import pytest

from echocare_core.errors import TableError
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.pixel_tree import PixelTree, read_pixel_labels
from echocare_core.pretraining.organs.tree import OrganTree

TREE = OrganTree(
    [
        *(Node(1, "abdomen"), Node(101, "liver", 1), Node(7, "thorax"), Node(701, "breast", 7)),
        Node(10001, "liver mass", 101, ("liver tumor",), structure=True),
        Node(10002, "necrosis of a liver mass", 10001, structure=True),
        Node(70001, "breast lesion", 701, structure=True),
    ]
)


def labels_of(*texts):
    return [read_pixel_labels(text, TREE) for text in texts]


def states(*texts):
    """Of each data set, what is known of each channel at value 0, 1, ... of its masks."""
    labels = labels_of(*texts)
    pixels = PixelTree(TREE, labels)
    names = [node.name for node in pixels.channels]
    found = [pixels.states[pixels.rows_of(each)[: max(each, default=-1) + 1]] for each in labels]
    return names, [rows.tolist() for rows in found]


def test_labels_are_read_by_name_synonym_or_id():
    (labels,) = labels_of(" 1 = Liver; 2=liver tumor;3=70001; ")
    assert {value: node.id for value, node in labels.items()} == {1: 101, 2: 10001, 3: 70001}


def test_no_text_is_no_labels():
    assert labels_of("", " ; ") == [{}, {}]


@pytest.mark.parametrize("text", ["liver", "1=", "=liver", "0=liver", "256=liver", "-1=liver", "a=liver", "1.5=liver"])
def test_a_label_of_another_form_is_refused(text):
    with pytest.raises(TableError, match=f"pixel_labels has '{re.escape(text)}'.*such as '1=liver; 2=liver mass'"):
        read_pixel_labels(text, TREE)


def test_a_value_given_twice_is_refused():
    with pytest.raises(TableError, match=r"'1=breast lesion'.*each once"):
        read_pixel_labels("1=liver; 1=breast lesion", TREE)


def test_a_structure_that_the_tree_does_not_have_is_refused_with_the_nearest():
    with pytest.raises(TableError, match=r"no 'breast leson'.*nearest names are breast lesion"):
        read_pixel_labels("1=breast leson", TREE)


def test_channels_are_what_some_data_set_outlines():
    assert states("1=breast lesion", "", "1=liver mass")[0] == ["liver mass", "breast lesion"]


def test_a_lesion_is_there_or_not_and_of_other_organs_nothing_is_known():
    _, (breast, liver) = states("1=breast lesion", "1=liver mass")
    assert breast == [[-1, 0], [-1, 1]]
    assert liver == [[0, -1], [1, -1]]


def test_a_mass_lies_in_the_liver_and_beside_the_liver_there_is_no_mass():
    names, (found,) = states("1=liver; 2=liver mass")
    assert names == ["liver", "liver mass"]
    assert found == [[0, 0], [1, 0], [1, 1]]


def test_a_set_that_outlines_masses_alone_says_of_the_liver_only_where_it_is_sure():
    _, (_, masses) = states("1=liver", "1=liver mass")
    assert masses == [[-1, 0], [1, 1]]


def test_what_lies_in_an_organ_is_unknown_inside_it_and_absent_beside_it():
    _, (livers, _) = states("1=liver", "1=liver mass; 2=necrosis of a liver mass")
    assert livers == [[0, 0, 0], [1, -1, -1]]


def test_two_values_may_show_the_same():
    _, (found,) = states("1=breast lesion; 3=breast lesion")
    assert found[1] == found[3] == [1]
    assert found[2] == [-1]  # no label


def test_row_0_knows_nothing_and_equal_pixels_of_two_sets_share_a_row():
    labels = labels_of("1=breast lesion", "2=70001")
    pixels = PixelTree(TREE, labels)
    assert pixels.states.tolist() == [[-1], [0], [1]]
    assert pixels.rows_of(labels[0])[:3].tolist() == [1, 2, 0]
    assert pixels.rows_of(labels[1])[:3].tolist() == [1, 0, 2]
    assert (pixels.states.dtype, pixels.rows_of(labels[0]).dtype) == (np.int8, np.uint8)


def test_ancestors_are_those_among_the_channels():
    pixels = PixelTree(TREE, labels_of("1=liver; 2=necrosis of a liver mass; 3=breast lesion"))
    assert pixels.ancestors.astype(int).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


def test_without_labels_there_are_no_channels():
    pixels = PixelTree(TREE, labels_of("", ""))
    assert (len(pixels), pixels.states.shape, pixels.ancestors.shape) == (0, (1, 0), (0, 0))


def test_more_kinds_of_pixels_than_a_byte_numbers_are_refused():
    nodes = [Node(1, "abdomen"), *(Node(number, f"part {number}", 1, structure=True) for number in range(10000, 10200))]
    tree = OrganTree(nodes)
    with pytest.raises(TableError, match="400 kinds of pixels"):
        PixelTree(tree, [{1: node} for node in tree.structures])


def test_other_labels_have_another_fingerprint():
    texts = [("1=liver",), ("1=liver; 2=liver mass",), ("1=liver", "1=liver mass"), ("1=breast lesion",)]
    assert len({PixelTree(TREE, labels_of(*each)).fingerprint for each in texts}) == len(texts)
    assert PixelTree(TREE, labels_of("1=liver")).fingerprint == PixelTree(TREE, labels_of("", "4=101")).fingerprint
