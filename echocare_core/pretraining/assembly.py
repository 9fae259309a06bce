"""The parts of a run that a bundle's configuration puts together, and the checks that can be made before it starts."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from echocare_core.errors import SettingsError
from echocare_core.models.echocare import EchoCare
from echocare_core.models.profiles import describe
from echocare_core.models.weights import load_strictly, save_encoder
from echocare_core.pretraining.data.mix import Mix, demand_enough, read_mix, warn_of_one_organ
from echocare_core.pretraining.data.order import MixedOrder
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.pretraining.resume import ENTRIES
from echocare_core.pretraining.stages import Stages
from echocare_core.training.checkpoint_file import LATEST, read_checkpoint

ENCODER_FILE = "encoder.safetensors"


def checked_mix(path: str | Path, tree: OrganTree, stages: Stages) -> Mix:
    """Read the mix of a run and refuse what its stages cannot be trained on; see `read_mix` and `demand_enough`."""
    mix = read_mix(path, tree)
    demand_enough(mix, max(stage.batch_size for stage in stages.stages))
    if any(max(stage.hierarchy) > 0 for stage in stages.stages):
        warn_of_one_organ(mix)
    return mix


def order_of(mix: Mix, seed: int) -> MixedOrder:
    """The stream of a mix."""
    windows = [source.window for source in mix.sources]
    return MixedOrder([len(source) for source in mix.sources], mix.weights, windows=windows, seed=seed)


def described(network: EchoCare) -> str:
    """The numbers of the network's encoder and which heads it has, by which a checkpoint of another is known."""
    heads = [_counted(name, head) for name, head in network.named_children() if name != "encoder"]
    return f"{describe(network.encoder.profile)} with {', '.join(heads) or 'no heads'}"


def _counted(name: str, head: nn.Module) -> str:
    return f"{name} {type(head).__name__} ({sum(parameter.numel() for parameter in head.parameters())} weights)"


def trained(network: EchoCare, folder: str | Path, *, tree: OrganTree | None = None, average: bool = False) -> EchoCare:
    """Give a network the weights of a run's last checkpoint.

    Args:
        network: of the same settings; its weights are replaced.
        folder: of the run.
        tree: that the checkpoint must have been trained with; any where None.
        average: take the teacher's weights, the moving average.

    Raises:
        TrainingError: no checkpoint there.
        SettingsError: the checkpoint is of another network, or holds no moving average.
    """
    path = Path(folder) / LATEST
    state = read_checkpoint(path, ENTRIES)
    weights = state["teacher" if average else "network"]
    found, needed = state["settings"].get("encoder"), described(network)
    if weights is None or found not in (None, needed):
        lacking = ", no moving average" if weights is None else ""
        raise SettingsError(f"{path} holds {found}{lacking}; needed {needed}. Use the settings of the training.")
    if tree is not None and state["settings"].get("organ tree") != tree.fingerprint:
        raise SettingsError(f"{path} was trained with another organ tree; needed the same. Name it as organ_tree.")
    load_strictly(network, weights, str(path))
    return network


def export_encoder(folder: str | Path, network: EchoCare, *, average: bool = False) -> Path:
    """Write the encoder of a run's last checkpoint as `encoder.safetensors`, which others can load (`save_encoder`).

    For the arguments and errors see `trained`.
    """
    path = Path(folder) / ENCODER_FILE
    save_encoder(trained(network, folder, average=average).encoder, path)
    return path
