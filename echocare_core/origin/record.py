"""What is written about how a result was made."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from echocare_core.bundle import own_weights_sha256, read_card
from echocare_core.origin.running import Running
from echocare_core.types import BundleCard, Origin, Ran
from echocare_core.version import __version__

# What reads an image, prepares it and computes with it.
PACKAGES = ("monai", "torch", "numpy", "scipy", "scikit-image", "pydicom", "imagecodecs", "pillow")
OF_ENGINES = {"openvino": ("openvino",)}


def what_ran(engine: object) -> Ran | None:
    """What runs the network of MONAI's engine; None where `load_engine` has not loaded it."""
    ran = getattr(getattr(engine, "network", None), "ran", None)
    return ran if isinstance(ran, Ran) else None


def find_origin(
    card: BundleCard, folder: Path, ran: Ran | None, running: Running | None, configs: Sequence[str]
) -> tuple[BundleCard, Origin]:
    """What is known of a run when it begins.

    Args:
        card: of the bundle, with the checksum of the weights.
        folder: of the bundle.
        ran: what runs the network (`what_ran`); None where that is not known.
        running: the configuration; None where the parts were put together by hand.
        configs: names of the bundle's files that a run of this kind is made of.

    Returns:
        The card with the checksum of the file that really runs, and how the result is made.
    """
    origin = Origin(
        own_weights=card.weights_sha256 == own_weights_sha256(folder),
        ran=ran,
        settings=None if running is None else running.settings(configs),
        packages=_versions(ran),
    )
    return card if ran is None else replace(card, weights_sha256=next(iter(ran.files.values()))), origin


def describe_origin(card: BundleCard, origin: Origin) -> dict[str, Any]:
    """How a result was made, for JSON; the same run gives the same text."""
    ran, settings = origin.ran, origin.settings
    return {
        "bundle": card.name,
        "version": card.version,
        "weights_sha256": card.weights_sha256,
        "weights_are_the_bundles_own": origin.own_weights,
        "engine": ran and ran.engine,
        "precision": ran and ran.precision,
        "device": ran and ran.device,
        "files_sha256": dict(ran.files) if ran else {},
        "settings_that_differ": settings if settings is None else {key: one._asdict() for key, one in settings.items()},
        "packages": dict(origin.packages),
    }


def describe_run(
    running: Running | None, ran: Ran | None, weights: str | Path, configs: Sequence[str]
) -> dict[str, Any]:
    """`describe_origin` of a run that has no card yet; empty where no configuration is running.

    Args:
        running: the configuration.
        ran: as for `find_origin`.
        weights: the file in use.
        configs: as for `find_origin`.

    Raises:
        BundleError: the bundle says too little of itself (`read_card`).
    """
    if running is None:
        return {}
    card = read_card(running.folder, Path(weights))
    return describe_origin(*find_origin(card, running.folder, ran, running, configs))


def _versions(ran: Ran | None) -> Mapping[str, str]:
    names = (*PACKAGES, *(OF_ENGINES.get(ran.engine, ()) if ran else ()))
    found = {name: _version(name) for name in names}
    known = {name: number for name, number in found.items() if number}
    return {"echocare": __version__, "python": platform.python_version(), **known}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
