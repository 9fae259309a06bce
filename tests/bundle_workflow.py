"""A bundle's configurations run in this process, as `python -m monai.bundle run` runs them in one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow


def run_bundle(bundle: Path, configs: Sequence[str], kind: str, **settings: Any) -> None:
    """Run some of a bundle's configurations, the later ones over the first; kind "train" or "infer"."""
    workflow = ConfigWorkflow(
        config_file=[str(bundle / "configs" / name) for name in configs],
        workflow_type=kind,
        logging_file=False,
        bundle_root=str(bundle),
        **settings,
    )
    workflow.initialize()
    workflow.run()
