"""A bundle, an export and a table of labels in, an honest evaluation out: the whole path on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import track

from echocare_core.assessment.about import About
from echocare_core.assessment.cases import Joined
from echocare_core.assessment.compare import Compared, compare_scored
from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.folder import ENTRIES, KEY_FILE, RESULTS
from echocare_core.assessment.headers import Files
from echocare_core.assessment.join import join
from echocare_core.assessment.kinds.boxes import CORNERS
from echocare_core.assessment.kinds.every import find_questions
from echocare_core.assessment.labels import Labels, read_labels
from echocare_core.assessment.results_folder import ResultsFolder, read_results, read_set_aside
from echocare_core.assessment.rows import ResultRows
from echocare_core.assessment.scored import Scored, score
from echocare_core.assessment.subgroups import find_subgroups
from echocare_core.assessment.write import write_evaluation
from echocare_core.atomic import ENTERED_BY_OWNER
from echocare_core.bundle import find_bundle, own_weights_sha256, read_identity, read_json
from echocare_core.disk import explained
from echocare_core.errors import OutputError, TableError
from echocare_core.frames.inputs import Given, every_path
from echocare_core.result_files import RESULTS_CSV
from echocare_core.results.apart import check_apart
from echocare_core.results.table import is_results_csv
from echocare_core.secret import SecretKey, read_or_make_key

Thing = TypeVar("Thing")
NO_NUMBERS = ("engine", "precision", "device", "weights", "dicom")  # settings that change what runs, or what is written


@dataclass(frozen=True)
class _Asked:
    """What every set of results is asked: the bundle, the labels, and how both are joined."""

    bundle: Path
    labels: Labels
    key: SecretKey
    subgroups: Sequence[str]
    threshold: int | None
    progress: bool


def evaluate(
    bundle: str | Path,
    source: Given,
    labels: str | Path,
    out: str | Path,
    *,
    by: str | None = None,
    columns: Mapping[str, str] | None = None,
    subgroups: Sequence[str] = (),
    results: str | Path | None = None,
    compare_with: str | Path | None = None,
    mask_threshold: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Predict on an export, join what comes out with labels, and write how good it is.

    Args:
        bundle: name or folder of a bundle.
        source: the export, as for `predict`.
        labels: table with a row for each labelled image, examination or patient (docs/evaluate.md).
        out: folder for the evaluation; predictions stand in its folder `results`. Where that is complete and of the
            same bundle and weights it is taken as it is; where it was stopped the run goes on.
        by: column that joins labels and results: "image", "sop_instance_uid", "series_instance_uid",
            "study_instance_uid", "accession" or "patient"; None for that which joins most rows.
        columns: name of an output -> column of the table with its labels, where they are called differently.
        subgroups: columns of the table that are subgroups, beside those that the headers name.
        results: a results folder of this bundle, to evaluate instead of predicting anew.
        compare_with: a results folder, or the folder of an evaluation, of another model or version on the same export.
        mask_threshold: smallest value of drawn masks that is label 1, where they have values between.
        overwrite: replace an earlier evaluation in `out`, and predict anew.
        progress: show how far it is.
        settings: entries of the bundle's configuration to replace, as for `predict`.

    Raises:
        TableError: labels that cannot be read, joined or compared; the sentence says which rows.
        BundleError, WeightsError, UnreadableFrames, OutputError, SettingsError: as of `predict`.
    """
    folder, table = find_bundle(bundle), read_labels(labels, by=by, renamed=columns)
    _check_subgroups(table, subgroups)
    _check_free(Path(out), source, overwrite)
    made = _predicted(folder, source, Path(out), overwrite, settings) if results is None else read_results(results)
    _check_bundle(made, folder)
    other = None if compare_with is None else read_results(_results_in(Path(compare_with)))
    with explained(Path(out), "the evaluation"):
        Path(out).mkdir(ENTERED_BY_OWNER, parents=True, exist_ok=True)
        key = read_or_make_key(Path(out) / KEY_FILE)
    asked = _Asked(folder, table, key, subgroups, mask_threshold, progress)
    files = Files(source)
    about = files.headers(made, partial(_through, "reading headers", progress))
    joined, scored = _score(asked, made, about)
    compared = None if other is None else _compare(asked, scored, other, about)
    divided = tuple(find_subgroups(one, joined.cases) for one in scored)
    evaluation = Evaluation(Path(out), folder, made, files, table.path, joined, scored, divided, compared)
    write_evaluation(evaluation)
    return evaluation


