"""The command `echocare`: thin, so that every verb is one call that Python has too."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from echocare_core.errors import BundleError, EchoCareError, SettingsError
from echocare_core.types import Results

app = typer.Typer(
    name="echocare",
    help="Ultrasound DICOM in, clinical results out. For research; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
MOST_PROCESSES = 8
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier run in OUT.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder for report.html, results.csv, overlays/ and masks/.")]


@app.command()
def demo(out: Out, overwrite: Overwrite = False) -> None:
    """Run two bundles on the small export that comes with this package: real images, about a minute."""
    from echocare_core.demo import run_demo

    _say_what_was_written(run_demo(out, overwrite=overwrite))


@app.command()
def predict(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="Name or folder of a bundle; see `echocare bundles`.")
    ],
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="DICOM file, DICOM export folder, images, or a table of images.")
    ],
    out: Out,
    overwrite: Overwrite = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Replace an entry of the bundle's inference configuration."),
    ] = None,
) -> None:
    """Run a bundle on your own images; on OpenVINO where that is installed (--set engine=torch for PyTorch)."""
    from echocare_core.prediction import installed_engine
    from echocare_core.prediction import predict as run

    chosen = {**installed_engine(bundle), **_parse(settings or [])}
    _say_what_was_written(run(bundle, source, out, overwrite=overwrite, settings=chosen))


@app.command()
def fetch(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="DICOMweb service, such as https://pacs.example/dicom-web.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder, or that of an earlier fetch to go on with.")],
    studies: Annotated[
        list[str] | None, typer.Option("--study", metavar="UID", help="Study Instance UID; may be repeated.")
    ] = None,
    patients: Annotated[
        typer.FileText | None,
        typer.Option("--patients", metavar="FILE", help="Patient IDs, one a line; - reads them from the input."),
    ] = None,
    since: Annotated[datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="First study date.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last study date.")] = None,
    modality: Annotated[str, typer.Option("--modality", help="Of the series to fetch, such as US or IVUS.")] = "US",
    ca_bundle: Annotated[
        Path | None, typer.Option("--ca-bundle", metavar="FILE", help="PEM file with the certificates to trust.")
    ] = None,
) -> None:
    """Fetch ultrasound from a PACS by DICOMweb, as it is stored, into a folder that the other commands read.

    Who asks is never an argument, which shells keep: set ECHOCARE_PACS_USER and ECHOCARE_PACS_PASSWORD, or
    ECHOCARE_PACS_TOKEN, or ECHOCARE_PACS_CERTIFICATE and ECHOCARE_PACS_KEY (PEM files), or write a netrc file.
    """
    from echocare_core.pacs.fetch import fetch as run
    from echocare_core.pacs.fetched import SET_ASIDE
    from echocare_core.pacs.query import StudyQuery

    ids = tuple(line.strip() for line in patients or () if line.strip())
    if patients and not ids:
        raise SettingsError("The file of patients names none; needed one Patient ID a line. Write them.")
    first, last = (day.date() if day else None for day in (since, until))
    query = StudyQuery(tuple(studies or ()), ids, first, last, modality)
    done = run(url, out, query, ca_bundle=ca_bundle)
    typer.echo(f"Objects: {done.fetched} fetched, {done.already_there} already there, {len(done.set_aside)} set aside.")
    if done.converted:
        typer.echo(f"{done.converted} came converted: the server does not give them as it stores them.")
    if done.set_aside:
        typer.echo(f"  {out / SET_ASIDE}")
    typer.echo(f"They name patients. Read them with: echocare predict BUNDLE {out} RESULTS")


@app.command()
def inspect(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="Export folder, DICOMDIR, or one file.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write tables there; the same command goes on there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    split: Annotated[str, typer.Option(metavar="A,B,C", help="Shares of train, val and test.")] = "0.7,0.15,0.15",
    pixels: Annotated[bool, typer.Option("--pixels", help="Decode every frame to find copies and damage.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write table.parquet as well.")] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes that read; one per core at most 8.")] = None,
) -> None:
    """Say what an export holds: what is usable for which bundle, what is set aside and why, which files are copies."""
    import json
    import os

    from rich.console import Console

    from echocare_core.inventory.inspection import inspect_export
    from echocare_core.inventory.show import show

    readers = processes or min(os.cpu_count() or 1, MOST_PROCESSES)
    summary = inspect_export(
        export, out, split=_shares(split), decoded=pixels, parquet=parquet, processes=readers, progress=True
    )
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        show(summary, Console())


@app.command()
def quantize(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="Name or folder of a bundle; see `echocare bundles`.")
    ],
    source: Annotated[str, typer.Argument(metavar="EXPORT", help="DICOM file, folder or images to measure ranges on.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.xml", help="OpenVINO model to write; its .bin lands beside it.")],
    frames: Annotated[int, typer.Option("--frames", min=1, help="How many frames, evenly spaced.")] = 128,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier OUT.xml.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Replace an entry of the bundle's inference configuration."),
    ] = None,
) -> None:
    """Write a bundle's network in int8 for OpenVINO; check its results and its speed before use."""
    from echocare_core.prediction import quantize as run

    count = run(bundle, source, out, frames=frames, overwrite=overwrite, settings=_parse(settings or []))
    typer.echo(f"{out} written, its ranges measured on {count} frames. Run it with:")
    typer.echo(f"  echocare predict {bundle} EXPORT OUT --set device=cpu --set engine=openvino --set engine_file={out}")


