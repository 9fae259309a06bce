"""How much of text drawn into real pictures `echocare deidentify` blanks, and how much tissue it takes with it.

    python benchmarks/burned_in_text.py --data AUL_LIVER --data BUS_BRA --data HC18 --data BUSI --installed

Every folder has a `table.csv` (data_manifests/README.md); `--installed` adds echo and colour and power Doppler that
come with pydicom, pydicom-data and deid-data, at their own size, ten frames of each. Into each picture lines of made-up
names, dates and numbers are drawn wholly inside the scan sector, the hard case: what lies outside is blanked anyway.
Letters are 2.4 to 4 % of the longer side tall, white, grey or coloured, with smooth or hard edges, in two fonts,
before or after JPEG. The share of tissue is given as mean and median over pictures.
"""

from __future__ import annotations

import io
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import track
from rich.table import Table

from echocare_core.frames.manifest import read_table
from echocare_core.frames.read import read_frames
from echocare_core.frames.sector import scan_sector
from echocare_core.privacy.burned_in import find_burned_in
from echocare_core.types import Frames

WORDS = ("DOE^JANE", "ID 4711-0815", "19370215", "15/02/1937", "LT AXILLA", "Miller, Anna", "Dr. Huber", "M 54y")
COLOURS = ("#ffffff", "#e6e6e6", "#c8c8c8", "#a0a0a0", "#ffff00", "#00ff00", "#00ffff", "#ffc83c")
HEIGHTS = (0.024, 0.03, 0.04)  # of the longer side
FONTS = ("DejaVu Sans", "DejaVu Sans Mono")
QUALITIES = (None, 90, 75)  # JPEG, after drawing
LINES, TRIES, RESAMPLES = 2, 40, 2000
INSTALLED = ("examples_ybr_color.dcm", "color3d_jpeg_baseline.dcm", "ultrasound-multiframe.dcm", "US1_UNCI.dcm")
FRAMES = 10  # of each of these
WHOLLY, HARDLY = 0.9, 0.5  # share of a line's strokes
Mask = NDArray[np.bool_]


class Outcome(NamedTuple):
    """Of one picture: its group, the share of each line's strokes that is blanked, of its sector without text, and
    seconds."""

    group: str
    lines: list[float]
    tissue: float
    seconds: float


def main(
    data: Annotated[list[Path] | None, typer.Option(help="Folder with a table.csv; may be repeated.")] = None,
    installed: Annotated[bool, typer.Option("--installed", help="Files of installed packages too.")] = False,
    split: Annotated[str, typer.Option(help="Rows to measure.")] = "val",
    most: Annotated[int, typer.Option(help="Pictures of each folder.")] = 100,
    side: Annotated[int, typer.Option(help="Longer side that pictures are scaled to, in pixels.")] = 800,
    seed: Annotated[int, typer.Option(help="Of the rows, the words and where they stand.")] = 0,
) -> None:
    """Print shares of text and of lines that are blanked, with 95 % bootstrap intervals over groups."""
    table = Table(title=f"{split}, pictures of {side} px, text inside the sector")
    for column in (
        "",
        "lines",
        f"blanked, >= {WHOLLY:.0%}",
        "95 %",
        f"<= {HARDLY:.0%}",
        "strokes",
        "tissue: mean / median",
        "ms",
    ):
        table.add_column(column, justify="right" if column else "left")
    for path in installed_files() if installed else ():
        generator = np.random.default_rng(seed)
        frames = read_frames(path)
        top, left, bottom, right = frames.scan_box
        numbers = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
        pictures = (Image.fromarray(frames.pixels[int(number)][top:bottom, left:right]) for number in numbers)
        outcomes = [outcome(picture, str(number), generator) for number, picture in enumerate(pictures)]
        table.add_row(path.stem, *cells(outcomes, generator))
    for folder in data or ():
        generator = np.random.default_rng(seed)
        rows = read_table(folder, split, masks=False)
        chosen = sorted(generator.permutation(len(rows))[:most])
        outcomes = []
        for number in track(chosen, folder.name, transient=True):
            picture = scaled(read_frames(Path(str(rows[number]["image"]))).pixels[0], side)
            outcomes.append(outcome(picture, str(rows[number]["group"]), generator))
        table.add_row(folder.name, *cells(outcomes, generator))
    Console(width=110).print(table)