def _score(asked: _Asked, made: ResultsFolder, about: Mapping[str, About]) -> tuple[Joined, tuple[Scored, ...]]:
    questions = find_questions(asked.labels, made, asked.bundle, threshold=asked.threshold)
    several = any(set(columns) <= set(asked.labels.columns) for columns in (CORNERS, ("point",)))
    joined = join(
        asked.labels,
        ResultRows(made, about),
        asked.key,
        several=several,
        subgroups=asked.subgroups,
        set_aside=read_set_aside(made.folder),
    )
    through: Callable[[Sequence[Any]], Iterable[Any]] = partial(_through, "scoring", asked.progress)
    return joined, score(questions, joined, asked.labels.path.name, through)


def _compare(asked: _Asked, scored: Sequence[Scored], other: ResultsFolder, about: Mapping[str, About]) -> Compared:
    _, others = _score(asked, other, about)
    return compare_scored(scored, others, other)


def _through(what: str, progress: bool, things: Sequence[Thing]) -> Iterable[Thing]:
    return track(things, what, transient=True) if progress else things


def _predicted(
    folder: Path, source: Given, out: Path, overwrite: bool, settings: Mapping[str, Any] | None
) -> ResultsFolder:
    """The results in OUT/results: those that are there, or new ones."""
    from echocare_core.prediction import predict

    place = out / RESULTS
    if not overwrite and is_results_csv(place / RESULTS_CSV):
        made = read_results(place)
        runs_own = not {"weights", "engine_file"} & (settings or {}).keys()
        if runs_own and made.origin.get("weights_sha256") not in (own_weights_sha256(folder), None):
            raise OutputError(
                f"{place} holds results of other weights than those of {folder.name}; needed results of the same. "
                "Choose another folder, or predict anew with --overwrite."
            )
        _check_settings(made, folder, settings or {})
        return made
    predict(folder, source, place, overwrite=overwrite, settings=settings)
    return read_results(place)


def _check_settings(made: ResultsFolder, folder: Path, settings: Mapping[str, Any]) -> None:
    """OutputError where results that are taken as they are were made with other values of settings."""
    differ = made.origin.get("settings_that_differ")
    if differ is None or not settings:
        return
    config = folder / "configs" / "inference.json"
    used = {**(read_json(config) if config.is_file() else {}), **{name: one["here"] for name, one in differ.items()}}
    wrong = [name for name, value in settings.items() if name not in NO_NUMBERS and used.get(name) != value]
    if wrong:
        raise OutputError(
            f"{made.folder} holds results that were not made with {', '.join(wrong)} as --set says; needed results of "
            "the same settings. Choose another folder, predict anew with --overwrite, or leave --set out."
        )


def _check_bundle(made: ResultsFolder, folder: Path) -> None:
    name = read_identity(folder)["name"]
    if made.bundle != name:
        raise OutputError(
            f"{made.folder} holds results of {made.bundle}; needed those of {name}. Name the bundle that made them."
        )


def _check_subgroups(table: Labels, subgroups: Sequence[str]) -> None:
    missing = [name for name in subgroups if name not in table.rows.columns]
    if missing:
        found = ", ".join(map(str, table.rows.columns[:30]))
        raise TableError(
            f"{table.path.name} has no column {', '.join(missing)} for subgroups (it has {found}). Name one."
        )


def _check_free(out: Path, source: Given, overwrite: bool) -> None:
    """OutputError where OUT is the export, a file, or holds an evaluation already."""
    check_apart(every_path(source), out)
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; a folder for the evaluation is needed. Choose another name.")
    taken = [name for name in ENTRIES if (out / name).exists()]
    if taken and not overwrite:
        raise OutputError(
            f"{out} holds {', '.join(taken)} of an earlier evaluation; an empty or new folder is needed. Choose "
            "another folder, or replace that evaluation with --overwrite."
        )


def _results_in(folder: Path) -> Path:
    """The results that a folder means: its own, or those of the evaluation in it."""
    inside = folder / RESULTS
    return inside if is_results_csv(inside / RESULTS_CSV) and not is_results_csv(folder / RESULTS_CSV) else folder
