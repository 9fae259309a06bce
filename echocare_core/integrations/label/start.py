"""Start MONAI Label with what ultrasound needs: extensions, DICOMweb filter, no reach for the network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from platformdirs import user_data_path

from echocare_core.errors import BundleError, SettingsError
from echocare_core.integrations.label.folder import SENDS, make_app
from echocare_core.optional import is_installed

LOOPBACK = "127.0.0.1"
SERVER = "echocare_core.integrations.label.server:app"
EXTENSIONS = (
    *("dcm", "dicom", "DCM", "png", "PNG", "jpg", "JPG", "jpeg", "JPEG", "bmp", "gif", "tif", "tiff", "webp"),
    *("nii.gz", "nii", "nrrd", "mha", "avi", "mp4", "mkv", "webm"),
)
INSTALL = "pip install -c constraints-label.txt -e '.[bundles]' monailabel"


class Server(NamedTuple):
    """A server that is ready to start.

    Attributes:
        command: program and arguments.
        environment: variables that are set for it, beside those there are.
        folder: the folder it runs in.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


def default_app() -> Path:
    """Where the app is made if nobody says where: with the user's data, such as ~/.local/share/echocare/label."""
    return user_data_path("echocare", appauthor=False) / "label"


def label(
    studies: str,
    bundles: Sequence[str | Path],
    *,
    app: Path | None = None,
    host: str = LOOPBACK,
    port: int = 8000,
    send_masks: bool = False,
    say: Callable[[str], None] = print,
) -> NoReturn:
    """Run a MONAI Label server until it is stopped; this process becomes it.

    Args:
        studies: folder of pictures, or http(s) address of a DICOMweb service.
        bundles: names or folders of bundles that give masks.
        app: folder of the server, with the copies of the bundles that it trains; `default_app` when None.
        host: address to listen on; whoever reaches it sees the studies.
        port: to listen on.
        send_masks: store each finished mask as DICOM Segmentation in the DICOMweb service.
        say: is called with where the server will be, before it starts.

    Raises:
        SettingsError: MONAI Label is not installed, no such folder of studies, or a folder to send masks to.
        BundleError: no bundle, or one that MONAI Label cannot use.
        OutputError: the folder of the server cannot be written.
    """
    server = prepare_server(studies, bundles, app=app or default_app(), host=host, port=port, send_masks=send_masks)
    say(f"The server's folder is {server.folder}. Once 'Uvicorn running' stands below, it is at http://{host}:{port}.")
    sys.stdout.flush()
    os.chdir(server.folder)
    os.execve(server.command[0], server.command, {**os.environ, **server.environment})


def prepare_server(
    studies: str, bundles: Sequence[str | Path], *, app: Path, host: str, port: int, send_masks: bool = False
) -> Server:
    """Make the folder of a server and say how it is started; arguments and errors are those of `label`."""
    if not is_installed("monailabel"):
        raise SettingsError(
            "MONAI Label is not installed here; needed an environment of its own, since it takes older packages. In a "
            f"clone of this project: python3.11 -m venv label && label/bin/{INSTALL}; then label/bin/echocare label."
        )
    if not bundles:
        raise BundleError("No bundle is named; needed one or more. Pass --bundles fetal_head_segmentation.")
    is_web = studies.startswith(("http://", "https://"))
    if not is_web and not Path(studies).is_dir():
        raise SettingsError(f"{studies} is no folder; needed one with pictures, or the http address of a DICOMweb.")
    if send_masks and not is_web:
        raise SettingsError(f"{studies} is a folder; masks are sent to a DICOMweb alone. Leave the option out.")
    folder = app.resolve()
    names = [copy.name for copy in make_app(folder, bundles)]
    conf = {"models": ",".join(names), "zoo_source": "local", "sam2": "false", SENDS: str(send_masks).lower()}
    command = (
        *(sys.executable, "-m", "monailabel.main", "start_server"),
        *("--app", str(folder), "--studies", studies if is_web else str(Path(studies).resolve())),
        *("--host", host, "--port", str(port), "--uvicorn_app", SERVER),
        *(word for name, value in conf.items() for word in ("--conf", name, value)),
    )
    return Server(command, _environment(folder), folder)


def _environment(folder: Path) -> dict[str, str]:
    """Settings of MONAI Label; those that somebody has set stay."""
    chosen = {
        "MONAI_LABEL_DATASTORE_FILE_EXT": json.dumps([f"*.{end}" for end in EXTENSIONS]),
        "MONAI_LABEL_DICOMWEB_SEARCH_FILTER": json.dumps({"Modality": "US"}),
        "MONAI_LABEL_DICOMWEB_CONVERT_TO_NIFTI": "false",  # which would lose regions and millimetres
        "MONAI_LABEL_DICOMWEB_CACHE_PATH": str(folder / "cache"),
        "MONAI_LABEL_DICOMWEB_USERNAME": os.environ.get("ECHOCARE_PACS_USER", ""),
        "MONAI_LABEL_DICOMWEB_PASSWORD": os.environ.get("ECHOCARE_PACS_PASSWORD", ""),
        "MONAI_LABEL_DICOMWEB_CACHE_EXPIRY": "60",  # seconds after which a new series is seen
        "MONAI_LABEL_SESSION_PATH": str(folder / "sessions"),
        "MONAI_LABEL_AUTO_UPDATE_SCORING": "false",
        "MONAI_LABEL_TRACKING_ENABLED": "false",
    }
    return {name: value for name, value in chosen.items() if name not in os.environ}
