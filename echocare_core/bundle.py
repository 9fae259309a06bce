"""Find bundles and say what they are. Imports neither torch nor MONAI, so that `echocare bundles` answers at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from echocare_core.checksum import sha256_of
from echocare_core.errors import BundleError
from echocare_core.types import BundleCard, Codes, Plausible
from echocare_core.version import __version__

METADATA = Path("configs", "metadata.json")
WEIGHTS, WEIGHTS_CARD = Path("models", "model.pt"), Path("models", "model.json")
SEARCH_VARIABLE = "ECHOCARE_BUNDLES"
FIELDS_OF_METADATA = ("bundle_name", "version", "name", "intended_use")  # texts that reports print


def find_bundle(bundle: str | Path) -> Path:
    """Find the folder of a bundle.

    A bare name is never looked for in the current folder. That may be an export, and a folder of that name in it would
    be run: a bundle's configuration is code.

    Args:
        bundle: the name of one in `bundle_folders()`, or the path of a folder: "./name", "folder/name", ".", absolute.

    Raises:
        BundleError: no such bundle; the message lists those that are there, and where was looked.
    """
    candidates = [folder / bundle for folder in bundle_folders()] if is_name(bundle) else [Path(bundle)]
    for candidate in candidates:
        if (candidate / METADATA).is_file():
            return candidate.resolve()
    known = ", ".join(path.name for path in list_bundles()) or "none"
    looked = " and ".join(str(folder) for folder in bundle_folders())
    lacks = "" if is_name(bundle) or not Path(bundle).is_dir() else f" (the folder has no {METADATA.as_posix()})"
    raise BundleError(
        f"No bundle '{bundle}'{lacks}; found {known} in {looked}. Name one of these, give the path of a bundle "
        f"folder, such as ./{Path(bundle).name}, or add one with `echocare install`."
    )


def is_name(bundle: str | Path) -> bool:
    """Whether this is a bare name, which is looked for in `bundle_folders()` alone, and no path."""
    return str(bundle) == Path(bundle).name != ".."


def list_bundles() -> list[Path]:
    """Folders of all bundles that can be found by name, in order of name."""
    found = {path.parent.parent.name: path.parent.parent for path in _metadata_files()}
    return [found[name] for name in sorted(found)]


def bundle_folders() -> list[Path]:
    """Where bundles are looked for by name: $ECHOCARE_BUNDLES, the user's own, those that came with this package.

    `echocare install` puts new ones into the first of them.
    """
    named = os.environ.get(SEARCH_VARIABLE)
    folders = [Path(named)] if named else []
    return [*folders, user_folder(), shipped_folder()]


def user_folder() -> Path:
    """The user's own bundles, where the platform keeps a program's data, such as ~/.local/share/echocare/bundles."""
    return user_data_path("echocare", appauthor=False) / "bundles"


def shipped_folder() -> Path:
    """The bundles that come with this package: `bundles/` of a clone, or what a wheel carries inside."""
    package = Path(__file__).resolve().parent
    is_clone = (package.parent / "pyproject.toml").is_file()
    return (package.parent if is_clone else package) / "bundles"


def read_json(path: Path) -> dict[str, Any]:
    """Content of one of a bundle's JSON files, which are all objects.

    Raises:
        BundleError: missing, not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"{path} is not readable as JSON ({reason}); mend it, or restore the bundle.") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path} is JSON without names and values; needed {{...}}. Mend it, or restore the bundle.")
    return content


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read `configs/metadata.json` of a bundle.

    Raises:
        BundleError: as of `read_json`.
    """
    return read_json(folder / METADATA)


def read_identity(folder: Path) -> dict[str, str]:
    """`name` and `version` of a bundle, as its metadata have them; weights that it trains carry them.

    Raises:
        BundleError: metadata that cannot be read.
    """
    metadata = read_metadata(folder)
    return {"name": str(metadata.get("bundle_name", folder.name)), "version": str(metadata.get("version", ""))}


def _metadata_files() -> Iterator[Path]:
    for folder in reversed(bundle_folders()):
        if folder.is_dir():
            yield from folder.glob(f"*/{METADATA.as_posix()}")


def needed_version(folder: Path) -> str | None:
    """The version of this package that a bundle is made for; None where its metadata name none.

    Raises:
        BundleError: its metadata cannot be read.
    """
    packages = read_metadata(folder).get("required_packages_version")
    named = packages.get("echocare") if isinstance(packages, dict) else None
    return None if named is None else str(named)


def check_needed_version(folder: Path) -> None:
    """Check that a bundle is made for this minor version of the package, or names no version.

    Raises:
        BundleError: it needs another one; or its metadata cannot be read.
    """
    needed = needed_version(folder)
    if needed is not None and needed.split(".")[:2] != __version__.split(".")[:2]:
        raise BundleError(
            f"{folder} is made for echocare {needed}, and this is {__version__}; needed one of the same minor "
            f"version. Get the bundle of {__version__}, or run pip install 'echocare=={needed}'."
        )


def running_bundle_root(name: str) -> str:
    """The folder of the bundle whose configuration is running, for the line `bundle_root` of that configuration.

    `monai.bundle` puts the folder of the bundle it runs on Python's search path, before every other entry but the
    first. That is the only place where a configuration can learn where it stands, so that a copy works anywhere.

    Args:
        name: what the bundle's metadata calls it; the folder itself may have been renamed.

    Raises:
        BundleError: a bundle for another version of this package; or no such folder on the path: something other than
            `monai.bundle run` reads the configuration.
    """
    for entry in [*sys.path[1:], *sys.path[:1]]:
        if (Path(entry) / METADATA).is_file() and read_metadata(Path(entry)).get("bundle_name") == name:
            check_needed_version(Path(entry))
            return str(Path(entry).resolve())
    raise BundleError(f"Cannot tell where the bundle {name} stands; needed its folder. Pass --bundle_root FOLDER.")


def read_card(folder: Path, weights: Path | None = None) -> BundleCard:
    """Read what a report says about a bundle.

    Args:
        folder: of the bundle.
        weights: the file in use; the bundle's own when None.

    Raises:
        BundleError: no weights there, metadata without a name, version or intended use, or a bundle for another version
            of this package.
    """
    check_needed_version(folder)
    metadata = read_metadata(folder)
    missing = [key for key in FIELDS_OF_METADATA if not (metadata.get(key) and isinstance(metadata[key], str))]
    if missing:
        raise BundleError(
            f"{folder.name}: {METADATA.as_posix()} lacks {', '.join(missing)}; needed as text for the report. Add them."
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
        weights_sha256=sha256_of(weights),
        plausible=read_plausible(folder),
        codes=read_codes(folder),
        caution=read_caution(folder),
    )


def read_caution(folder: Path) -> str:
    """Read what speaks against everything that a bundle says: `caution` of its metadata; "" where there is nothing.

    Raises:
        BundleError: something else than text, or metadata that cannot be read.
    """
    caution = read_metadata(folder).get("caution", "")
    if not isinstance(caution, str):
        raise BundleError(
            f"{folder.name}: caution in {METADATA.as_posix()} is no text; needed one sentence. Write it so."
        )
    return caution


def read_plausible(folder: Path) -> dict[str, Plausible]:
    """Read between which numbers a bundle's measurements are believed: `plausible` of its metadata.

    Returns:
        By column of `results.csv`, or by "NAME / NAME" for a quotient of two measurements; empty where it names none.

    Raises:
        BundleError: an entry that is no range, or metadata that cannot be read.
    """
    entries = read_metadata(folder).get("plausible") or {}
    return {name: Plausible.of_entry(name, entry) for name, entry in entries.items()}


def read_codes(folder: Path) -> Codes:
    """Read the codes of a bundle's labels and measurements: `dicom` of its metadata; none where it names none.

    Raises:
        BundleError: an entry that holds no codes, or metadata that cannot be read.
    """
    entry = read_metadata(folder).get("dicom")
    return Codes() if entry is None else Codes.of_entry(entry)


def mask_labels(folder: Path) -> dict[int, str]:
    """Value and name of each label of a bundle's masks: `channel_def` of the output `pred` of its metadata, if any.

    Raises:
        BundleError: metadata that cannot be read.
    """
    formats = read_metadata(folder).get("network_data_format")
    outputs = formats.get("outputs", {}) if isinstance(formats, dict) else {}
    channels = outputs.get("pred", {}).get("channel_def", {})
    return {int(value): str(name) for value, name in channels.items() if int(value)}


def own_weights_sha256(folder: Path) -> str | None:
    """SHA-256 of the weights that are a bundle's own: what their card names, else that of its weight file.

    Returns:
        None where the bundle has neither.

    Raises:
        BundleError: a card that cannot be read.
    """
    card, weights = folder / WEIGHTS_CARD, folder / WEIGHTS
    named = read_json(card).get("sha256") if card.is_file() else None
    return str(named) if named else sha256_of(weights) if weights.is_file() else None


def bundle_of_weights(weights: Path, sha256: str) -> dict[str, str]:
    """`name` and `version` of the bundle that a weight file belongs to, as far as its checksum or its place tells.

    Args:
        weights: the file.
        sha256: of it.
    """
    place = weights.resolve().parent.parent
    places = [place] if (place / METADATA).is_file() else []
    for folder in [*list_bundles(), *places]:
        with suppress(BundleError):  # a bundle that is broken owns nothing
            if own_weights_sha256(folder) == sha256:
                return read_identity(folder)
    for folder in places:  # a file says more than where it lies
        with suppress(BundleError):
            return read_identity(folder)
    return {}
