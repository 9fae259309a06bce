"""Weight files, read within bounds and without running code."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from echocare_core.bundle import read_json
from echocare_core.checksum import sha256_of
from echocare_core.errors import BundleError, WeightsError
from echocare_core.models.identity import bundle_of, name_bundle

WRAPPERS = ("state_dict", "model")
DAMAGE = (  # what torch.load, zipfile and safetensors raise on other files, found by feeding them such files
    *(pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError),
    *(AssertionError, AttributeError, struct.error, zipfile.BadZipFile, zlib.error, MemoryError),
)
ROOM = b"bytearray\n"  # that PyTorch lets a file call with any size, and fills
ARCHIVE = b"PK\x03\x04"  # how a file of torch.save begins
NAMES_SHOWN = 5


def read_state_dict(path: Path) -> OrderedDict[str, Tensor]:
    """Read name -> tensor from a weight file, without running any code that stands in it.

    Returns:
        Plain tensors on the CPU; of a file of `torch.save` they lie in the file until they are used. What it says
        of its bundle stays with it (`echocare_core.models.identity`).

    Raises:
        WeightsError: missing, not a weight file, without tensors, damaged, larger unpacked than packed, or with tensors
            that have no numbers of their own.
    """
    _check_there(path)
    try:
        content = _read(path)
    except DAMAGE as error:
        raise WeightsError(
            f"{path.name} is not a weight file that can be read safely; needed a state dict written by torch.save or "
            f"safetensors. Download it again, or save `model.state_dict()` anew."
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(
            f"{path.name} holds {type(content).__name__} without a state dict; needed name -> tensor, bare or under "
            f"'state_dict' or 'model'. Save `model.state_dict()`."
        )
    _check_plain(content, path.name)
    state = {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
    return name_bundle(state, bundle_of(content))


def check_card(path: Path) -> str:
    """Compare a weight file with the checksum that the card beside it names; without a card there is nothing to say.

    Returns:
        SHA-256 of the file.

    Raises:
        WeightsError: the card names another file, or there is none.
    """
    _check_there(path)
    found, card, named = sha256_of(path), path.with_suffix(".json"), None
    with suppress(BundleError):  # a file of that name that is no card
        named = read_json(card).get("sha256") if card.is_file() else None
    if named and named != found:
        raise WeightsError(
            f"{path.name} has the sha256 {found}, and its card {card.name} names {named}; needed the file that the "
            f"card is about. Get the weights again; if they are new ones, write their checksum into the card."
        )
    return found


def _check_there(path: Path) -> None:
    if not path.is_file():
        found = f"No weight file at {path}" if path.name else "The path of a weight file is empty"
        raise WeightsError(f"{found}; needed a .pth, .pt or .safetensors file. Check the path.")


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    with path.open("rb") as file:
        archive = file.read(len(ARCHIVE)) == ARCHIVE
    if archive:
        check_archive(path)
    elif path.stat().st_size:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            _check_program(content.find(ROOM) >= 0)
    # mapped, a tensor cannot reach beyond its file, whatever size it claims
    return torch.load(path, map_location="cpu", weights_only=True, mmap=archive)


def check_archive(path: Path) -> None:
    """Compare every record of a file of `torch.save` with its CRC-32, which `torch.load` does not look at.

    Raises:
        WeightsError: it unpacks to more than it has, which `torch.save` never writes.
        BadZipFile: a record is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked, packed = sum(entry.file_size for entry in archive.infolist()), path.stat().st_size
        if unpacked > packed:
            raise WeightsError(
                f"{path.name} has {packed} bytes and says that it unpacks to {unpacked}; needed a file of torch.save, "
                f"which is not compressed. Save `model.state_dict()` anew."
            )
        if archive.testzip() is not None:
            raise zipfile.BadZipFile("an entry has another checksum")
        _check_program(any(ROOM in archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")))


def _check_program(asks_for_room: bool) -> None:
    if asks_for_room:
        raise pickle.UnpicklingError("it asks for memory that no tensor needs")


def _check_plain(state: Mapping[str, Tensor], name: str) -> None:
    odd = [f"{key}: {_fault(tensor)}" for key, tensor in state.items() if _fault(tensor)]
    if odd:
        raise WeightsError(
            f"{name} holds tensors that cannot be weights ({some(odd)}); needed every number of every tensor in the "
            f"file. Save `model.state_dict()` anew."
        )


def _fault(tensor: Tensor) -> str | None:
    if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        return "meta" if tensor.is_meta else "quantized" if tensor.is_quantized else "not dense"
    repeats = any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True))
    is_larger = tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes()
    return "expanded" if repeats or is_larger else None


def some(names: list[str]) -> str:
    """The first of some names, for a message."""
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
