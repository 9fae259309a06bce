"""Names and numbers as two tables write them, matched where only one thing can be meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import NamedTuple

from echocare_core.errors import TableError

Form = Callable[[str], str]


class Match(NamedTuple):
    """What one name was found to mean.

    Attributes:
        found: the known name; None where there is none, or more than one.
        several: how many it could mean, where that is more than one.
    """

    found: str | None = None
    several: int = 0


class Matcher:
    """Finds names among known ones: as they are written first, then in forms that forgive more and more.

    A form by which a name could mean several known ones decides nothing: the name is ambiguous then.

    Args:
        known: names, each once.
        forms: from the strictest on.
    """

    def __init__(self, known: Iterable[str], forms: Sequence[Form]) -> None:
        self._forms, self._names = forms, tuple(dict.fromkeys(known))
        self._known: list[dict[str, list[str]]] = [{} for _ in forms]
        for name in self._names:
            for form, index in zip(forms, self._known, strict=True):
                if formed := form(name):
                    index.setdefault(formed, []).append(name)

    def find(self, name: str) -> Match:
        """The one known name that is meant."""
        for form, index in zip(self._forms, self._known, strict=True):
            found = index.get(form(name), [])
            if found:
                return Match(found[0]) if len(found) == 1 else Match(several=len(found))
        return Match()

    def of_bundle(self, name: str, found: str) -> str:
        """The one known name that is meant, of those that a bundle has.

        Args:
            name: as a label writes it.
            found: what the label has, in words, such as "a box of 'cist'".

        Raises:
            TableError: there is none, with the nearest; without a full stop.
        """
        one = self.find(name).found
        if one is None:
            near = nearest(name, self._names, 1)
            meant = f"did you mean {near[0]}? The bundle has" if near else "the bundle has"
            raise TableError(f"has {found}; {meant} {', '.join(self._names)}")
        return one


def _as_written(name: str) -> str:
    return name.strip()


def _without_signs(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def _without_zeros(name: str) -> str:
    """A number as spreadsheets leave it: 0012 as 12, and as 12.0."""
    plain = re.sub(r"^(\d+)\.0+$", r"\1", _without_signs(name))
    return re.sub(r"^0+(?=.)", "", plain)


def _path(name: str) -> str:
    return "/".join(part for part in name.strip().replace("\\", "/").split("/") if part not in ("", "."))


def _folded_path(name: str) -> str:
    return _path(name).casefold()


def _stem(name: str) -> str:
    return _without_ending(_folded_path(name).rpartition("/")[2])


def _without_ending(file: str) -> str:
    """A file's name without its ending; digits are none: files called by their UIDs differ in the last ones."""
    path = PurePosixPath(file)
    return path.stem if re.search("[a-z]", path.suffix) else file


def _is_tail(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether one of two paths ends as the other is, as EXPORT/ST1/IM1 does as ST1/IM1."""
    shorter = min(len(one), len(two))
    return list(one[-shorter:]) == list(two[-shorter:])


class PathMatcher:
    """Finds files by their paths: whole, then as one end of the other, then without their endings.

    Labels are often drawn on pictures that were made from the files; so the name without its ending counts at last.

    Args:
        known: name of a file -> the file; a file may have several names.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._by_stem: dict[str, list[tuple[str, str]]] = {}
        for name, file in known.items():
            self._by_stem.setdefault(_stem(name), []).append((name, file))

    def find(self, name: str) -> Match:
        """The one file that is meant."""
        could = [*self._by_stem.get(_stem(name), ()), *self._by_stem.get(_folded_path(name).rpartition("/")[2], ())]
        for same in (_same_path, _same_folded, _same_tail, _same_tail_without_ending):
            found = list(dict.fromkeys(file for known, file in could if same(known, name)))
            if found:
                return Match(found[0]) if len(found) == 1 else Match(several=len(found))
        return Match()


def _same_path(one: str, two: str) -> bool:
    return _path(one) == _path(two)


def _same_folded(one: str, two: str) -> bool:
    return _folded_path(one) == _folded_path(two)


def _same_tail(one: str, two: str) -> bool:
    return _is_tail(_folded_path(one).split("/"), _folded_path(two).split("/"))


def _same_tail_without_ending(one: str, two: str) -> bool:
    parts = [_folded_path(name).split("/") for name in (one, two)]
    return _is_tail(*[[*folders, _without_ending(file)] for *folders, file in parts])


IDS: tuple[Form, ...] = (_as_written, _without_signs, _without_zeros)
CLASSES = IDS  # of which some are numbers, such as categories of BI-RADS


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that are spelt most like a name."""
    folded = {one.casefold(): one for one in known}
    return [folded[one] for one in get_close_matches(name.casefold(), list(folded), n=most, cutoff=0.5)]
