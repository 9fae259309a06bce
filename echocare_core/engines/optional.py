"""Packages that are not always there: looked for before they are needed, and imported without their telemetry."""

from __future__ import annotations

import importlib
import logging
import sys
from importlib.util import find_spec
from typing import Any

from echocare_core.errors import EngineError

INSTALL = "pip install 'echocare[openvino]'"
TELEMETRY = "openvino_telemetry"  # both OpenVINO and NNCF do without where it cannot be imported


def check_installed(*packages: str) -> None:
    """Check that optional packages are there, without importing them.

    Raises:
        EngineError: one is not; the message says how to install it.
    """
    missing = [package for package in packages if not is_installed(package)]
    if missing:
        raise EngineError(f"{' and '.join(missing)} not installed, but needed for this engine. Run {INSTALL}.")


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported."""
    try:
        return find_spec(package) is not None
    except ValueError:  # it was put out of reach
        return False


def quietly_imported(package: str) -> Any:
    """Import `openvino` or `nncf` without its log, and without telemetry that reports each conversion.

    Nothing is sent unless the process imported the package by itself before.

    Raises:
        EngineError: not installed.
    """
    check_installed(package)
    reachable = sys.modules.pop(TELEMETRY, None)
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    try:
        module = importlib.import_module(package)
    finally:
        del sys.modules[TELEMETRY]
        if reachable is not None:
            sys.modules[TELEMETRY] = reachable
    logging.getLogger(package).setLevel(logging.ERROR)
    return module
