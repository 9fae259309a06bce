"""What a bundle says, as JSON that gives back the same values, to the bit; reading it runs no code."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

import echocare_core.types

_TYPES = vars(echocare_core.types)
_KINDS = {name: kind for name, kind in _TYPES.items() if isinstance(kind, type) and is_dataclass(kind)}


def encode(value: Any) -> Any:
    """A value for `json.dumps`: numbers, texts, arrays, tuples, lists, mappings, and the dataclasses of `types`.

    Raises:
        TypeError: any other value.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        data = np.ascontiguousarray(value)
        shape = list(value.shape) if isinstance(value, np.ndarray) else None
        return {"numpy": [data.dtype.str, shape, base64.b64encode(data.tobytes()).decode("ascii")]}
    if isinstance(value, (tuple, list)):
        return {"tuple" if isinstance(value, tuple) else "list": [encode(one) for one in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[encode(key), encode(one)] for key, one in value.items()]}
    if type(value).__name__ in _KINDS:
        return {"is": type(value).__name__, **{one.name: encode(getattr(value, one.name)) for one in fields(value)}}
    raise TypeError(f"a {type(value).__name__} cannot be kept")


def decode(value: Any) -> Any:
    """The value of which `encode` made this.

    Raises:
        KeyError, TypeError, ValueError: `encode` made nothing like it.
    """
    if not isinstance(value, dict):
        return value
    if "is" in value:
        kind = _KINDS[value.pop("is")]
        return kind(**{name: decode(one) for name, one in value.items()})
    [(form, content)] = value.items()
    return _DECODERS[form](content)


def _decode_numpy(content: Any) -> Any:
    kind, shape, data = content
    array = np.frombuffer(base64.b64decode(data), np.dtype(kind)).copy()
    return array[0] if shape is None else array.reshape(shape)


_DECODERS = {
    "numpy": _decode_numpy,
    "tuple": lambda content: tuple(decode(one) for one in content),
    "list": lambda content: [decode(one) for one in content],
    "mapping": lambda content: {decode(key): decode(one) for key, one in content},
}
