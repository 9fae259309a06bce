"""Which file goes to which bundle, or why to none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from echocare_core.errors import TableError
from echocare_core.frames.export import Export
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.recognition import Shown
from echocare_core.results.wording import name_text
from echocare_core.routing.candidates import Candidate
from echocare_core.routing.routed import Route
from echocare_core.routing.seen import Seen
from echocare_core.types import Frames

Planned = list[tuple[Route, list[Candidate]]]  # each file, and the bundles that are meant for what it shows


def plan_routes(
    export: Export,
    seen: Mapping[str, Seen],
    tree: OrganTree,
    candidates: Sequence[Candidate],
    *,
    also_unknown: bool,
) -> Planned:
    """Every file that was looked at, in the order of the export, with the bundles that are meant for what it shows.

    Args:
        export: all files.
        seen: what was seen of those that could be decoded, by source.
        tree: whose nodes they show.
        candidates: the bundles to choose from.
        also_unknown: whether what looks like none of the nodes goes to the bundles for the likeliest.
    """
    return [_plan(export, frames, seen[source], tree, candidates, also_unknown)
            for frames in export.files if (source := export.source_of(frames)) in seen]  # fmt: skip


def _plan(
    export: Export, frames: Frames, seen: Seen, tree: OrganTree, candidates: Sequence[Candidate], also_unknown: bool
) -> tuple[Route, list[Candidate]]:
    shown = seen.shown
    taken_for = seen.likeliest if shown.is_none and also_unknown else None
    organ = taken_for or shown
    meant = [] if organ.is_none else [one for one in candidates if one.meant.holds(organ.name)]
    route = Route(
        source=export.source_of(frames),
        frames=len(export.numbers_of(frames)),
        lineage=() if shown.is_none else lineage_of(tree, shown.name),
        probability=shown.probability,
        reason="" if meant else _reason(shown, taken_for),
        taken_for=name_text(taken_for.name) if taken_for else "",
        image=export.names.get(frames.path, ""),
        overlay=seen.overlay,
        look=seen.look,
    )
    return route, meant


def lineage_of(tree: OrganTree, name: str) -> tuple[str, ...]:
    """Names of the nodes from the body region down to one; the name alone where the tree has none such."""
    try:
        return tree.path(tree.find(name))
    except TableError:
        return (name_text(name),)


def _reason(shown: Shown, taken_for: Shown | None) -> str:
    if taken_for is not None:
        return f"none of these; likeliest {name_text(taken_for.name)}, for which no installed bundle is meant."
    if shown.is_none:
        return "none of these: does not look like ultrasound that the bundles know."
    return f"shows {name_text(shown.name)}; no installed bundle is meant for it."
