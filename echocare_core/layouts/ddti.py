"""DDTI: cases of the thyroid, each an XML document with TI-RADS and outlines, with its pictures beside it.

Pedraza et al. 2015, https://doi.org/10.1117/12.2073532.

    N.xml         <case> with <tirads>, and of a picture <mark><image>M</image><svg>outlines, JSON</svg></mark>
    N_M.jpg       picture M of case N
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from echocare_core.errors import TableError
from echocare_core.layouts.document import read_document, text_of
from echocare_core.layouts.found import PICTURES, TIRADS, Contents, Found, Layout, below, files_below
from echocare_core.layouts.masks import Outline, draw_outlines
from echocare_core.types import SetAside

NAME = "ddti"
ENCLOSES = 3  # points; fewer are a slip of the hand
FARTHEST = 100_000.0  # pixels


@dataclass(frozen=True)
class Case:
    """What a document says of a case that a table needs; its age and sex are not read.

    Attributes:
        tirads: as it stands.
        outlines: of each picture, by what stands behind the _ in its name.
    """

    tirads: str
    outlines: dict[str, list[Outline]]


def read_ddti(folder: Path) -> Contents:
    """Read DDTI, in a folder or in folders below it.

    Raises:
        TableError: there is no document.
    """
    documents = files_below(folder, (".xml",))
    if not documents:
        raise TableError(
            f"{folder} has no XML document; {NAME} needs N.xml with the pictures N_M.jpg beside it. Give the folder "
            "that holds them."
        )
    beside: dict[Path, list[Path]] = defaultdict(list)
    for path in files_below(folder, PICTURES):
        beside[path.with_name(path.stem.rpartition("_")[0] + ".xml")].append(path)
    pictures: list[Found] = []
    set_aside: list[SetAside] = []
    for document in documents:
        own = beside.pop(document.with_suffix(".xml"), [])
        try:
            case = read_case(document)
        except ValueError as fault:
            set_aside.append(SetAside(below(document, folder), str(fault)))
            set_aside += [
                SetAside(below(path, folder), f"belongs to {document.name}, which is left out.") for path in own
            ]
            continue
        pictures += [_found(path, folder, document, case) for path in own]
        set_aside += _missing(document, folder, case, {_number(path) for path in own})
    for paths in beside.values():
        set_aside += [SetAside(below(path, folder), "belongs to no XML document beside it.") for path in paths]
    return Contents(tuple(pictures), tuple(set_aside), TIRADS)


LAYOUT = Layout(NAME, cases=True, read=read_ddti)


def read_case(path: Path) -> Case:
    """Read the document of a case.

    Raises:
        ValueError: with the reason: no readable XML, no case, or outlines of which it is not clear what they enclose.
    """
    root = read_document(path)
    if root.tag != "case":
        raise ValueError(f"is no case of DDTI (its root is <{root.tag[:40]}>). Leave it out.")
    outlines: dict[str, list[Outline]] = defaultdict(list)
    for mark in root.iter("mark"):
        drawn = list(_outlines(mark))
        number = text_of(mark, "image")
        if drawn and not number:
            raise ValueError("has an outline that names no picture. Download it again.")
        if number:
            outlines[number] += drawn
    return Case(text_of(root, "tirads"), dict(outlines))


def _outlines(mark: ElementTree.Element) -> Iterator[Outline]:
    """The outlines of one mark that enclose something."""
    try:
        for region in json.loads(text_of(mark, "svg") or "[]"):
            points = [(float(point["x"]), float(point["y"])) for point in region["points"]]
            if not all(math.isfinite(value) and abs(value) < FARTHEST for point in points for value in point):
                raise ValueError("no place in a picture")
            if len(points) >= ENCLOSES:
                yield points
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as fault:
        raise ValueError("has an outline that cannot be read. Download it again.") from fault


def _number(picture: Path) -> str:
    return picture.stem.rpartition("_")[2]


def _found(path: Path, folder: Path, document: Path, case: Case) -> Found:
    outlines = case.outlines.get(_number(path))
    return Found(
        path,
        below(path.with_suffix(""), folder),
        f"{NAME}/{below(document.with_suffix(''), folder)}",
        label=case.tirads,
        draw=partial(draw_outlines, outlines) if outlines else None,
    )


def _missing(document: Path, folder: Path, case: Case, there: set[str]) -> Iterator[SetAside]:
    for number in case.outlines:
        if number not in there:
            name = f"{document.stem}_{number[:40]}.jpg"
            yield SetAside(below(document.with_name(name), folder), f"is in {document.name} and not there.")
