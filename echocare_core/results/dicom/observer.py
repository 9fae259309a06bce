"""Who says what a report says: the bundle as the algorithm and as the device that observed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydicom.dataset import Dataset

from echocare_core.results.dicom.content import CONTEXT, MODIFIER, answer_item, text_item, uid_item
from echocare_core.results.dicom.uids import uid_of
from echocare_core.types import BundleCard, Code, Origin
from echocare_core.version import MANUFACTURER

ALGORITHM_PARAMETER = Code("111002", "DCM", "Algorithm Parameters")


def algorithm_items(card: BundleCard, origin: Origin | None) -> list[Dataset]:
    """The bundle as the algorithm (PS3.16 TID 4019), with its weights, what ran it, and every setting that differs."""
    return [
        text_item(Code("111001", "DCM", "Algorithm Name"), card.name, MODIFIER),
        text_item(Code("111003", "DCM", "Algorithm Version"), card.version, MODIFIER),
        text_item(Code("122405", "DCM", "Algorithm Manufacturer"), MANUFACTURER, MODIFIER),
        *parameter_items(_parameters(card, origin)),
    ]


def parameter_items(parameters: Sequence[str] | Iterator[str]) -> list[Dataset]:
    """Parameters of an algorithm, "name=value" each."""
    return [text_item(ALGORITHM_PARAMETER, parameter, MODIFIER) for parameter in parameters]


def _parameters(card: BundleCard, origin: Origin | None) -> Iterator[str]:
    yield f"weights_sha256={card.weights_sha256}"
    if origin is None:
        return
    yield f"weights_are_the_bundles_own={json.dumps(origin.own_weights)}"
    if origin.ran is not None:
        yield f"engine={origin.ran.engine}"
        yield f"precision={origin.ran.precision}"
    for name, setting in (origin.settings or {}).items():
        yield f"{name}={json.dumps(setting.here)} (the bundle's own: {json.dumps(setting.bundle)})"


def observer_items(card: BundleCard) -> list[Dataset]:
    """The bundle with its weights as the device that observed (PS3.16 TID 1002, 1004); no person has."""
    device = ("device", card.name, card.version, card.weights_sha256)
    return [
        answer_item(Code("121005", "DCM", "Observer Type"), Code("121007", "DCM", "Device"), CONTEXT),
        uid_item(Code("121012", "DCM", "Device Observer UID"), uid_of(*device), CONTEXT),
        text_item(Code("121013", "DCM", "Device Observer Name"), card.title or card.name, CONTEXT),
        text_item(Code("121014", "DCM", "Device Observer Manufacturer"), MANUFACTURER, CONTEXT),
        text_item(Code("121015", "DCM", "Device Observer Model Name"), card.name, CONTEXT),
    ]
