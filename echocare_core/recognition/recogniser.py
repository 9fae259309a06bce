"""The bundle that says what pictures show, called on the pictures of one file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from monai.data import MetaTensor

from echocare_core.bundle import find_bundle
from echocare_core.errors import BundleError
from echocare_core.outputs import only_output
from echocare_core.pretraining.organs.tree import OrganTree, read_tree
from echocare_core.recognition.within import BundleWithin
from echocare_core.tasks.classification import mean_scores
from echocare_core.tasks.recognition import NONE
from echocare_core.types import Output, Scores

RECOGNISER = "organ_classification"
QUESTION = "organ"  # to which its scores are the answer, with NONE as the class of what it does not know
TREE = Path("configs", "organ_tree.yaml")


class Shown(NamedTuple):
    """What a picture shows.

    Attributes:
        name: of the node of the organ tree, or `NONE`.
        probability: 0 to 1; of a node, among the nodes: where the picture shows one of them at all.
    """

    name: str
    probability: float

    @property
    def is_none(self) -> bool:
        """Whether it looks like nothing that is known."""
        return self.name == NONE


def shown_of(scores: Scores) -> Shown:
    """What scores of the question `QUESTION` say."""
    name = scores.answer
    known = 1.0 if name == NONE else 1 - scores.probabilities.get(NONE, 0.0)
    return Shown(name, scores.probabilities[name] / known)


def likeliest_of(scores: Scores) -> Shown | None:
    """The likeliest node, of a picture that looks like none too; None where scores have nothing left for any node."""
    known = {name: probability for name, probability in scores.probabilities.items() if name != NONE}
    whole = sum(known.values())
    if whole == 0:
        return None
    name = max(known, key=lambda one: known[one])
    return Shown(name, known[name] / whole)


def mean_of(scores: Sequence[Scores]) -> Scores:
    """The mean of some scores of one question."""
    return only_output(mean_scores([[one] for one in scores]), Scores, "What a file shows")


def few_frames(numbers: Sequence[int]) -> tuple[int, ...]:
    """The first, the middle and the last of some frames: what a cine shows hardly changes."""
    places = (0, len(numbers) // 2, len(numbers) - 1)
    return tuple(dict.fromkeys(numbers[place] for place in places))


def read_tree_of(folder: Path) -> OrganTree:
    """The organ tree of a bundle that says what pictures show.

    Raises:
        TableError: it has none.
    """
    return read_tree(folder / TREE)


class Recogniser:
    """A bundle whose configuration gives, for a picture, `Scores` of the question "organ" over nodes of its organ tree.

    Args:
        bundle: name or folder of the bundle.
        device: where to compute.

    Attributes:
        folder: of the bundle.
        tree: of its nodes.

    Raises:
        EchoCareError: no such bundle, or one that cannot be loaded.
    """

    def __init__(self, bundle: str | Path, device: str) -> None:
        self.folder = find_bundle(bundle)
        self.tree = read_tree_of(self.folder)
        self._within = BundleWithin(self.folder, device)

    def __call__(self, pictures: Sequence[MetaTensor]) -> Scores:
        """The probability of each node, its mean over some pictures of one file.

        Args:
            pictures: as `BundleWithin.outputs_of` takes them.

        Raises:
            BundleError: the bundle answers no such question.
        """
        return mean_of([self._scores_of(picture) for picture in pictures])

    def _scores_of(self, picture: MetaTensor) -> Scores:
        return organ_scores(self._within.outputs_of(picture), self.folder.name)


def organ_scores(outputs: tuple[Output, ...], bundle: str) -> Scores:
    """The scores that answer the question `QUESTION`; BundleError where there are none."""
    found = [one for one in outputs if isinstance(one, Scores) and one.name == QUESTION]
    if not found:
        raise BundleError(f"{bundle} says nothing of an {QUESTION}; needed Scores of that name. Choose another bundle.")
    return found[0]


def load_recogniser(bundle: str | Path, device: str) -> Recogniser:
    """`Recogniser`, the same for all that ask for a folder, by whatever name."""
    return _load(find_bundle(bundle).resolve(), device)


@lru_cache(maxsize=2)
def _load(folder: Path, device: str) -> Recogniser:
    return Recogniser(folder, device)
