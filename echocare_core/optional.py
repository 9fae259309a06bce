"""Packages that only an extra of this one brings: looked for before they are needed, imported once they are."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from echocare_core.errors import EchoCareError, EngineError

# Module to what people call it, and the extra that brings it.
PACKAGES = {
    "av": ("PyAV", "video"),
    "dicomanonymizer": ("dicom-anonymizer", "privacy"),
    "dicomweb_client": ("dicomweb-client", "pacs"),
    "fastapi": ("FastAPI", "service"),
    "holoscan": ("monai-deploy-app-sdk", "deploy"),
    "itk": ("ITK", "itk"),
    "nibabel": ("nibabel", "nifti"),
    "nncf": ("NNCF", "openvino"),
    "onnx": ("onnx", "openvino"),
    "onnxscript": ("onnxscript", "openvino"),
    "openvino": ("OpenVINO", "openvino"),
    "pyarrow": ("pyarrow", "parquet"),
    "pynetdicom": ("pynetdicom", "pacs"),
    "python_multipart": ("python-multipart", "service"),
    "requests": ("requests", "pacs"),
    "urllib3": ("urllib3", "pacs"),
    "uvicorn": ("uvicorn", "service"),
}
TELEMETRY = "openvino_telemetry"  # both OpenVINO and NNCF do without where it cannot be imported


def is_installed(module: str) -> bool:
    """Whether a module can be imported; it is not imported."""
    try:
        return find_spec(module) is not None
    except ValueError:  # it was put out of reach
        return False


def check_installed(*modules: str, subject: str, error: Callable[[str], EchoCareError]) -> None:
    """Check that optional packages are there, without importing them.

    Args:
        modules: keys of `PACKAGES`, all of one extra.
        subject: what needs them, as a sentence begins: "An ONNX file".
        error: makes the error from the sentence, such as the class of the errors of that part.

    Raises:
        EchoCareError: of `error`, where one is missing; the sentence says how to install it.
    """
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        raise error(_sentence(missing, subject))


def import_package(module: str, *, subject: str, error: Callable[[str], EchoCareError]) -> Any:
    """Import a module of an optional package; `subject`, `error` and what is raised are as in `check_installed`."""
    try:
        return importlib.import_module(module)
    except ImportError as fault:
        raise error(_sentence([module.partition(".")[0]], subject)) from fault


def import_without_telemetry(module: str) -> Any:
    """Import `openvino` or `nncf` without its log, and without telemetry that reports each conversion.

    Nothing is sent unless the process imported the package by itself before.

    Raises:
        EngineError: not installed.
    """
    check_installed(module, subject="This engine", error=EngineError)
    reachable = sys.modules.pop(TELEMETRY, None)
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    try:
        package = importlib.import_module(module)
    finally:
        del sys.modules[TELEMETRY]
        if reachable is not None:
            sys.modules[TELEMETRY] = reachable
    logging.getLogger(module).setLevel(logging.ERROR)
    return package


def _sentence(missing: list[str], subject: str) -> str:
    names, extra = " and ".join(PACKAGES[module][0] for module in missing), PACKAGES[missing[0]][1]
    return f"{subject} needs {names}, not installed here. Run pip install 'echocare[{extra}]'."
