"""`echocare shards`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

from echocare_core.cli.say import say


def shards(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV with the columns image, group and split.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the shards, or one to go on with.")],
    long_side: Annotated[int, typer.Option("--long-side", min=16, help="Largest width or height in px.")] = 256,
    per_shard: Annotated[int, typer.Option("--per-shard", min=1, help="Images in each shard.")] = 1000,
    splits: Annotated[
        list[str] | None,
        typer.Option("--split", help="Rows to pack; may be repeated. Without it, train and unlabelled."),
    ] = None,
    organ_tree: Annotated[
        Path | None, typer.Option("--organ-tree", metavar="FILE", help="Refuse organs that this tree does not have.")
    ] = None,
) -> None:
    """Pack a table of images into shards for pretraining: scan regions as small JPEG files without DICOM headers."""
    import csv

    from echocare_core.pretraining.data.mix import SPLITS
    from echocare_core.pretraining.data.pack import pack_table
    from echocare_core.pretraining.organs.tree import read_tree

    tree = read_tree(organ_tree) if organ_tree else None
    chosen = splits or SPLITS
    packed = pack_table(table, out, long_side_px=long_side, images_per_shard=per_shard, splits=chosen, tree=tree)
    say(f"Images: {packed.images}. Shards: {packed.shards}. Set aside: {len(packed.set_aside)}.")
    if packed.set_aside:
        say(f"Not readable: {', '.join(packed.set_aside[:3])}; all are named in {out / 'shards.json'}.")
    say("Row for the mix (name,source,organ,weight); set organ for images whose table names none:")
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow([out.resolve().name, out.resolve(), "", ""])
    say(row.getvalue())
