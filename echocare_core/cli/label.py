"""`echocare label`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.arguments import parse_names
from echocare_core.cli.say import say


def label(
    studies: Annotated[
        str,
        typer.Argument(
            metavar="STUDIES",
            help="Folder of pictures, cines and DICOM, of any depth, or the address of a DICOMweb service, such as "
            "http://127.0.0.1:8042/dicom-web.",
        ),
    ],
    bundles: Annotated[
        str, typer.Option("--bundles", metavar="A,B", help="Names or folders of bundles that give masks.")
    ],
    app: Annotated[
        Path | None,
        typer.Option("--app", metavar="FOLDER", help="Of the server: logs, and copies of the bundles, to train."),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. It asks nobody for a password: keep it to yourself.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8000,
    send_masks: Annotated[
        bool, typer.Option("--send-masks", help="Store finished masks in the DICOMweb service, as DICOM Segmentations.")
    ] = False,
) -> None:
    """Draw, train and predict in a viewer: run a MONAI Label server (3D Slicer, CVAT) until Ctrl-C.

    MONAI Label needs an environment of its own: `pip install -c constraints-label.txt -e ".[bundles]" monailabel`.

    Masks that are drawn go to STUDIES/labels; with DICOMweb, into the server's folder. A training changes the server's
    copies of the bundles, never the bundles. Who asks a DICOMweb service is told by ECHOCARE_PACS_USER and
    ECHOCARE_PACS_PASSWORD.
    """
    from echocare_core.integrations.label.start import label as run

    run(studies, parse_names(bundles), app=app, host=host, port=port, send_masks=send_masks, say=say)
