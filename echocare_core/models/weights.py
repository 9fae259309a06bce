"""Encoder weight files: read strictly, in every form they travel in, and written so that others can read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from echocare_core.atomic import replacing
from echocare_core.bundle import WEIGHTS, bundle_of_weights, list_bundles, own_weights_sha256, read_identity
from echocare_core.disk import explained
from echocare_core.errors import BundleError, SettingsError, WeightsError
from echocare_core.models.encoder import Encoder, build_encoder
from echocare_core.models.identity import bundle_of, digest_state
from echocare_core.models.profiles import PROFILES, EncoderProfile, describe, named_profile
from echocare_core.models.saving import save_state
from echocare_core.models.weight_file import check_card, read_state_dict, some
from echocare_core.origin.running import Running, find_running

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
EMBEDDED = EMBEDDED_FOLDER / "small.safetensors"
PATCH, HIDDEN = "patch_embed.proj.weight", "layers1.0.blocks.0.mlp.linear1.weight"
STAGES = ("layers1.0", "layers2.0", "layers3.0", "layers4.0")
TABLES = tuple(f"{stage}.blocks.0.attn.relative_position_bias_table" for stage in STAGES)
DIMENSIONS = {PATCH: 4, HIDDEN: 2, **dict.fromkeys(TABLES, 2)}  # of the tensors whose shapes tell the profile
LARGEST_WINDOW = 64  # places; of its fourth power is the list that an encoder keeps


def load_encoder(path: str | Path = EMBEDDED) -> Encoder:
    """Load an encoder; its profile is read off the shapes in the file.

    Args:
        path: `.pth` / `.pt` or `.safetensors`: a state dict, bare or nested under `state_dict` or `model`, with or
            without the prefix `module.`, with or without `mask_token`. By default the pretrained encoder `small` that
            comes with this package, whose card lies beside it.

    Returns:
        The encoder of `build_encoder`, in evaluation mode, on the CPU, in float32.

    Raises:
        WeightsError: the file is missing, is not a weight file or not the one that its card names, or its keys and
            shapes are not those of an encoder; the message names the first missing, unexpected and mis-shaped keys.
    """
    path = Path(path)
    check_card(path)
    state = read_state_dict(path)
    mask_token = state.pop("mask_token", None)
    profile = infer_profile(state, path.name)
    try:
        if profile.window_size > LARGEST_WINDOW:
            raise ValueError("a window of which every pair of places is listed")
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
        if not mask_token.is_floating_point() or not torch.isfinite(mask_token.float()).all():
            raise WeightsError(f"{path.name}: mask_token is not finite floats; needed that. Download it again.")
        encoder.mask_token.copy_(mask_token)
    return encoder.eval()


def starting_encoder(profile: str | EncoderProfile, weights: str | Path | None) -> Encoder:
    """The encoder that a training starts from, in training mode.

    Args:
        profile: name of the encoder's profile, or its numbers.
        weights: file of an encoder of that profile, as `load_encoder` reads it; "embedded" for the one that comes with
            this package; random weights when None.

    Raises:
        SettingsError: an unknown profile name, weights of another profile, or a profile of which none come with this
            package.
        WeightsError: see `load_encoder`.
    """
    if weights is None:
        return build_encoder(profile)
    encoder = load_encoder(embedded_file(profile) if weights == "embedded" else weights)
    wanted = named_profile(profile)
    if encoder.profile != wanted:
        raise SettingsError(
            f"{Path(weights).name} holds the encoder {describe(encoder.profile)}; needed {describe(wanted)}. Set "
            "`encoder` to that of the file, or `encoder_weights` to None to start from random weights."
        )
    return encoder.train()


def embedded_file(profile: str | EncoderProfile, ending: str = "") -> Path:
    """The weights of a profile that come with this package.

    Args:
        profile: name of the encoder's profile, or its numbers.
        ending: of the name: nothing for the encoder, "_decoder" for the segmentation decoder trained with it.

    Raises:
        SettingsError: none come with it.
    """
    files = {name: EMBEDDED_FOLDER / f"{name}{ending}.safetensors" for name in PROFILES}
    there = [name for name, path in files.items() if path.is_file()]
    wanted = named_profile(profile)
    for name in there:
        if PROFILES[name] == wanted:
            return files[name]
    raise SettingsError(
        f"No{ending.replace('_', ' ')} weights of the encoder {describe(wanted)} come with this package; needed one "
        f"of {', '.join(there) or 'none'}. Set `encoder` to one of them, or start from a file, or from None."
    )


def save_encoder(encoder: Encoder, path: str | Path) -> None:
    """Write an encoder as the published checkpoint is written: its state dict plus `mask_token`.

    Whoever pops `mask_token` can load the rest strictly into MONAI's own `SwinTransformer`.

    Args:
        encoder: what `build_encoder` or `load_encoder` returned.
        path: ends in `.safetensors` for that format; PyTorch's own otherwise. Replaced in one step.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    state["mask_token"] = encoder.mask_token.detach().cpu().clone()
    if Path(path).suffix != ".safetensors":
        save_state(state, Path(path))
        return
    with explained(Path(path).parent, "the weights"), replacing(Path(path)) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(state))


