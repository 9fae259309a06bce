"""The parts of a run that a bundle's configuration puts together, and the checks that can be made before it starts."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from echocare_core.distributed import find_device, rank, world_size
from echocare_core.errors import SettingsError
from echocare_core.models.echocare import EchoCare
from echocare_core.models.segmentation_decoder import save_segmentation_decoder
from echocare_core.models.weights import load_strictly, save_encoder
from echocare_core.pretraining.data.images import PretrainingImages, collate
from echocare_core.pretraining.data.mix import Mix, check_enough_images, check_masks, read_mix, warn_of_one_organ
from echocare_core.pretraining.data.on_device import DeviceLoader
from echocare_core.pretraining.data.order import MixedOrder
from echocare_core.pretraining.data.sampler import StreamSampler
from echocare_core.pretraining.organs.pixel_tree import PixelTree
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.pretraining.resume import ENTRIES, begin_worker
from echocare_core.pretraining.settings import describe_network
from echocare_core.pretraining.stages import Stages
from echocare_core.training.checkpoint_file import LATEST, read_checkpoint

logger = logging.getLogger(__name__)
ENCODER_FILE, DECODER_FILE = "encoder.safetensors", "segmentation_decoder.safetensors"


def read_training_mix(path: str | Path, tree: OrganTree, stages: Stages) -> Mix:
    """Read the mix of a run and refuse what its stages cannot be trained on.

    For the errors see `read_mix`, `check_enough_images` and `check_masks`.

    Raises:
        SettingsError: a stage that trains labels of pixels alone, where no data set has some.
    """
    mix = read_mix(path, tree)
    check_enough_images(mix, max(stage.batch_size for stage in stages.stages))
    check_masks(mix)
    if not len(mix.pixel_tree):
        _leave_out_pixels(stages)
    if any(max(stage.hierarchy) > 0 for stage in stages.stages):
        warn_of_one_organ(mix)
    return mix


def _leave_out_pixels(stages: Stages) -> None:
    for stage in stages.stages:
        if stage.terms == ("pixels",):
            raise SettingsError(
                f"Stage '{stage.name}' trains labels of pixels alone, and no data set of the mix has pixel_labels; "
                f"needed some. Fill that column, or give another term of the stage a weight."
            )
    if any("pixels" in stage.terms for stage in stages.stages):
        logger.info("No data set of the mix has pixel_labels: the term of pixels is left out.")


def order_mix(mix: Mix, seed: int) -> MixedOrder:
    """The stream in which the images of a mix are read."""
    windows = [source.window for source in mix.sources]
    return MixedOrder([len(source) for source in mix.sources], mix.weights, windows=windows, seed=seed)


def build_loader(
    dataset: PretrainingImages, *, stages: Stages, seed: int, workers: int, device: torch.device | str
) -> DataLoader | DeviceLoader:
    """The batches of this process for every step of the stages, in the order of the mix.

    Args:
        dataset: of the mix; where its cache is "device", the pictures are read once and stay on the device.
        stages: of the training, whose batches count over all processes.
        seed: of the order.
        workers: processes that read images; 0 reads in the training's own.
        device: to train on; for CUDA the batches lie in pinned memory.

    Raises:
        SettingsError: a batch that the processes cannot share equally.
    """
    order, place = order_mix(dataset.mix, seed), find_device(device)
    sampler = StreamSampler(order, stages.batches, process=rank(), processes=world_size())
    if dataset.on_device:
        return DeviceLoader(dataset, sampler, device=place, workers=workers, begin_worker=begin_worker)
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=place.type == "cuda",
        worker_init_fn=begin_worker,
    )


def load_trained(network: EchoCare, folder: str | Path, *, tree: OrganTree | None = None) -> EchoCare:
    """Give a network the weights of a run's last checkpoint.

    Args:
        network: of the same settings; its weights are replaced.
        folder: of the run.
        tree: that the checkpoint must have been trained with; any where None.

    Raises:
        TrainingError: no checkpoint there.
        SettingsError: the checkpoint is of another network or tree.
    """
    path = Path(folder) / LATEST
    state = read_checkpoint(path, ENTRIES)
    found, needed = state["settings"].get("encoder"), describe_network(network)
    if found != needed:
        raise SettingsError(f"{path} holds {found}; needed {needed}. Use the settings of the training.")
    if tree is not None and state["settings"].get("organ tree") != tree.fingerprint:
        raise SettingsError(f"{path} was trained with another organ tree; needed the same. Name it as organ_tree.")
    load_strictly(network, state["network"], str(path))
    return network


def export_encoder(folder: str | Path, network: EchoCare, pixel_tree: PixelTree | None = None) -> Path:
    """Write the encoder of a run's last checkpoint as `encoder.safetensors`, which others can load (`save_encoder`).

    Where pixels were labelled, their decoder goes beside it as `segmentation_decoder.safetensors`
    (`save_segmentation_decoder`), with the scores of the structures in `pixel_tree`, which is that of the mix. For the
    other arguments and errors see `load_trained`.
    """
    path = Path(folder) / ENCODER_FILE
    trained = load_trained(network, folder)
    save_encoder(trained.encoder, path)
    if trained.segmentation_decoder is not None:
        structures = [] if pixel_tree is None else [node.name for node in pixel_tree.channels]
        scores = trained.pixel_classifier if structures else None
        save_segmentation_decoder(trained.segmentation_decoder, path.with_name(DECODER_FILE), scores, structures)
    return path
