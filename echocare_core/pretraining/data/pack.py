"""A table of images as a folder of shards: cropped, made small, and without what a training does not need.

A training that reads the files themselves decodes each at its full size in every epoch. Packed once, a row is a small
JPEG; patients' names, dates and the paths of files stay behind. What is burned into the pixels of a scan region, or of
a picture without one, stays.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image
from rich.progress import Progress

from echocare_core.atomic import replacing
from echocare_core.checksum import sha256_of
from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.frames.size import SMALLEST_PX
from echocare_core.pretraining.data.images import read_pixels
from echocare_core.pretraining.data.mix import SPLITS
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import Packed, write_shards
from echocare_core.pretraining.data.sources import Sample, look_up_nodes, read_rows
from echocare_core.pretraining.organs.tree import UNKNOWN, OrganTree

NOTE = "packing.json"


def pack_table(
    table: Path,
    folder: Path,
    *,
    long_side_px: int,
    images_per_shard: int = 1000,
    splits: Sequence[str] = SPLITS,
    quality: int = 95,
    tree: OrganTree | None = None,
) -> Packed:
    """Write the images of a table into shards, with a progress bar; the same call goes on where it was interrupted.

    Of each file the first frame is taken, cropped to its scan region and scaled with its proportions. In the shards an
    image is called `row 17` after its place in the table, the first row below the header being row 1; so a name holds
    no patient attribute, and whoever has the table finds the file.

    Args:
        table: CSV file (`echocare_core.frames.manifest`), or a folder that holds it as `table.csv`. A column `organ`
            is carried along.
        folder: for the shards; empty, new, or left by the same call. `packing.json` in it tells calls apart.
        long_side_px: no image is larger; smaller ones keep their size.
        images_per_shard: the last shard may have fewer.
        splits: which rows to pack.
        quality: of the JPEG files, 1 to 100. Grey images have one channel, the others three.
        tree: in which organs are looked up before anything is written; without it they are not checked.

    Returns:
        How many images and shards there are, and which rows were set aside: unreadable, or with a side below 16 px
        once scaled.

    Raises:
        TableError: no table, a column or file missing, a group in two splits or unnamed, an unknown organ, no row in
            the splits, or none that can be read.
        SettingsError: `long_side_px` below 16, `quality` or `images_per_shard` out of range.
        OutputError: the folder cannot be written, or holds something else.
    """
    if long_side_px < SMALLEST_PX or not 1 <= quality <= 100 or images_per_shard < 1:
        raise SettingsError(
            f"A long side of {long_side_px} px, JPEG quality {quality} and {images_per_shard} images per shard; needed "
            f"{SMALLEST_PX} px or more, 1 to 100, and 1 or more. Try 256, 95 and 1,000."
        )
    table = table / "table.csv" if table.is_dir() else table
    rows = read_rows(table, splits)
    if tree is not None:
        look_up_nodes(rows, tree, UNKNOWN, table)  # fails on an organ that a training would not know
    settings = {"long_side_px": long_side_px, "quality": quality, "images_per_shard": images_per_shard}
    digest = sha256_of(table)
    _claim(folder, {"table_sha256": digest, "splits": list(splits), **settings})
    with Progress(transient=True) as bar:
        task = bar.add_task("packing images", total=len(rows))

        def read(place: int, sample: Sample) -> bytes:
            bar.update(task, completed=place)  # rows of finished shards are never read, so they are not counted
            return encode_sample(sample, long_side_px=long_side_px, quality=quality)

        return write_shards(_samples(rows, table.parent, read), folder, images_per_shard=images_per_shard)


def encode_sample(sample: Sample, *, long_side_px: int, quality: int) -> bytes:
    """The scan region of the first frame as a small JPEG file without metadata.

    Args:
        sample: a file in any format of `read_frames`, or the bytes of a PNG or JPEG.
        long_side_px: the image is scaled down to it with its proportions, never up.
        quality: 1 to 100.

    Returns:
        The file; grey where all three channels are equal, else RGB.

    Raises:
        UnreadableFrames: the file cannot be read, or a side is below 16 px before or after scaling.
    """
    pixels, _ = read_pixels(sample, 0)
    grey = bool((pixels == pixels[..., :1]).all())
    image = Image.fromarray(pixels[..., 0] if grey else pixels)
    image.thumbnail((long_side_px, long_side_px), Image.Resampling.BILINEAR)
    if min(image.size) < SMALLEST_PX:
        raise UnreadableFrames(
            Path(sample["name"]),
            f"is {image.width}x{image.height} px when scaled; needed {SMALLEST_PX}x{SMALLEST_PX} px at least. Leave it "
            "out, or pack with a longer side.",
        )
    file = io.BytesIO()
    image.save(file, "jpeg", quality=quality)
    return file.getvalue()


def _samples(rows: pd.DataFrame, folder: Path, read: Callable[[int, Sample], bytes]) -> Iterator[ShardSample]:
    """One sample for each row, read by `read` from its place among the rows and what stands there."""
    organs = rows["organ"].str.strip() if "organ" in rows.columns else [""] * len(rows)
    cells = zip(rows.index, rows["image"], organs, rows["group"], strict=True)
    for place, (number, image, organ, group) in enumerate(cells):
        name = f"row {number + 1}"
        sample: Sample = {"image": folder / image, "node": UNKNOWN, "group": group, "name": name, "mask": None}
        yield ShardSample(name, organ, group, partial(read, place, sample))


def _claim(folder: Path, settings: dict[str, object]) -> None:
    """Note the settings in the folder, so that no later call mixes its images with those of other settings."""
    note, text = folder / NOTE, json.dumps(settings, indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if note.is_file() and note.read_text(encoding="utf-8") == text:
            return
        if any(folder.glob("[!.]*")):
            raise OutputError(
                f"{folder} holds other files, or shards of another table or other settings; needed a new or empty "
                f"folder, or the same call as before. Choose another folder."
            )
        with replacing(note) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({type(error).__name__}). Choose another folder.") from error
