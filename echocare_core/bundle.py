"""Find bundles and say what they are. Imports neither torch nor MONAI, so that `echocare bundles` answers at once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from echocare_core.errors import BundleError
from echocare_core.types import BundleCard

METADATA = Path("configs", "metadata.json")
WEIGHTS = Path("models", "model.pt")
SEARCH_VARIABLE = "ECHOCARE_BUNDLES"


def find_bundle(bundle: str | Path) -> Path:
    """Find the folder of a bundle.

    Args:
        bundle: a folder, or the name of one under `bundle_folders()`.

    Raises:
        BundleError: no such bundle; the message lists those that are there.
    """
    candidates = [Path(bundle), *(folder / bundle for folder in bundle_folders())]
    for candidate in candidates:
        if (candidate / METADATA).is_file():
            return candidate.resolve()
    known = ", ".join(path.name for path in list_bundles()) or "none"
    raise BundleError(
        f"No bundle '{bundle}'; found {known}. Name one of these, give the path of a bundle folder, or set "
        f"{SEARCH_VARIABLE} to the folder that holds them."
    )


def list_bundles() -> list[Path]:
    """Folders of all bundles that can be found by name, in order of name."""
    found = {path.parent.parent.name: path.parent.parent for path in _metadata_files()}
    return [found[name] for name in sorted(found)]


def bundle_folders() -> list[Path]:
    """Where bundles are looked for: $ECHOCARE_BUNDLES, ./bundles, and beside this package's source."""
    named = os.environ.get(SEARCH_VARIABLE)
    folders = [Path(named)] if named else []
    return [*folders, Path("bundles"), Path(__file__).resolve().parent.parent / "bundles"]


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read `configs/metadata.json` of a bundle.

    Raises:
        BundleError: it is missing or is not JSON.
    """
    try:
        return json.loads((folder / METADATA).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise BundleError(f"{folder} has no readable {METADATA.as_posix()}; needed one. Restore the bundle.") from error


def _metadata_files() -> Iterator[Path]:
    for folder in reversed(bundle_folders()):
        if folder.is_dir():
            yield from folder.glob(f"*/{METADATA.as_posix()}")


def running_bundle_root(name: str) -> str:
    """The folder of the bundle whose configuration is running, for the line `bundle_root` of that configuration.

    `monai.bundle` puts the folder of the bundle it runs on Python's search path, before every other entry but the
    first. That is the only place where a configuration can learn where it stands, so that a copy works anywhere.

    Args:
        name: what the bundle's metadata calls it; the folder itself may have been renamed.

    Raises:
        BundleError: no such folder on the path: something other than `monai.bundle run` reads the configuration.
    """
    for entry in [*sys.path[1:], *sys.path[:1]]:
        if (Path(entry) / METADATA).is_file() and read_metadata(Path(entry)).get("bundle_name") == name:
            return str(Path(entry).resolve())
    raise BundleError(f"Cannot tell where the bundle {name} stands; needed its folder. Pass --bundle_root FOLDER.")


def read_card(folder: Path, weights: Path | None = None) -> BundleCard:
    """Read what a report says about a bundle.

    Args:
        folder: of the bundle.
        weights: the file in use; the bundle's own when None.

    Raises:
        BundleError: no weights there, or metadata without a name, version or intended use.
    """
    metadata = read_metadata(folder)
    missing = [key for key in ("bundle_name", "version", "name", "intended_use") if key not in metadata]
    if missing:
        raise BundleError(
            f"{folder.name}: {METADATA.as_posix()} lacks {', '.join(missing)}; needed for the report. Add them."
        )
    weights = weights or folder / WEIGHTS
    if not weights.is_file():
        raise BundleError(
            f"{folder.name} has no weights at {weights}; needed a state dict there. Train it, or copy them."
        )
    return BundleCard(
        name=metadata["bundle_name"],
        version=metadata["version"],
        title=metadata["name"],
        intended_use=metadata["intended_use"],
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )
