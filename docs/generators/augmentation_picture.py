"""The picture of what each augmentation does to a made phantom, and a table of what they are, read from the source."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

import echocare_core.transforms.augmentation as augmentation

SIDE, COLUMNS, TITLE = 256, 4, 22  # px of a tile, tiles beside each other, px of a title's line
SEED, QUALITY = 20250912, 82
SHOWN = {  # name: the title below which it stands, and settings strong enough to be seen
    "RandSpeckled": ("speckle", {"strength": [0.3, 0.3], "grain_px": [1.2, 1.2]}),
    "RandLogCompressiond": ("gain and dynamic range", {"gain": [0.1, 0.1], "dynamic_range": [0.6, 0.6]}),
    "RandTimeGaind": ("time gain", {"gain": 0.25, "sliders": 6}),
    "RandAcousticShadowd": ("shadow", {"strength": [0.85, 0.85], "width": [0.15, 0.15], "depth": [0.3, 0.3]}),
    "RandHazed": ("haze", {"strength": [0.3, 0.3], "depth": [0.45, 0.45], "thickness": [0.12, 0.12]}),
    "RandReverberationd": ("reverberation", {"strength": [0.4, 0.4], "spacing": [0.12, 0.12]}),
    "RandAxialBlurd": ("blur along the beams", {"sigma_px": [3, 3]}),
    "RandLineDensityd": ("line density", {"lines": [28, 28]}),
    "RandScanZoomd": ("zoom", {"zoom": [1.4, 1.4], "mode": "bilinear"}),
    "RandEmptyPartd": ("part without a label", {"keys": ["image", "label"], "part": [0.28, 0.28]}),
    "RandMarksd": ("marks", {"calipers": [1, 1], "words": [2, 2]}),
}

PLACES = np.mgrid[:SIDE, :SIDE] / SIDE  # rows and columns
CYST = np.hypot(PLACES[1] - 0.36, PLACES[0] - 0.5) < 0.075
LESION = np.hypot((PLACES[1] - 0.6) / 1.5, PLACES[0] - 0.62) < 0.075


def phantom() -> NDArray[np.float32]:
    """A sector of speckle with a bright layer, a cyst and a dark lesion, float32 (3, SIDE, SIDE) in [0, 1]."""
    rows, columns = PLACES
    radius, angle = np.hypot(columns - 0.5, rows + 0.25), np.arctan2(columns - 0.5, rows + 0.25)
    field = (radius > 0.3) & (radius < 1.22) & (abs(angle) < 0.5)
    tissue = 0.42 + 0.4 * np.exp(-(((radius - 0.42) / 0.012) ** 2))
    tissue = np.where(CYST, 0.03, tissue)
    tissue = np.where(LESION, 0.2, tissue)
    scatter = np.random.default_rng(SEED).standard_normal((2, SIDE, SIDE))
    echoes = np.hypot(*(gaussian_filter(part, (0.8, 1.6)) for part in scatter))
    grey = tissue * (echoes / echoes.mean()) ** 0.5 * field
    return np.stack([np.clip(grey, 0, 1).astype(np.float32)] * 3)


def draw_augmentations() -> Image.Image:
    """The phantom as it is, then once under each augmentation, in a grid with titles."""
    picture = phantom()
    tiles = [("as it is", picture)]
    for name, (title, settings) in SHOWN.items():
        augment = getattr(augmentation, name)(**{"keys": "image", "prob": 1.0, **settings})
        item = {"image": picture, "label": (CYST | LESION)[None].astype(np.uint8)}
        tiles.append((title, augment.set_random_state(SEED)(item)["image"]))
    sheet = Image.new("L", (COLUMNS * SIDE, -(-len(tiles) // COLUMNS) * (SIDE + TITLE)))
    pen = ImageDraw.Draw(sheet)
    for number, (title, shown) in enumerate(tiles):
        left, top = number % COLUMNS * SIDE, number // COLUMNS * (SIDE + TITLE)
        pen.text((left + 6, top + 3), title, fill=255, font=ImageFont.load_default(14))
        sheet.paste(Image.fromarray((255 * shown[0]).astype(np.uint8)), (left, top + TITLE))
    return sheet


def augmentations_table() -> str:
    """The picture's place, and what each is by the first sentence of its docstring."""
    rows = "".join(f"| `{name}` | {_first_sentence(name)} |\n" for name in SHOWN)
    picture = "![A made phantom under each augmentation](/generated/augmentations.webp)"
    return f"{picture}\n\n| augmentation | what it does, and where it is from |\n|---|---|\n{rows}"


def write_augmentations(folder: Path) -> None:
    """Write the picture; its table is a page's to include."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_augmentations().save(folder / "augmentations.webp", quality=QUALITY, method=6)


def _first_sentence(name: str) -> str:
    text = inspect.getdoc(getattr(augmentation, name)) or ""
    return " ".join(text.partition("\n\n")[0].split())
