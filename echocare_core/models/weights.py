"""Encoder weight files: read strictly, in every form they travel in, and written so that others can read them."""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from echocare_core.atomic import replacing
from echocare_core.errors import SettingsError, WeightsError
from echocare_core.models.encoder import Encoder, build_encoder
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.profiles import EncoderProfile, describe, named_profile

EMBEDDED = Path(__file__).parent / "embedded" / "encoder.safetensors"
WRAPPERS = ("state_dict", "model")
PATCH, HIDDEN = "patch_embed.proj.weight", "layers1.0.blocks.0.mlp.linear1.weight"
STAGES = ("layers1.0", "layers2.0", "layers3.0", "layers4.0")
TABLES = tuple(f"{stage}.blocks.0.attn.relative_position_bias_table" for stage in STAGES)
DIMENSIONS = {PATCH: 4, HIDDEN: 2, **dict.fromkeys(TABLES, 2)}  # of the tensors whose shapes tell the profile
DAMAGE = (  # what torch.load and safetensors raise on other files, found by feeding them such files
    *(pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError),
    *(AssertionError, AttributeError, struct.error),
)
NAMES_SHOWN = 5


def load_encoder(path: str | Path = EMBEDDED) -> Encoder:
    """Load an encoder; its profile is read off the shapes in the file.

    Args:
        path: `.pth` / `.pt` or `.safetensors`: a state dict, bare or nested under `state_dict` or `model`, with or
            without the prefix `module.`, with or without `mask_token`. By default the small pretrained encoder that
            comes with this package, whose card lies beside it.

    Returns:
        The encoder of `build_encoder`, in evaluation mode, on the CPU, in float32.

    Raises:
        WeightsError: the file is missing, is not a weight file, or its keys and shapes are not those of an encoder; the
            message names the first missing, unexpected and mis-shaped keys.
    """
    path = Path(path)
    state = read_state_dict(path)
    mask_token = state.pop("mask_token", None)
    profile = infer_profile(state, path.name)
    try:
        encoder = build_encoder(profile)
    except (ValueError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(
            f"{path.name}: its shapes tell {describe(profile)}; needed numbers that an encoder can have. "
            "Download it again."
        ) from error
    load_strictly(encoder, state, path.name)
    if mask_token is not None:
        if mask_token.shape != encoder.mask_token.shape:
            raise WeightsError(
                f"{path.name}: mask_token has shape {tuple(mask_token.shape)}; needed "
                f"{tuple(encoder.mask_token.shape)}. Use the weights that belong together."
            )
        encoder.mask_token.copy_(mask_token)
    return encoder.eval()


def starting_encoder(profile: str | EncoderProfile, weights: str | Path | None) -> Encoder:
    """The encoder that a training starts from, in training mode.

    Args:
        profile: name of the encoder's profile, or its numbers.
        weights: file of an encoder of that profile, as `load_encoder` reads it; "embedded" for the one that comes with
            this package; random weights when None.

    Raises:
        SettingsError: an unknown profile name, or weights of another profile.
        WeightsError: see `load_encoder`.
    """
    if weights is None:
        return build_encoder(profile)
    encoder, wanted = load_encoder(EMBEDDED if weights == "embedded" else weights), named_profile(profile)
    if encoder.profile != wanted:
        raise SettingsError(
            f"{Path(weights).name} holds the encoder {describe(encoder.profile)}; needed {describe(wanted)}. Set "
            "`encoder` to that of the file, or `encoder_weights` to None to start from random weights."
        )
    return encoder.train()


def save_encoder(encoder: Encoder, path: str | Path) -> None:
    """Write an encoder as the published checkpoint is written: its state dict plus `mask_token`.

    Whoever pops `mask_token` can load the rest strictly into MONAI's own `SwinTransformer`.

    Args:
        encoder: what `build_encoder` or `load_encoder` returned.
        path: ends in `.safetensors` for that format; PyTorch's own otherwise. Replaced in one step.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    state["mask_token"] = encoder.mask_token.detach().cpu().clone()
    with replacing(Path(path)) as unfinished:
        if Path(path).suffix == ".safetensors":
            safetensors.torch.save_file(state, unfinished)
        else:
            torch.save(state, unfinished)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read name -> tensor from a weight file, without running any code that stands in it.

    What it says of its bundle stays with it (`echocare_core.models.identity`).

    Raises:
        WeightsError: missing, not a weight file, or without tensors.
    """
    if not path.is_file():
        raise WeightsError(f"No weight file at {path}; needed a .pth, .pt or .safetensors file. Check the path.")
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
    state = {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
    return name_bundle(state, bundle_of(content))


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def infer_profile(state: Mapping[str, Tensor], name: str) -> EncoderProfile:
    """Read the numbers of an encoder off the shapes of its weights.

    Raises:
        WeightsError: the tensors that tell them are missing or have another number of dimensions; the message names
            them.
    """
    unfit = [key for key, dimensions in DIMENSIONS.items() if key not in state or state[key].ndim != dimensions]
    if unfit:
        raise WeightsError(
            f"{name} is not an EchoCare encoder: found {len(state)} tensors such as {_some(sorted(state))}; missing or "
            f"mis-shaped: {_some(unfit)}. If they stand under a prefix of another model, take it off first."
        )
    patch, tables = state[PATCH], [state[table] for table in TABLES]
    return EncoderProfile(
        embed_dim=patch.shape[0],
        depths=tuple(_depth(state, stage) for stage in STAGES),
        num_heads=tuple(table.shape[1] for table in tables),
        patch_size=patch.shape[-1],
        window_size=(round(tables[0].shape[0] ** 0.5) + 1) // 2,
        mlp_ratio=state[HIDDEN].shape[0] / max(1, patch.shape[0]),
    )


def _depth(state: Mapping[str, Tensor], stage: str) -> int:
    blocks = [re.match(rf"{re.escape(stage)}\.blocks\.(\d+)\.", key) for key in state]
    return len({block.group(1) for block in blocks if block})


def load_strictly(module: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy a state dict into a module; every name and shape must agree.

    Raises:
        WeightsError: the message names the first missing, unexpected and mis-shaped keys.
    """
    wanted = module.state_dict()
    faults = {
        "missing": sorted(wanted.keys() - state.keys()),
        "unexpected": sorted(state.keys() - wanted.keys()),
        "mis-shaped": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
            for key in wanted
            if key in state and state[key].shape != wanted[key].shape
        ],
    }
    found = [f"{len(keys)} {fault} ({_some(keys)})" for fault, keys in faults.items() if keys]
    if found:
        raise WeightsError(
            f"{name} does not fit the network: {'; '.join(found)}. Needed exactly its {len(wanted)} tensors: use the "
            f"weights that belong to this network, or name the profile they were made with."
        )
    broken = [key for key, tensor in state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise WeightsError(
            f"{name} holds numbers that are not finite ({_some(broken)}); needed finite weights. Download it again, or "
            f"look at the loss of its training."
        )
    module.load_state_dict(state)


def load_network(network: torch.nn.Module, weights: str | Path, device: str | torch.device = "cpu") -> torch.nn.Module:
    """Load a whole network's weights, in any float precision, strictly.

    Returns:
        The network in evaluation mode and float32 on `device`.

    Raises:
        WeightsError: no weight file, or not of this network; the message names the keys.
    """
    weights = Path(weights)
    load_strictly(network, read_state_dict(weights), weights.name)
    return network.eval().to(device)


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
