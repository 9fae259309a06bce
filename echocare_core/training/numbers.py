"""Numbers of a training or a prediction, refused before anything is done with them."""

from __future__ import annotations

from typing import Any

from echocare_core.errors import SettingsError


def check_whole(name: str, value: Any, least: int = 1) -> int:
    """A setting that must be a whole number.

    Args:
        name: of the setting.
        value: of it.
        least: smallest that can be used.

    Raises:
        SettingsError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{name} is {value!r}; needed a whole number from {least} on. Set {name} so.")
    return value
