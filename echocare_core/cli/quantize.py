"""`echocare quantize`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import Bundle, Settings, parse_settings
from echocare_core.cli.say import say
from echocare_core.prediction import FRAMES_TO_MEASURE


def quantize(
    bundle: Bundle,
    source: Annotated[str, typer.Argument(metavar="EXPORT", help="DICOM file, folder or images to measure ranges on.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.xml", help="OpenVINO model to write; its .bin lands beside it.")],
    frames: Annotated[int, typer.Option("--frames", min=1, help="How many frames, evenly spaced.")] = FRAMES_TO_MEASURE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier OUT.xml.")] = False,
    settings: Settings = None,
) -> None:
    """Write a bundle's network in int8 for OpenVINO; check its results and its speed before use."""
    from echocare_core.prediction import quantize as run

    count = run(bundle, source, out, frames=frames, overwrite=overwrite, settings=parse_settings(settings))
    say(f"{out} written, its ranges measured on {count} frames. Run it with:")
    settings_of_it = f"--set device=cpu --set engine=openvino --set {shlex.quote(f'engine_file={out}')}"
    say(f"  echocare predict {shlex.quote(bundle)} EXPORT OUT {settings_of_it}")
