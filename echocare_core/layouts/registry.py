"""The layouts that are known, by name."""

from __future__ import annotations

from echocare_core.errors import SettingsError
from echocare_core.layouts.auitd import LAYOUT as AUITD
from echocare_core.layouts.ddti import LAYOUT as DDTI
from echocare_core.layouts.found import Layout
from echocare_core.layouts.tn3k import LAYOUT as TN3K
from echocare_core.layouts.tn5000 import LAYOUT as TN5000
from echocare_core.layouts.usenhance import LAYOUT as USENHANCE

LAYOUTS = {layout.name: layout for layout in (AUITD, DDTI, TN3K, TN5000, USENHANCE)}


def find_layout(name: str) -> Layout:
    """The layout of that name, in capitals or not; SettingsError where there is none."""
    try:
        return LAYOUTS[name.casefold()]
    except KeyError:
        raise SettingsError(
            f"There is no layout '{name[:40]}'; needed one of {', '.join(LAYOUTS)}. Name the data set that the folder "
            "holds."
        ) from None
