"""Which bundle weights belong to: its name and version, inside their own state dict.

PyTorch keeps `_metadata` beside the tensors of a state dict: it is saved and loaded with them, also by `weights_only`,
and each module is handed the entry of its own name. An entry that no module has travels along and changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

ENTRY = "echocare"


def name_bundle(state: Mapping[str, Tensor], bundle: Mapping[str, str]) -> OrderedDict[str, Tensor]:
    """A state dict that says which bundle it belongs to, for `torch.save`.

    Args:
        state: name -> tensor, as `state_dict()` of a network gives it.
        bundle: `name` and `version`, from `echocare_core.bundle.read_identity`.
    """
    named = OrderedDict(state)
    named._metadata = {**getattr(state, "_metadata", {}), ENTRY: dict(bundle)}  # type: ignore[attr-defined]
    return named


def bundle_of(state: Any) -> dict[str, str]:
    """`name` and `version` of the bundle that a state dict says it belongs to; empty where it says nothing."""
    named = getattr(state, "_metadata", None)
    entry = named.get(ENTRY) if isinstance(named, Mapping) else None
    return {str(key): str(value) for key, value in entry.items()} if isinstance(entry, Mapping) else {}


def digest_state(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of all numbers of a state dict, the same in whichever file and float precision they were stored."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        plain = tensor.detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name} {tuple(plain.shape)} ".encode() + plain.numpy().tobytes())
    return digest.hexdigest()
