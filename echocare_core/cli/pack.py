"""`echocare pack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import Bundle
from echocare_core.cli.say import say


def pack(
    bundle: Bundle,
    out: Annotated[
        Path | None, typer.Argument(metavar="[OUT.zip]", help="File to write; NAME_vVERSION.zip without it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier OUT.zip.")] = False,
) -> None:
    """Check a bundle and write it as one zip with complete weights, for `echocare install`, MONAI and MONAI Label.

    Only what a bundle is made of is packed: LICENSE, configs, weights with their card, and docs. Results in its folder,
    which may name patients, stay behind. The same bundle gives the same bytes.
    """
    from echocare_core.archive import pack as run

    packed = run(bundle, out, overwrite=overwrite)
    say(f"{packed.path} written: {packed.size_bytes / 1e6:.1f} MB, sha256 {packed.sha256}")
    if packed.left_out:
        places = ", ".join(f"{count} in {place}" for place, count in packed.left_out.items())
        say(f"Files left out, as no part of a bundle: {places}.")
