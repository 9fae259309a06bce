"""How a result was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Ran:
    """What ran a network.

    Attributes:
        engine: "torch" or "openvino".
        precision: in which it computed: "float32", "tf32", "bfloat16", or "int8, else" one of them.
        device: "cpu", or "cuda:0 (NVIDIA H100)".
        files: name of each file it was read from -> SHA-256 of the file, the one that decides the numbers first.
    """

    engine: str
    precision: str
    device: str
    files: Mapping[str, str]


class Setting(NamedTuple):
    """An entry of a configuration that is not the bundle's own.

    Attributes:
        here: its value in this run; None where the entry was taken out.
        bundle: its value in the bundle; None where the bundle has none.
    """

    here: object
    bundle: object


@dataclass(frozen=True)
class Origin:
    """How a result was made.

    Attributes:
        own_weights: whether the weights are those that the bundle's card names.
        ran: what ran the network; None where the bundle's configuration does not load it by `load_engine`.
        settings: every entry of the configuration that differs from the bundle's; None where no configuration was run.
        packages: version of each package that has a part in the numbers.
    """

    own_weights: bool
    ran: Ran | None
    settings: Mapping[str, Setting] | None
    packages: Mapping[str, str]
