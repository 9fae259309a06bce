"""Every bundle is tested from the day its folder is there: all alike, and those of a task by what its tests ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BUNDLES = sorted(path.parent.parent for path in Path(__file__).parents[2].glob("bundles/*/configs/inference.json"))


@pytest.fixture(params=BUNDLES, ids=lambda path: path.name)
def bundle(request: pytest.FixtureRequest) -> Path:
    """The folder of one bundle."""
    return request.param


@pytest.fixture(params=[path for path in BUNDLES if not path.name.endswith("pretraining")], ids=lambda path: path.name)
def task_bundle(request: pytest.FixtureRequest) -> Path:
    """The folder of one bundle for a clinical task; pretraining has a trainer of its own."""
    return request.param


@pytest.fixture(params=[path for path in BUNDLES if path.name.endswith("segmentation")], ids=lambda path: path.name)
def segmentation_bundle(request: pytest.FixtureRequest) -> Path:
    """The folder of one bundle that gives masks."""
    return request.param


@pytest.fixture
def metadata(bundle: Path) -> dict[str, Any]:
    """Its configs/metadata.json."""
    return json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