@app.command()
def shards(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV with the columns image, group and split.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the shards, or one to go on with.")],
    long_side: Annotated[int, typer.Option("--long-side", min=16, help="Largest width or height in px.")] = 256,
    per_shard: Annotated[int, typer.Option("--per-shard", min=1, help="Images in each shard.")] = 1000,
    splits: Annotated[
        list[str] | None,
        typer.Option("--split", help="Rows to pack; may be repeated. Without it, train and unlabelled."),
    ] = None,
    organ_tree: Annotated[
        Path | None, typer.Option("--organ-tree", metavar="FILE", help="Refuse organs that this tree does not have.")
    ] = None,
) -> None:
    """Pack a table of images into shards for pretraining: scan regions as small JPEG files without DICOM headers."""
    import csv

    from echocare_core.pretraining.data.mix import SPLITS
    from echocare_core.pretraining.data.pack import pack_table
    from echocare_core.pretraining.organs.tree import read_tree

    tree = read_tree(organ_tree) if organ_tree else None
    chosen = splits or SPLITS
    packed = pack_table(table, out, long_side_px=long_side, images_per_shard=per_shard, splits=chosen, tree=tree)
    typer.echo(f"Images: {packed.images}. Shards: {packed.shards}. Set aside: {len(packed.set_aside)}.")
    if packed.set_aside:
        typer.echo(f"Not readable: {', '.join(packed.set_aside[:3])}; all are named in {out / 'shards.json'}.")
    typer.echo("Row for the mix (name,source,organ,weight); set organ for images whose table names none:")
    csv.writer(sys.stdout, lineterminator="\n").writerow([out.resolve().name, out.resolve(), "", ""])


@app.command()
def deidentify(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="DICOM file or export folder; it is only read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the copies, or one to go on with.")],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="FILE", help="Secret behind the new names; made if missing. Without it, OUT.key."
        ),
    ] = None,
    keep_intervals: Annotated[
        bool, typer.Option("--keep-intervals", help="Keep dates, moved by the same days for one patient.")
    ] = False,
) -> None:
    """Copy ultrasound DICOM without what names a patient (PS3.15 Annex E): attributes, burned-in text, file names.

    What is outside the scan sector turns black, and so does text inside it. Not all text is found: look at the copies
    before you pass them on. OUT/deidentified.csv says what was done to each file. Stopped, the same command goes on.
    Keep the key as safe as the export: it links copies to patients. Delete it once no copy is to be added.
    """
    from echocare_core.privacy import deidentify as run

    copies = run(export, out, key=key, keep_intervals=keep_intervals)
    typer.echo(
        f"{copies.made} copies, {copies.set_aside} files set aside; each has a row in {out / 'deidentified.csv'}."
    )


@app.command()
def bundles() -> None:
    """List the bundles that can be found by name: in $ECHOCARE_BUNDLES, ./bundles and beside the package's source."""
    from echocare_core.bundle import list_bundles, read_metadata

    for folder in list_bundles():
        try:
            metadata = read_metadata(folder)
        except BundleError as error:
            typer.echo(f"{folder.name:32} {error}")
            continue
        typer.echo(f"{folder.name:32} {metadata.get('version', '?'):8} {metadata.get('task', '')}")


def _parse(settings: list[str]) -> dict[str, object]:
    import json

    parsed: dict[str, object] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise BundleError(f"--set {setting} has no '='; needed NAME=VALUE, such as --set batch_size=1.")
        try:
            parsed[name] = json.loads(value)
        except json.JSONDecodeError:
            parsed[name] = value
    return parsed


def _shares(split: str) -> list[float]:
    try:
        return [float(share) for share in split.split(",")]
    except ValueError:
        raise SettingsError(f"--split {split} is no list of numbers; needed such as 0.7,0.15,0.15.") from None


def _say_what_was_written(results: Results) -> None:
    frames = "1 frame" if len(results.rows) == 1 else f"{len(results.rows)} frames"
    typer.echo(f"{frames} measured, {len(results.set_aside)} files or frames set aside.")
    for name in ("report.html", "results.csv", "set_aside.csv"):
        typer.echo(f"  {results.folder / name}")


def main() -> None:
    """Entry point: an error this package raises on purpose is one sentence and exit code 1."""
    try:
        app()
    except EchoCareError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1)
