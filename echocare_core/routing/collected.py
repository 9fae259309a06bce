"""What all bundles said and set aside, put together for each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from echocare_core.frames.export import Export
from echocare_core.routing.judged import doubt_judgements
from echocare_core.routing.plan import Planned
from echocare_core.routing.prepared import is_finished
from echocare_core.routing.routed import Ran, Route, Routed
from echocare_core.routing.said import read_aside, read_said
from echocare_core.types import SetAside

_NO_FRAME = "no frame of it was measured."


def collect(
    out: Path,
    folder: Path,
    export: Export,
    planned: Planned,
    refused: Mapping[str, str],
    unseen: Sequence[SetAside],
) -> Routed:
    """What became of each file.

    Args:
        out: where the results will stand.
        folder: where those of each bundle stand now, in a folder of its name.
        export: all files.
        planned: to which bundles they went.
        refused: name of each bundle that could be run on none of its files -> why.
        unseen: what could not be looked at.
    """
    names = sorted({one.name for _, meant in planned for one in meant if is_finished(folder / one.name)})
    said = {name: read_said(folder / name, name) for name in names}
    aside = {name: read_aside(folder / name) for name in names}
    routes = [
        doubt_judgements(
            _measured(route, [one.name for one in meant], said, {**refused, **_of(aside, route.source)}),
            {one.name: one.judged for one in meant if one.judged},
        )
        for route, meant in planned
    ]
    seen = {route.source for route in routes}
    unread = _first([*export.set_aside, *unseen])
    routes += [Route(one.source, reason=one.reason, image=one.image) for one in unread if one.source not in seen]
    measured = {route.source for route in routes if route.ran}
    whole = [SetAside(route.source, route.reason, image=route.image) for route in routes if route.reason]
    single = [one for every in aside.values() for one in every if one.source in measured]
    return Routed(out, tuple(routes), tuple(dict.fromkeys([*whole, *single])))


def _measured(
    route: Route, names: Sequence[str], said: Mapping[str, Mapping[str, Ran]], reasons: Mapping[str, str]
) -> Route:
    ran = tuple(said[name][route.source] for name in names if route.source in said.get(name, {}))
    if ran or not names:
        return replace(route, ran=ran)
    return replace(route, reason=" ".join(f"{name}: {reasons.get(name, _NO_FRAME)}" for name in names))


def _of(aside: Mapping[str, Sequence[SetAside]], source: str) -> dict[str, str]:
    """Why each bundle set a file, or the first frame of it that it did, aside."""
    return {name: one.reason for name, every in aside.items() for one in _first(every) if one.source == source}


def _first(aside: Iterable[SetAside]) -> list[SetAside]:
    """The first that is said of each file."""
    first: dict[str, SetAside] = {}
    for one in aside:
        first.setdefault(one.source, one)
    return list(first.values())
