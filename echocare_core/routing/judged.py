"""Bundles that judge what another finds, and images in which that one finds nothing.

    "judges_what_is_found_by": "breast_lesion_segmentation"

stands in the metadata of a bundle that tells classes of a lesion: it has a class for every image, also for one without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from echocare_core.bundle import METADATA, is_name, read_metadata
from echocare_core.counting import enumerated
from echocare_core.errors import BundleError
from echocare_core.routing.routed import Ran, Route

JUDGES = "judges_what_is_found_by"


def read_judged(folder: Path) -> str:
    """Name of the bundle that finds what this one judges; "" where its metadata name none.

    Raises:
        BundleError: an entry that is no name of a bundle.
    """
    name = read_metadata(folder).get(JUDGES, "")
    if name != "" and not (isinstance(name, str) and is_name(name)):
        raise BundleError(f"{folder / METADATA} has {JUDGES} = {name!r}; needed the name of a bundle. Write it so.")
    return name


def doubt_judgements(route: Route, judged: Mapping[str, str]) -> Route:
    """The same file, with a doubt about what was judged though it was not found.

    Args:
        route: with what its bundles said.
        judged: name of each bundle that judges -> of the one that finds what it judges.
    """
    empty = {ran.bundle for ran in route.ran if ran.is_empty}
    unfounded = [ran.bundle for ran in route.ran if judged.get(ran.bundle) in empty]
    if not unfounded:
        return route
    finders = enumerated(sorted({judged[name] for name in unfounded}))
    doubt = f"{finders} finds nothing here: what {enumerated(unfounded)} {_judge(len(unfounded))} may not be there."
    return replace(route, ran=tuple(_doubted(route.ran, unfounded)), doubt=doubt)


def _judge(bundles: int) -> str:
    return "judges" if bundles == 1 else "judge"


def _doubted(ran: tuple[Ran, ...], names: list[str]) -> Iterator[Ran]:
    for one in ran:
        yield replace(one, doubted=one.rows) if one.bundle in names else one
