"""`echocare predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from echocare_core.cli.arguments import Out, Overwrite, Settings, parse_settings, say_what_was_written
from echocare_core.cli.say import say

AUTO = "auto"


def predict(
    bundle: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE",
            help="Name or folder of a bundle; see `echocare bundles`. auto: those meant for each image.",
        ),
    ],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="DICOM files, export folders, ZIP archives, images, or one table of images.",
        ),
    ],
    out: Out,
    overwrite: Overwrite = False,
    also_unknown: Annotated[
        bool,
        typer.Option(
            "--also-unknown",
            help="auto: measure what looks like no organ that is known, as for its likeliest one, and mark it.",
        ),
    ] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Write DICOM objects for a PACS too, into OUT/dicom.")] = False,
    settings: Settings = None,
) -> None:
    """Run a bundle on your own images; on OpenVINO where that is installed (--set engine=torch for PyTorch).

    `echocare predict auto INPUT... OUT` looks at every image, and runs on it the bundles that are meant for what it
    shows. Where nothing was measured, the exit code is 1.
    """
    from echocare_core.errors import SettingsError
    from echocare_core.prediction import installed_engine
    from echocare_core.prediction import predict as run
    from echocare_core.recognition import RECOGNISER
    from echocare_core.routing import predict_auto

    objects = {"dicom": True} if dicom else {}
    is_auto = bundle == AUTO
    if also_unknown and not is_auto:
        raise SettingsError(
            f"--also-unknown goes with auto, and {bundle} measures whatever it is given; leave the option out."
        )
    chosen = {**installed_engine(RECOGNISER if is_auto else bundle), **objects, **parse_settings(settings)}
    if chosen.get("engine") == "openvino":
        say("Runs on OpenVINO, whose numbers differ by rounding; --set engine=torch runs it on PyTorch.")
    if is_auto:
        routed = predict_auto(sources, out, overwrite=overwrite, settings=chosen, also_unknown=also_unknown)
        say_what_was_written(routed)
        if not routed.bundles:
            raise typer.Exit(1)
        return
    say_what_was_written(run(bundle, sources, out, overwrite=overwrite, settings=chosen))
