"""Images of simulated speckle as files and as shards, and how fast a pretraining reads them.

For `benchmarks/pretraining.py`, so that it needs no data set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from echocare_core.pretraining.assembly import order_mix
from echocare_core.pretraining.data.images import PretrainingImages, collate
from echocare_core.pretraining.data.mix import read_mix
from echocare_core.pretraining.data.sampler import StreamSampler
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import write_shards
from echocare_core.pretraining.organs.tree import OrganTree

HEIGHT, WIDTH = 240, 320
APEX_PX, OPENING_DEGREES = 20, 40  # of the sector: how far above the picture, and to either side
GRAIN_PX, QUALITY = 2, 90
PATIENTS, SPLIT = 4, "train"  # images of a patient
IN_SHARD = 100


def write_files(folder: Path, tree: OrganTree, images: int) -> None:
    """Write JPEG files with a table, the same as shards, and a mix of each: files.csv and shards.csv.

    Args:
        folder: is there, and empty.
        tree: two images of three have an organ of it, or a view.
        images: how many.
    """
    named = [node.name for node in tree.nodes]
    rows = [
        (f"{number}.jpg", f"patient-{number // PATIENTS}", SPLIT, "" if number % 3 == 0 else named[number % len(named)])
        for number in range(images)
    ]
    (folder / "files").mkdir()
    for number, (name, *_) in enumerate(rows):
        Image.fromarray(sector_of_speckle(number)).save(folder / "files" / name, quality=QUALITY)
    pd.DataFrame(rows, columns=["image", "group", "split", "organ"]).to_csv(folder / "files/table.csv", index=False)
    samples = (ShardSample(name, organ, group, (folder / "files" / name).read_bytes) for name, group, _, organ in rows)
    write_shards(samples, folder / "shards", images_per_shard=IN_SHARD)
    for kind in ("files", "shards"):
        text = f"name,source,organ,weight\nspeckle,{kind},,\n"
        (folder / f"{kind}.csv").write_text(text, encoding="utf-8")


def sector_of_speckle(seed: int) -> NDArray[np.uint8]:
    """A sector of log-compressed Rayleigh noise on black, uint8 (240, 320, 3)."""
    random = np.random.default_rng(seed)
    noise = np.repeat(
        np.repeat(random.rayleigh(size=(HEIGHT // GRAIN_PX, WIDTH // GRAIN_PX)), GRAIN_PX, 0), GRAIN_PX, 1
    )
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    depth = np.hypot(rows + APEX_PX, columns - WIDTH / 2)
    angle = np.degrees(np.arctan2(columns - WIDTH / 2, rows + APEX_PX))
    inside = (np.abs(angle) < OPENING_DEGREES) & (depth > 2 * APEX_PX) & (depth < HEIGHT)
    bright = 1 + 0.5 * np.sin(depth / random.uniform(8, 30)) * np.cos(np.radians(angle) * random.uniform(2, 8))
    grey = 90 + 40 * np.log(noise * bright + 0.05)
    return np.repeat((np.where(inside, grey.clip(5, 255), 0)).astype(np.uint8)[..., None], 3, 2)


class Readers:
    """Each way to read the images of `write_files`, once in the order of a pretraining, in batches.

    Args:
        folder: that was written.
        tree: of organs.
        picture_size: side of the pictures in px.
        batch_size: images in a batch.
        seed: of the order.
    """

    def __init__(self, folder: Path, tree: OrganTree, *, picture_size: int, batch_size: int, seed: int) -> None:
        mixes = {kind: read_mix(folder / f"{kind}.csv", tree) for kind in ("files", "shards")}
        self.data_sets = {
            "files, decoded": PretrainingImages(mixes["files"], picture_size),
            "shards, decoded": PretrainingImages(mixes["shards"], picture_size),
            "cached": PretrainingImages(mixes["files"], picture_size, cache=True),
        }
        self.samplers = {
            name: StreamSampler(order_mix(data.mix, seed), [(data.mix.images // batch_size, batch_size)])
            for name, data in self.data_sets.items()
        }

    def batches(self, name: str) -> Iterator[dict[str, Any]]:
        """All batches of one of them, read as they are asked for."""
        for places in self.samplers[name]:
            yield collate([self.data_sets[name][place] for place in places])

    def speeds(self, track: Callable[[range], Iterable[int]], repeats: int) -> dict[str, list[float]]:
        """Images per second of each in each round, in turn; a first round, which fills the cache, does not count."""
        speeds: dict[str, list[float]] = {name: [] for name in self.data_sets}
        for number in track(range(repeats + 1)):
            for name, found in speeds.items():
                start = time.perf_counter()
                images = sum(len(batch["node"]) for batch in self.batches(name))
                if number:
                    found.append(images / (time.perf_counter() - start))
        return speeds
