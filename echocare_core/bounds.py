"""Numbers that a configuration sets, kept within what they can mean: beyond it most change answers in silence."""

from __future__ import annotations

import math
from typing import Any

from echocare_core.errors import SettingsError


def check_share(setting: str, value: Any) -> None:
    """SettingsError unless a value, such as a probability, is a number from 0 to 1."""
    _check(_is_number(value) and 0 <= value <= 1, setting, value, "a number from 0 to 1")


def check_above_0(setting: str, value: Any) -> None:
    """SettingsError unless a value is a finite number above 0."""
    _check(_is_number(value) and value > 0, setting, value, "a number above 0")


def check_count(setting: str, value: Any) -> None:
    """SettingsError unless a value counts something of which there is one at least."""
    _check(type(value) is int and value > 0, setting, value, "a whole number from 1 on")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _check(fits: bool, setting: str, value: Any, needed: str) -> None:
    if not fits:
        raise SettingsError(f"{setting} is {value!r}; needed {needed}. Set {setting} so.")
