"""Settings of a run that cannot be, refused by name before anything is built.

They are of another kind than the value that they replace, or say otherwise what the outputs of a network are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from echocare_core.errors import SettingsError

RATE_OF_OPTIMISER = "optimizer#lr"
RATES = ("learning_rate", RATE_OF_OPTIMISER)
# What the outputs of a network are, in order, by which it was trained: other names only call its answers otherwise.
OUTPUTS = ("classes", "label_names", "labels", "organs", "axes", "points", "structures")
_MEANT_BY_MONAI = ("$", "@", "%")


def check_kinds(settings: Mapping[str, Any], own: Mapping[str, Any], *, literal: bool = False) -> None:
    """Check that numbers take the place of numbers, lists that of lists of as many, and yes or no that of yes or no.

    Args:
        settings: name of an entry at the top of a configuration, or of the optimiser's learning rate -> value. Of names
            of what lies deeper, such as "dataset#transforms#0#anti_aliasing", only yes and no are looked at.
        own: the configuration before they are set. Entries in it that are texts, null or built may become anything.
        literal: whether texts are what they are; else one that begins with $, @ or % is MONAI's and may become
            anything.

    Raises:
        SettingsError: it names the setting, and what is needed; also for a rate of the optimiser where its groups of
            parameters have rates of their own, which PyTorch would prefer in silence.
    """
    optimizer = own.get("optimizer")
    for name, value in settings.items():
        name = name.removeprefix("+").replace("::", "#")
        if name == RATE_OF_OPTIMISER and isinstance(optimizer, Mapping) and "lr" not in optimizer:
            raise SettingsError(
                f"{name} would change nothing, for encoder and decoder have rates of their own; needed learning_rate "
                f"or encoder_factor. Set these."
            )
        usual = _usual("learning_rate" if name in RATES else name, own)
        needed = _needed(name, usual)
        if needed and not (_is_of_monai(value) and not literal) and not _fits(name, value, usual):
            raise SettingsError(f"{name} is {value!r}; needed {needed}, such as {usual}. Set {name} so.")


def check_outputs(settings: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Check that no setting says otherwise what the outputs of a network are: `OUTPUTS`, wherever they stand.

    Args:
        settings: name of an entry at any depth of a configuration, such as "classes#0" -> value.
        own: the configuration before they are set.

    Raises:
        SettingsError: it names the setting, and what the bundle has.
    """
    for name, value in settings.items():
        parts = name.removeprefix("+").replace("::", "#").split("#")
        usual = _found(parts, own)
        if isinstance(usual, str) and usual.startswith("@"):
            usual = _found(usual[1:].replace("::", "#").split("#"), own)
        if not set(OUTPUTS).isdisjoint(parts) and _in_json(value) != _in_json(usual):
            raise SettingsError(
                f"{name} is {_in_json(value)}; needed {_in_json(usual)}, for so the bundle's network was trained, and "
                f"other names would only swap or rename its answers. Leave {name} out."
            )


def _in_json(value: Any) -> str:
    return json.dumps(value, default=str)


def _usual(name: str, own: Mapping[str, Any]) -> Any:
    """The value that a setting replaces; of one that lies deeper only where it is yes or no."""
    found = _found(name.split("#"), own)
    return found if "#" not in name or isinstance(found, bool) else None


def _found(parts: Sequence[str], own: Mapping[str, Any]) -> Any:
    """What stands at a place in a configuration; None where nothing does."""
    top, *deeper = parts
    found = own.get(top)
    for key in deeper:
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _needed(name: str, own: Any) -> str:
    if isinstance(own, bool):
        return "True or False (in JSON true or false)"
    if isinstance(own, int):
        return "a whole number"
    if isinstance(own, float):
        return "a number above 0" if name in RATES else "a number"
    if isinstance(own, list) and own and all(_needed("", one) == "a whole number" for one in own):
        return f"a list of {len(own)} whole numbers above 0"
    return ""


def _fits(name: str, value: Any, own: Any) -> bool:
    if isinstance(own, list):
        whole = isinstance(value, (list, tuple)) and len(value) == len(own)
        return whole and all(type(one) is int and one > 0 for one in value)
    if isinstance(own, float):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return is_number and (value > 0 or name not in RATES)
    return type(value) is type(own)


def _is_of_monai(value: Any) -> bool:
    """Whether a text stands for something else, which is not known yet."""
    return isinstance(value, str) and value.startswith(_MEANT_BY_MONAI)