def infer_profile(state: Mapping[str, Tensor], name: str) -> EncoderProfile:
    """Read the numbers of an encoder off the shapes of its weights.

    Raises:
        WeightsError: the tensors that tell them are missing or have another number of dimensions; the message names
            them.
    """
    unfit = [key for key, dimensions in DIMENSIONS.items() if key not in state or state[key].ndim != dimensions]
    unfit += [key for key in (PATCH, HIDDEN) if key not in unfit and not state[key].numel()]  # any size, for no numbers
    if unfit:
        raise WeightsError(
            f"{name} is not an EchoCare encoder: found {len(state)} tensors such as {some(sorted(state))}; missing or "
            f"mis-shaped: {some(unfit)}. If they stand under a prefix of another model, take it off first."
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


def check_fits(module: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Check that a state dict has exactly the names, shapes and kinds of numbers of a module.

    Args:
        module: whose names and shapes are needed.
        state: name -> tensor, floats in any precision; whole numbers may stand as floats, as `half()` leaves them.
        name: of the file, for the message.

    Raises:
        WeightsError: the message names the first missing, unexpected and mis-shaped keys, and those of another kind.
    """
    wanted = module.state_dict()
    both = [key for key in wanted if key in state]
    faults = {
        "missing": sorted(wanted.keys() - state.keys()),
        "unexpected": sorted(state.keys() - wanted.keys()),
        "mis-shaped": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
            for key in both
            if state[key].shape != wanted[key].shape
        ],
        "of another kind": [
            f"{key} {_kind(state[key])} instead of {_kind(wanted[key])}"
            for key in both
            if not _is_of_kind(state[key], wanted[key])
        ],
    }
    found = [f"{len(keys)} {fault} ({some(keys)})" for fault, keys in faults.items() if keys]
    if found:
        raise WeightsError(
            f"{name} does not fit the network: {'; '.join(found)}. Needed exactly its {len(wanted)} tensors: use the "
            f"weights that belong to this network, or name the profile they were made with."
        )


def load_strictly(module: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy a state dict into a module; every name and shape must agree, and every number be finite.

    Raises:
        WeightsError: the message names the first keys that are not finite or do not fit (`check_fits`).
    """
    floats = {key: tensor for key, tensor in state.items() if tensor.is_floating_point()}
    broken = [key for key, tensor in floats.items() if not torch.isfinite(tensor.float()).all()]
    if broken:
        raise WeightsError(
            f"{name} holds numbers that are not finite ({some(broken)}); needed finite weights. Download it again, or "
            f"look at the loss of its training."
        )
    check_fits(module, state, name)
    module.load_state_dict(state)


def load_network(network: torch.nn.Module, weights: str | Path, device: str | torch.device = "cpu") -> torch.nn.Module:
    """Load a whole network's weights, in any float precision, strictly.

    Returns:
        The network in evaluation mode and float32 on `device`. Its attribute `bundle` is the `name` and `version` of
        the bundle that the weights belong to, empty where that is not known.

    Raises:
        WeightsError: no weight file, not the one that its card names, not of this network, where the message names the
            encoder if it is of another profile, and else the keys, or, while a bundle is running, of another bundle.
    """
    weights = Path(weights)
    sha256, state = check_card(weights), read_state_dict(weights)
    owner = _owner(weights, sha256, state, find_running())
    _check_encoder(network, state, weights.name)
    load_strictly(network, state, weights.name)
    network.bundle = owner  # type: ignore[assignment]
    return network.eval().to(device)


def _check_encoder(network: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Refuse the weights of a network whose encoder is of another profile, in one line rather than by its keys."""
    encoder, inside = getattr(network, "encoder", None), "encoder."
    if not isinstance(encoder, Encoder) or inside + PATCH not in state:
        return
    found = infer_profile({key.removeprefix(inside): one for key, one in state.items() if key.startswith(inside)}, name)
    if found != encoder.profile:
        raise WeightsError(
            f"{name} holds the encoder {describe(found)}; needed {describe(encoder.profile)}. Set `encoder` to that of "
            f"the file, or name weights that were trained with this one."
        )


def _owner(weights: Path, sha256: str, state: Mapping[str, Tensor], running: Running | None) -> dict[str, str]:
    """`name` and `version` of the bundle that weights belong to; empty where that is not known.

    Raises:
        WeightsError: another bundle is running.
    """
    if running is not None and sha256 == own_weights_sha256(running.folder):
        return running.identity
    owner = bundle_of(state) or _bundle_of_numbers(state, running) or bundle_of_weights(weights, sha256)
    needed = owner.get("name") if running is None else running.identity["name"]
    if owner and owner.get("name") != needed:
        raise WeightsError(
            f"{weights.name} holds the weights of {owner.get('name')} {owner.get('version')}; needed those of "
            f"{needed}. Leave the setting weights out to use its own, or name weights that were trained with it."
        )
    return owner or (running.identity if running else {})


def _bundle_of_numbers(state: Mapping[str, Tensor], running: Running | None) -> dict[str, str]:
    """`name` and `version` of the installed bundle whose own weights are these, however they were written anew."""
    digest = digest_state(state)
    for folder in [*([running.folder] if running else []), *list_bundles()]:
        with suppress(BundleError, WeightsError, OSError):  # a bundle that is broken owns nothing
            if _digest_of(folder / WEIGHTS, (folder / WEIGHTS).stat().st_mtime_ns) == digest:
                return read_identity(folder)
    return {}


@cache
def _digest_of(weights: Path, _modified_ns: int) -> str:
    return digest_state(read_state_dict(weights))


def _is_of_kind(found: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor holds the numbers that are wanted, whole ones perhaps as floats."""
    if _kind(found) == _kind(wanted):
        return True
    return found.is_floating_point() and _kind(wanted).startswith("int") and bool((found == found.round()).all())


def _kind(tensor: Tensor) -> str:
    """Floats of any precision are one kind of numbers."""
    return "float" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")