def installed_files() -> list[Path]:
    """Echo, colour and power Doppler that pip brings."""
    found = [find_spec(name) for name in ("pydicom", "data_store", "deid_data")]
    roots = [Path(one.origin).parent for one in found if one is not None and one.origin is not None]
    return [path for root in roots for name in INSTALLED for path in sorted(root.rglob(name))]


def scaled(picture: NDArray[np.uint8], side: int) -> Image.Image:
    """A picture with another longer side."""
    image = Image.fromarray(picture)
    factor = side / max(image.size)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


def outcome(image: Image.Image, group: str, generator: np.random.Generator) -> Outcome:
    """Blank a picture with text and without."""
    clean = np.asarray(image)
    sector = scan_sector(clean)
    written, lines = with_text(image, sector, generator)
    start = time.perf_counter()
    blanked = blanked_in(written)
    seconds = time.perf_counter() - start
    tissue = blanked_in(clean)[sector].mean() if sector.any() else 0.0
    return Outcome(group, [float(blanked[line].mean()) for line in lines], float(tissue), seconds)


def blanked_in(picture: NDArray[np.uint8]) -> Mask:
    """What de-identification blanks of a still."""
    frames = Frames(Path("drawn"), [picture], (picture.shape[0], picture.shape[1]))
    return find_burned_in(frames).mask_of(picture)[0]


def with_text(image: Image.Image, sector: Mask, generator: np.random.Generator) -> tuple[NDArray[np.uint8], list[Mask]]:
    """Draw lines inside the sector: the picture, and where the strokes of each line are."""
    drawn, lines = image.copy(), list[Mask]()
    free = sector.copy()
    for _ in range(LINES):
        height = max(9, round(float(generator.choice(HEIGHTS)) * max(image.size)))
        font = ImageFont.truetype(font_manager.findfont(str(generator.choice(FONTS))), height)
        words, colour, hard = str(generator.choice(WORDS)), str(generator.choice(COLOURS)), generator.random() < 0.3
        for _ in range(TRIES):
            stencil = Image.new("L", image.size)
            pen = ImageDraw.Draw(stencil)
            pen.fontmode = "1" if hard else "L"
            place = tuple(generator.integers(0, image.size).tolist())
            left, top, right, bottom = (round(edge) for edge in pen.textbbox(place, words, font=font))
            if right < image.width and bottom < image.height and free[top:bottom, left:right].all():
                pen.text(place, words, fill=255, font=font)
                drawn.paste(colour, mask=stencil)
                lines.append(np.asarray(stencil) > 127)
                free[max(0, top - 2 * height) : bottom + 2 * height] = False
                break
    quality = QUALITIES[generator.integers(len(QUALITIES))]
    if quality is not None:
        stream = io.BytesIO()
        drawn.save(stream, "JPEG", quality=quality)
        drawn = Image.open(stream).convert("RGB")
    return np.asarray(drawn), lines


def cells(outcomes: list[Outcome], generator: np.random.Generator) -> list[str]:
    """The numbers of one folder."""
    groups = sorted({one.group for one in outcomes})
    of_group = {group: [share for one in outcomes if one.group == group for share in one.lines] for group in groups}
    shares = np.array([share for one in outcomes for share in one.lines])
    draws = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([of_group[group] for group in generator.choice(groups, len(groups))])
        if len(drawn):
            draws.append((drawn >= WHOLLY).mean())
    low, high = np.percentile(draws, [2.5, 97.5])
    return [
        f"{len(shares)}",
        f"{(shares >= WHOLLY).mean():.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{(shares <= HARDLY).mean():.3f}",
        f"{shares.mean():.3f}",
        f"{np.mean([one.tissue for one in outcomes]):.3f} / {np.median([one.tissue for one in outcomes]):.3f}",
        f"{1000 * np.median([one.seconds for one in outcomes]):.0f}",
    ]


if __name__ == "__main__":
    typer.run(main)
