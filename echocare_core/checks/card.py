"""What a bundle says of itself: metadata, versions, and the card of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from echocare_core.bundle import (
    FIELDS_OF_METADATA,
    check_needed_version,
    needed_version,
    read_caution,
    read_json,
    read_metadata,
)
from echocare_core.checks.files import CARD, WEIGHTS
from echocare_core.checksum import sha256_of

SCHEMA = Path(__file__).with_name("metadata_schema.json")
PACKAGES = {"monai": "monai", "torch": "pytorch", "numpy": "numpy"}  # as pip calls them: as metadata do
FIELDS_OF_WEIGHTS = ("origin", "data", "licence", "sha256", "training", "command", "results")


def check_metadata(folder: Path) -> Iterator[str]:
    """The metadata follow MONAI's bundle specification."""
    for error in Draft7Validator(read_json(SCHEMA)).iter_errors(read_metadata(folder)):
        yield f"metadata.json: {'.'.join(map(str, error.path)) or 'it'}: {error.message}; mend that entry."


def check_changelog(folder: Path) -> Iterator[str]:
    """The changelog tells of the version that this is."""
    metadata = read_metadata(folder)
    if metadata.get("version") not in metadata.get("changelog", {}):
        yield f"The changelog in metadata.json does not tell of version {metadata.get('version')}; say what changed."


def check_package_version(folder: Path) -> Iterator[str]:
    """The bundle names the version of this package that it is made for, and that version may run it."""
    if needed_version(folder) is None:
        yield "metadata.json names no version of echocare under required_packages_version; add it."
    check_needed_version(folder)


def check_requirements(folder: Path) -> Iterator[str]:
    """The packages that the metadata name can be installed as they are named: the Model Zoo makes `NAME==VERSION`."""
    metadata = read_metadata(folder)
    named = {name: metadata.get(f"{called}_version") for name, called in PACKAGES.items()}
    for key in ("required_packages_version", "optional_packages_version"):
        named |= metadata.get(key) or {}
    for name, version in named.items():
        try:
            Requirement(f"{name}=={version}")
            Version(str(version))
        except (InvalidRequirement, InvalidVersion):
            yield f"metadata.json asks for {name} {version}; name a package and one whole version of it, such as 1.6.1."


def check_fields(folder: Path) -> Iterator[str]:
    """Metadata and card have the fields that reports and pages print."""
    yield from _missing(read_metadata(folder), FIELDS_OF_METADATA, "metadata.json")
    if (folder / CARD).is_file():
        measured = not read_caution(folder)  # a bundle that cautions against itself may have nothing to show
        fields = tuple(name for name in FIELDS_OF_WEIGHTS if measured or name != "results")
        yield from _missing(read_json(folder / CARD), fields, CARD)


def _missing(found: dict[str, Any], fields: tuple[str, ...], name: str) -> Iterator[str]:
    yield from (f"{name} has no {field}; add it." for field in fields if not found.get(field))


def check_checksum(folder: Path) -> Iterator[str]:
    """The card belongs to the weights."""
    found = sha256_of(folder / WEIGHTS)
    if read_json(folder / CARD).get("sha256") != found:
        yield f"{WEIGHTS} has the sha256 {found}, {CARD} names another; get the weights again, or write their card."
