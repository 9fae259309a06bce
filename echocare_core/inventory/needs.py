"""What is usable for which bundle, as far as headers tell.

A bundle names what it needs in `configs/metadata.json`, for example

    "needs": {"two_d": true, "frames": 16}

and without that entry takes every picture. No header says which organ a picture shows, and nobody guesses it here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echocare_core.bundle import METADATA, list_bundles, read_metadata
from echocare_core.errors import BundleError
from echocare_core.inventory.copies import USED
from echocare_core.printable import printable

logger = logging.getLogger(__name__)

# Name of a need, and the SQL condition that a file fulfils it; ? stands for the value.
CONDITIONS = {
    "two_d": "regions = '' OR regions LIKE '%tissue%' OR regions LIKE '%colour_flow%'",  # not only M-mode or spectra
    "colour_flow": "regions LIKE '%colour_flow%'",
    "calibrated": "row_mm NOT NULL",
    "frame_times": "timed",
    "frames": "frames >= {value}",
}


def bundle_conditions() -> dict[str, str]:
    """For each bundle that can be found by name, the SQL condition that a file is usable for it.

    One whose metadata are broken is left out, which the log says.

    Raises:
        BundleError: a bundle names a need that there is not.
    """
    needs = {folder.name: _needs_of(folder) for folder in list_bundles()}
    return {name: condition_of(name, wanted) for name, wanted in needs.items() if wanted is not None}


def _needs_of(folder: Path) -> Mapping[str, Any] | None:
    try:
        needs = read_metadata(folder).get("needs", {})
        if not isinstance(needs, Mapping):
            raise BundleError(f"{folder / METADATA} has needs without names and values; needed {{...}}. Mend it.")
    except BundleError as error:
        logger.warning("Bundle %s is left out: %s", printable(folder.name), error)
        return None
    return needs


def condition_of(bundle: str, needs: Mapping[str, Any]) -> str:
    """The SQL condition for the needs of one bundle; BundleError for a need that there is not."""
    for name, wanted in needs.items():
        if name not in CONDITIONS or type(wanted) is not (int if name == "frames" else bool):
            raise BundleError(
                f"{bundle} needs {name} = {wanted!r}; known are frames (a number) and {', '.join(CONDITIONS)} (true or "
                f"false). Correct its configs/metadata.json."
            )
    parts = [f"({CONDITIONS[name].format(value=wanted)})" for name, wanted in needs.items() if wanted]
    return " AND ".join([USED, *parts])
