"""`echocare predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from echocare_core.cli.arguments import Bundle, Out, Overwrite, Settings, parse_settings, say_what_was_written
from echocare_core.cli.say import say


def predict(
    bundle: Bundle,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="DICOM files, export folders, ZIP archives, images, or one table of images.",
        ),
    ],
    out: Out,
    overwrite: Overwrite = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Write DICOM objects for a PACS too, into OUT/dicom.")] = False,
    settings: Settings = None,
) -> None:
    """Run a bundle on your own images; on OpenVINO where that is installed (--set engine=torch for PyTorch)."""
    from echocare_core.prediction import installed_engine
    from echocare_core.prediction import predict as run

    objects = {"dicom": True} if dicom else {}
    chosen = {**installed_engine(bundle), **objects, **parse_settings(settings)}
    if chosen.get("engine") == "openvino":
        say("Runs on OpenVINO, whose numbers differ by rounding; --set engine=torch runs it on PyTorch.")
    say_what_was_written(run(bundle, sources, out, overwrite=overwrite, settings=chosen))
