"""Every bundle for a clinical task is tested, from the day its folder is there; pretraining has tests of its own."""

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


@pytest.fixture
def metadata(bundle: Path) -> dict[str, Any]:
    """Its configs/metadata.json."""
    return json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
