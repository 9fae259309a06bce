"""An export in, each image measured by the bundles that are meant for what it shows: the whole path on one screen."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echocare_core.bundle import find_bundle, read_json
from echocare_core.errors import BundleError, EngineError, SettingsError, UnreadableFrames, WeightsError
from echocare_core.frames.export import Export
from echocare_core.frames.inputs import Given, every_path
from echocare_core.frames.listed import open_export
from echocare_core.kinds import check_kinds
from echocare_core.prediction import predict
from echocare_core.printable import printable
from echocare_core.recognition import RECOGNISER
from echocare_core.recognition.recogniser import few_frames, read_tree_of
from echocare_core.result_files import DICOM
from echocare_core.results.apart import check_apart
from echocare_core.results.staging import settle
from echocare_core.routing.candidates import Candidate, find_candidates
from echocare_core.routing.collected import collect
from echocare_core.routing.page import write_page
from echocare_core.routing.plan import Planned, plan_routes
from echocare_core.routing.prepared import Prepared, check_free, is_finished
from echocare_core.routing.routed import Routed
from echocare_core.routing.said import read_aside
from echocare_core.routing.seen import read_seen
from echocare_core.routing.table import write_tables

OF_A_BUNDLE = (BundleError, EngineError, SettingsError, WeightsError)  # what is wrong with one, and with no other
FOR_ALL = ("batch_size", "device", "dicom", "engine", "precision")  # settings that mean the same to every bundle
_log = logging.getLogger(__name__)


def predict_auto(
    source: Given,
    out: str | Path,
    *,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
    also_unknown: bool = False,
    recogniser: str | Path = RECOGNISER,
) -> Routed:
    """Look at every image of an export, and run on each the bundles that are meant for what it shows.

    A bundle says in its metadata for what it is meant (`echocare_core.recognition.meant`); those that can be found by
    name are chosen from. What an image shows is a guess of another bundle, which looks at stills, and at the first, the
    middle and the last frame of cines. A run that was stopped goes on where it was when it is given again.

    Args:
        source: as for `predict`.
        out: folder for a page and tables over all images, and for a folder with the results of each bundle, which are
            those of `predict` on its images.
        overwrite: replace the results of an earlier run in `out`.
        settings: further entries of all configurations to replace; of `FOR_ALL` alone.
        also_unknown: run on an image that looks like none of the organs that are known, as most do of a scanner that is
            new to that bundle, those that are meant for the likeliest; they mark what they say of it.
        recogniser: name or folder of the bundle that says what an image shows.

    Returns:
        What became of each file.

    Raises:
        BundleError: no such bundle, or a setting that is one bundle's own.
        SettingsError: a setting of another kind than the value that it replaces.
        EchoCareError: as `predict` of the one that says what an image shows, or where the disk or the memory is full.
            What is wrong with another bundle, or with its images, is the reason why it has measured none.
    """
    folder, settings, out = find_bundle(recogniser), dict(settings or {}), Path(out)
    _check_settings(settings, folder)
    check_apart(every_path(source), out)
    settle(out)
    tree = read_tree_of(folder)
    candidates = [one for one in find_candidates(tree) if one.folder != folder]
    check_free(out, overwrite, [folder.name, *(one.name for one in candidates)])
    export = open_export(source)
    bundles, asked = [one.folder for one in candidates], {**settings, "also_unknown": also_unknown}
    with Prepared(out, export, folder, bundles, asked, overwrite) as prepared:
        seen_at = prepared.path / folder.name
        if not is_finished(seen_at):
            looked_at = export.only({one.path: few_frames(export.numbers_of(one)) for one in export.files})
            without_objects = {name: value for name, value in settings.items() if name != DICOM}
            predict(folder, looked_at, seen_at, settings=_settings_of(folder, without_objects))
        planned = plan_routes(export, read_seen(seen_at), tree, candidates, also_unknown=also_unknown)
        refused = _run_all(candidates, export, planned, prepared.path, settings)
        routed = collect(out, prepared.path, export, planned, refused, read_aside(seen_at))
        write_tables(prepared.path, routed)
        write_page(prepared.path, routed, folder, candidates)
        prepared.finish([folder.name, *routed.bundles])
    return routed


def _check_settings(settings: Mapping[str, Any], recogniser: Path) -> None:
    own = [name for name in settings if name not in FOR_ALL]
    if own:
        raise BundleError(
            f"{', '.join(own)} cannot be set for all bundles; needed some of {', '.join(FOR_ALL)}. Leave it out, or "
            "run one bundle by its name."
        )
    check_kinds(settings, read_json(recogniser / "configs" / "inference.json"), literal=True)


def _settings_of(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those that a bundle has."""
    own = read_json(folder / "configs" / "inference.json")
    return {name: value for name, value in settings.items() if name in own}


def _run_all(
    candidates: Sequence[Candidate], export: Export, planned: Planned, folder: Path, settings: Mapping[str, Any]
) -> dict[str, str]:
    """Run each bundle on its files: name of each that could not be run on any of them -> why."""
    refused = {}
    for one in candidates:
        sources = {route.source for route, meant in planned if one in meant}
        chosen = {file.path: export.numbers_of(file) for file in export.files if export.source_of(file) in sources}
        if not chosen or is_finished(folder / one.name):
            continue
        try:
            predict(one.folder, export.only(chosen), folder / one.name, settings=_settings_of(one.folder, settings))
        except UnreadableFrames as error:  # of none of its files
            refused[one.name] = str(error)
        except OF_A_BUNDLE as error:
            _log.warning("Bundle %s is left out: %s", printable(one.name), error)
            refused[one.name] = str(error)
    return refused
