"""`echocare evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import Bundle, Settings, parse_settings
from echocare_core.cli.say import say
from echocare_core.errors import SettingsError

By = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="What joins labels and results: image (path), sop_instance_uid, series_instance_uid, "
        "study_instance_uid, accession or patient; found by itself otherwise.",
    ),
]


def evaluate(
    bundle: Bundle,
    sources: Annotated[
        list[str], typer.Argument(metavar="EXPORT...", help="The labelled images, as for `echocare predict`.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for evaluation.html, its tables, and results/.")],
    labels: Annotated[
        Path, typer.Option("--labels", metavar="TABLE", help="Labels: a row for each image, examination or patient.")
    ],
    by: By = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="OUTPUT=COLUMN", help="Which column holds the labels of an output."),
    ] = None,
    subgroups: Annotated[
        list[str] | None,
        typer.Option(
            "--subgroup", metavar="COLUMN", help="A column of the labels that is a subgroup, beside those of DICOM."
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Evaluate these results instead of predicting anew.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Results or evaluation of another model or version.")
    ] = None,
    mask_threshold: Annotated[
        int | None, typer.Option(min=1, max=255, help="Smallest value of drawn masks that is inside; for JPEG masks.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier evaluation in OUT, and predict anew.")
    ] = False,
    settings: Settings = None,
) -> None:
    """Say how good a bundle is on your own labelled images, with intervals, subgroups and the worst cases."""
    from echocare_core.assessment.evaluate import evaluate as run
    from echocare_core.prediction import installed_engine

    chosen = {**installed_engine(bundle), **parse_settings(settings)} if results is None else parse_settings(settings)
    evaluation = run(
        bundle,
        sources,
        labels,
        out,
        by=by,
        columns=_pairs(columns),
        subgroups=subgroups or (),
        results=results,
        compare_with=compare,
        mask_threshold=mask_threshold,
        overwrite=overwrite,
        settings=chosen,
    )
    for line in str(evaluation).splitlines():
        say(line)


def _pairs(columns: list[str] | None) -> dict[str, str]:
    pairs = [column.partition("=") for column in columns or ()]
    wrong = [output for output, equals, column in pairs if not (output and equals and column)]
    if wrong:
        raise SettingsError(
            f"--column {wrong[0]} names no two columns; needed OUTPUT=COLUMN, such as pathology=Histology."
        )
    return {output: column for output, _, column in pairs}
