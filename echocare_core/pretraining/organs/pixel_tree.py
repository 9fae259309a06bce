"""What the masks of a training say of its pixels: which structures, and for each kind of pixel what is known of them.

A data set says by its labels what the values of its masks mean, and nothing else. What nobody outlined is neither
there nor not there: it is unknown, and no loss is made of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import TableError
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import OrganTree

PRESENT, ABSENT, UNKNOWN_STATE = 1, 0, -1
LARGEST_VALUE = 255  # of a mask, and of a row of states
PixelLabels = Mapping[int, Node]


class PixelTree:
    """The nodes that the masks of a training outline, and what is known of each at each kind of pixel.

    A pixel with the label v is inside v and whatever stands above it, and outside every other node that its data set
    outlines. One without a label is outside all of these. What stands below an outlined node that the pixel is outside
    of is absent too; the rest is unknown.

    Args:
        tree: of organs.
        labels: of each data set, the node that each value of its masks, from 1, shows; empty for one without masks.

    Attributes:
        channels: nodes that some data set outlines, in order of ids; what none outlines would only ever be present.
        ancestors: bool (channels, channels), [v, u] True where u is v or stands above it.
        states: int8 (rows, channels), 1 present, 0 absent, -1 unknown; in row 0 all is unknown.

    Raises:
        TableError: more kinds of pixels than a byte numbers.
    """

    def __init__(self, tree: OrganTree, labels: Sequence[PixelLabels]) -> None:
        outlined = {node.id: node for each in labels for node in each.values()}
        self.channels = tuple(outlined[number] for number in sorted(outlined))
        self._lines = {node.id: tree.lineage(node.id) for node in self.channels}
        self.ancestors: NDArray[np.bool_] = np.array(
            [[above.id in self._lines[node.id] for above in self.channels] for node in self.channels], dtype=np.bool_
        ).reshape(len(self), len(self))
        self._rows = {(UNKNOWN_STATE,) * len(self): 0}
        for each in labels:
            for value in (0, *each) if each else ():
                self._rows.setdefault(self._states_of(each, value), len(self._rows))
        if len(self._rows) > LARGEST_VALUE + 1:
            raise TableError(
                f"The pixel_labels tell {len(self._rows) - 1} kinds of pixels apart; needed {LARGEST_VALUE} at most. "
                f"Leave some out."
            )
        self.states: NDArray[np.int8] = np.array(list(self._rows), dtype=np.int8).reshape(len(self._rows), len(self))

    def __len__(self) -> int:
        """How many channels there are; 0 where no data set has pixel labels."""
        return len(self.channels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of channels and states, by which weights of other pixel labels are told apart."""
        described = [[node.id for node in self.channels], self.ancestors.tolist(), self.states.tolist()]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()

    def rows_of(self, labels: PixelLabels) -> NDArray[np.uint8]:
        """The row of states of each value of a data set's masks, uint8 (256,): 0, all unknown, of values without label.

        Args:
            labels: one of those that this was made of.
        """
        rows = np.zeros(LARGEST_VALUE + 1, dtype=np.uint8)
        for value in (0, *labels):
            rows[value] = self._rows[self._states_of(labels, value)]
        return rows

    def _states_of(self, labels: PixelLabels, value: int) -> tuple[int, ...]:
        inside = self._lines[labels[value].id] if value else ()
        outside = [node.id for node in labels.values() if node.id not in inside]
        return tuple(_state(self._lines[node.id], inside, outside) for node in self.channels)


def read_pixel_labels(text: str, tree: OrganTree) -> dict[int, Node]:
    """Read what the values of a data set's masks show.

    Args:
        text: such as "1=liver; 2=liver mass": a value of the mask, 1 to 255, and a node by name, synonym or id.
        tree: of organs.

    Returns:
        The node of each value; none for an empty text.

    Raises:
        TableError: text of another form, a value given twice or out of range, or a node that the tree does not have.
    """
    labels: dict[int, Node] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        value, sign, name = (word.strip() for word in part.partition("="))
        if not sign or not name or not value.isdecimal() or not 0 < int(value) <= LARGEST_VALUE or int(value) in labels:
            raise TableError(
                f"pixel_labels has '{part}'; needed a value of the mask, 1 to {LARGEST_VALUE} and each once, with the "
                f"structure it shows, such as '1=liver; 2=liver mass'. Correct it."
            )
        labels[int(value)] = tree.find_outlined(name)
    return labels


def check_structures(labels: PixelLabels, organs: Collection[int], tree: OrganTree) -> None:
    """Refuse a structure of an organ that a data set does not show, such as a liver mass in images of breasts.

    What stands above or below what the images show is let through, and so is an organ that is outlined as a whole: the
    vein beside the artery is seen in an image of the artery.

    Args:
        labels: of the data set.
        organs: indices of what its images show.
        tree: of organs.

    Raises:
        TableError: such a structure; it names the value and both organs.
    """
    for value, node in labels.items():
        organ = tree.shown_with(node)
        if node in tree.structures and not any(
            tree.ancestors[organ, one] | tree.ancestors[one, organ] for one in organs
        ):
            shown = ", ".join(sorted(tree.nodes[one].name for one in organs))
            raise TableError(
                f"pixel_labels has '{value}={node.name}', a structure of {tree.nodes[organ].name}, and the images show "
                f"{shown}; needed a structure of what they show. Correct pixel_labels, or the organ."
            )


def _state(line: Collection[int], inside: Collection[int], outside: Collection[int]) -> int:
    """What is known of a node, given its line, at a pixel inside some nodes and outside others."""
    if not set(line).isdisjoint(outside):
        return ABSENT
    return PRESENT if next(iter(line)) in inside else UNKNOWN_STATE
