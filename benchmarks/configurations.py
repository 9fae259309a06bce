"""How long the configurations of the bundles are, and what share of their lines stands in another bundle too.

    python benchmarks/configurations.py

A line counts as shared where the same line, without its indentation, stands in the same file of another bundle; lines
of brackets alone are not counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from echocare_core.bundle import list_bundles

FILES = ("train.json", "inference.json", "evaluate.json", "multi_gpu_train.json")


def main(
    bundles: Annotated[
        list[Path] | None, typer.Argument(help="Folders of bundles; all that are found without it.")
    ] = None,
) -> None:
    """Print lines and shared lines of every configuration."""
    folders = bundles or list_bundles()
    table = Table("bundle", *FILES, title="lines, and share of them that stands in another bundle too")
    for folder in folders:
        others = [other for other in folders if other != folder]
        table.add_row(folder.name, *(in_words(folder, others, name) for name in FILES))
    Console(width=140).print(table)


def in_words(folder: Path, others: list[Path], name: str) -> str:
    """Lines of one configuration and its share, such as "85, 93 %"; "none" where a bundle has no such file."""
    path = folder / "configs" / name
    if not path.is_file():
        return "none"
    own, theirs = lines_of(path), {line for other in others for line in lines_of(other / "configs" / name)}
    shared = sum(line in theirs for line in own) / max(1, len(own))
    return f"{len(path.read_text(encoding='utf-8').splitlines())}, {shared:.0%}"


def lines_of(path: Path) -> list[str]:
    """The lines of a file that say something."""
    if not path.is_file():
        return []
    stripped = (line.strip().rstrip(",") for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in stripped if line.strip("{}[]")]


if __name__ == "__main__":
    typer.run(main)
