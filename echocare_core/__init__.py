"""Open ultrasound foundation model: from a hospital's DICOM export to a clinical result.

    import echocare_core as echocare

    results = echocare.predict("fetal_head_segmentation", "EXPORT", "OUT")
    for row in results:
        print(row["source"], row.get("head_circumference_mm", "not calibrated"))

Public names are found when they are asked for, so that importing this package does not import PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from echocare_core.version import __version__ as __version__

if TYPE_CHECKING:
    from echocare_core.archive import pack
    from echocare_core.arrivals.studies import WatchOrders
    from echocare_core.arrivals.watch import watch
    from echocare_core.assessment.evaluate import evaluate
    from echocare_core.bundle import find_bundle, list_bundles
    from echocare_core.checks import check
    from echocare_core.frames import read_export, read_frames
    from echocare_core.installation import install
    from echocare_core.integrations.service import serve
    from echocare_core.inventory.inspection import inspect_export
    from echocare_core.models import build_encoder, load_encoder, save_encoder
    from echocare_core.pacs.fetch import fetch
    from echocare_core.pacs.query import StudyQuery
    from echocare_core.pacs.send import send
    from echocare_core.prediction import predict
    from echocare_core.routing import predict_auto

_HOMES = {
    "StudyQuery": "echocare_core.pacs.query",
    "WatchOrders": "echocare_core.arrivals.studies",
    "build_encoder": "echocare_core.models",
    "check": "echocare_core.checks",
    "evaluate": "echocare_core.assessment.evaluate",
    "fetch": "echocare_core.pacs.fetch",
    "find_bundle": "echocare_core.bundle",
    "list_bundles": "echocare_core.bundle",
    "install": "echocare_core.installation",
    "inspect_export": "echocare_core.inventory.inspection",
    "load_encoder": "echocare_core.models",
    "pack": "echocare_core.archive",
    "predict": "echocare_core.prediction",
    "predict_auto": "echocare_core.routing",
    "read_export": "echocare_core.frames",
    "read_frames": "echocare_core.frames",
    "save_encoder": "echocare_core.models",
    "send": "echocare_core.pacs.send",
    "serve": "echocare_core.integrations.service",
    "watch": "echocare_core.arrivals.watch",
}

__all__ = [
    "StudyQuery",
    "WatchOrders",
    "build_encoder",
    "check",
    "evaluate",
    "fetch",
    "find_bundle",
    "inspect_export",
    "install",
    "list_bundles",
    "load_encoder",
    "pack",
    "predict",
    "predict_auto",
    "read_export",
    "read_frames",
    "save_encoder",
    "send",
    "serve",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'echocare_core' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
