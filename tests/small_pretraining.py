"""A pretraining run of seconds: images, mix and tree made on the spot, and a trainer for them."""

from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from PIL import Image
from small_network import SMALLEST
from torch.utils.data import DataLoader

from echocare_core.models import EchoCare
from echocare_core.pretraining.assembly import order_mix, read_training_mix
from echocare_core.pretraining.data.images import PretrainingImages, collate
from echocare_core.pretraining.data.on_device import DeviceLoader
from echocare_core.pretraining.data.sampler import StreamSampler
from echocare_core.pretraining.networks import copy_teacher
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.pretraining.resume import ExactCheckpoints
from echocare_core.pretraining.stages import Stages
from echocare_core.pretraining.trainer import PretrainingTrainer

WITH_MOMENTUM = partial(torch.optim.SGD, momentum=0.5)  # unlike AdamW it does not blow up rounding
TREE = Path(__file__).parents[1] / "data_manifests" / "organ_tree.yaml"
VIEWS = {
    **{"area": 0.4, "aspect": 1.3, "rotation_degrees": 10.0, "flip": 0.5},
    **{"gamma": 1.5, "gain": 0.3, "depth_gain": 0.2, "speckle": 0.1, "blur": 0.3},
}
STAGES = [
    {"name": "low", "steps": 5, "batch_size": 4, "image_size": 64, "views": ["masked"]},
    {
        **{"name": "high", "steps": 7, "batch_size": 6, "image_size": 128, "views": ["masked", "plain"]},
        **{"mask_patch": 32, "hierarchy": [0.0, 0.5], "contrast": [0.5, 1.0], "places": [0.0, 0.5]},
        **{"ranking": 0.1, "hard_share": [0.1, 0.5]},
    },
]


def write_mix(folder, images=12):
    """Two data sets of speckle with a disc in a sector, one of them without organ, and their mix."""
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        rows = []
        for number in range(images):
            speckle = np.random.default_rng(number + len(name)).integers(40, 220, (48, 64), dtype=np.uint8)
            speckle[:, : 4 + number % 5] = 0
            Image.fromarray(speckle).save(folder / name / f"{number}.png")
            rows.append((f"{number}.png", f"patient-{number // 2}", "train"))
        pd.DataFrame(rows, columns=["image", "group", "split"]).to_csv(folder / name / "table.csv", index=False)
    (folder / "mix.csv").write_text("name,source,organ,weight\none,one,breast,2\ntwo,two,,1\n", encoding="utf-8")
    return folder


def write_mix_with_masks(folder, labels="1=breast lesion"):
    """The same, of which one data set has a mask of every image."""
    write_mix(folder)
    table = pd.read_csv(folder / "one" / "table.csv")
    for name in table["image"]:
        mask = np.zeros((48, 64), dtype=np.uint8)
        mask[10:30, 20 + int(name[:-4]) : 50] = 1
        Image.fromarray(mask).save(folder / "one" / f"mask-{name}")
    table.assign(mask="mask-" + table["image"]).to_csv(folder / "one" / "table.csv", index=False)
    rows = ["name,source,organ,weight,pixel_labels", f"one,one,breast,2,{labels}", "two,two,,1,"]
    (folder / "mix.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@cache
def organ_tree():
    """The tree of the manifests, which takes a tenth of a second to read, as nobody changes it."""
    return read_tree(TREE)


def small_run(
    folder,
    out,
    *,
    stages=STAGES,
    every=3,
    handlers=(),
    seed=3,
    wrap=None,
    accumulation_steps=1,
    optimizer=torch.optim.AdamW,
    device="cpu",
    cache=True,
    compile=False,
    **place,
):
    """Trainer, network, teacher and checkpoints of a run in float32; `wrap` distributes the network."""
    tree = organ_tree()
    plan = Stages(stages)
    mix = read_training_mix(folder / "mix.csv", tree, plan)
    torch.manual_seed(seed)
    network = EchoCare(
        SMALLEST, nodes=len(tree), decoder="pyramid", decoder_width=8, projector_width=8, place_width=8,
        pixel_channels=len(mix.pixel_tree), pixel_width=4, pixel_width_limit=8,
    )  # fmt: skip
    network = network.to(device)
    teacher = copy_teacher(network) if plan.need_teacher else None
    bare = network
    if wrap is not None:
        network = wrap(network)
        teacher = None if teacher is None else wrap(teacher)
    rate = 1e-3
    optimizer = optimizer(network.parameters(), lr=rate)
    objective = Objective(
        tree, seed=seed, views=VIEWS, contrast="hierarchical", temperature=0.1,
        level_weights=[0.1, 0.1, 0.0, 0.5, 1.0], places_per_image=3, target="pixels", sector_only=True,
        precision="float32", pixel_tree=mix.pixel_tree,
    )  # fmt: skip
    sampler = StreamSampler(order_mix(mix, seed), plan.batches, **place)
    images = PretrainingImages(mix, 128, cache=cache)
    if images.on_device:
        loader = DeviceLoader(images, sampler, device=torch.device(device), workers=0)
    else:
        loader = DataLoader(images, batch_sampler=sampler, collate_fn=collate)
    checkpoints = ExactCheckpoints(str(out), every=every)
    trainer = PretrainingTrainer(
        device=torch.device(device), network=network, objective=objective, stages=plan, optimizer=optimizer,
        data_loader=loader, peak_learning_rate=rate, warmup_steps=2, accumulation_steps=accumulation_steps,
        clip_norm=1.0, teacher=teacher, compile=compile, momentum=(0.99, 0.9999), handlers=[checkpoints, *handlers],
    )  # fmt: skip
    return SimpleNamespace(trainer=trainer, network=network, bare=bare, teacher=teacher, checkpoints=checkpoints)


class Losses:
    """Handler that keeps the numbers of each step, by its number from 1; it stops without a word after `stop_after`."""

    def __init__(self, stop_after=None):
        self.by_step, self.stop_after = {}, stop_after

    def attach(self, engine):
        """Called by the trainer."""
        from ignite.engine import Events

        @engine.on(Events.ITERATION_COMPLETED)
        def keep(engine):
            numbers = {k: v for k, v in engine.state.output.items() if k != "images_per_second"}
            self.by_step[engine.state.iteration] = numbers
            if engine.state.iteration == self.stop_after:
                raise KilledError


class KilledError(Exception):
    """The process ends here, as by SIGKILL: nothing more is written."""
