"""Pictures that no organ bundle is meant for: other organs and modalities, Doppler, screens, phantoms, nothing at all.

They are drawn here, rendered from the test files of pydicom and the photographs of scikit-image, and read from data
sets of other organs. None of them is used to fit anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from echocare_core.frames.read import read_frames

Pixels = NDArray[np.uint8]
SIDE, EACH, MOST_FRAMES = 320, 40, 4  # px and number of drawn pictures, frames of a cine
OTHER_ORGANS = {  # kind: folder of the data; their test parts
    "ovary": "mmotu_2d",
    "lung": "noncommercial/pocus_lung",
    "heart": "noncommercial/camus_5",
}
OTHER_MODALITIES = (  # test files of pydicom and pydicom-data: CT, MR, radiographs
    *("CT_small.dcm", "693_UNCR.dcm", "MR_small.dcm", "MR2_UNCR.dcm", "RG1_UNCR.dcm", "RG3_UNCR.dcm", "emri_small.dcm"),
    *("eCT_Supplemental.dcm", "vlut_04.dcm", "mlut_18.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm"),
)
ULTRASOUND = {  # of the same, one file of each picture
    "colour Doppler": ("US1_UNCR.dcm", "color-pl.dcm"),
    "heart": ("JPGLosslessP14SV1_1s_1f_8b.dcm", "examples_ybr_color.dcm", "color3d_jpeg_baseline.dcm"),
    "probe in air": ("OBXXXX1A.dcm",),
}
PHOTOGRAPHS = (
    *("astronaut.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("brick.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
    *("color.png", "horse.png", "clock_motion.png", "microaneurysms.png", "phantom.png"),
)
SCREENS = ("page.png", "text.png")  # of scikit-image too


class Foreign(NamedTuple):
    """A picture of no known organ.

    Attributes:
        kind: of what.
        group: pictures of one patient, file or drawing.
        pixels: uint8 (height, width, 3).
    """

    kind: str
    group: str
    pixels: Pixels


def foreign_pictures(data: Path, known: list[Path], seed: int) -> Iterator[Foreign]:
    """All kinds.

    Args:
        data: folder with the data sets' folders.
        known: pictures of known organs, over which colour Doppler is drawn.
        seed: of what is drawn.
    """
    for kind, folder in OTHER_ORGANS.items():
        table = pd.read_csv(data / folder / "table.csv", dtype=str)
        for row in table[table["split"] == "test"].itertuples():
            yield Foreign(kind, str(row.group), _read(data / folder / str(row.image)))
    for name in OTHER_MODALITIES:
        yield from (Foreign("CT, MR, radiograph", name, pixels) for pixels in _render(_test_file(name)))
    for kind, names in ULTRASOUND.items():
        for name in names:
            yield from (Foreign(kind, name, pixels) for pixels in _spread(read_frames(_test_file(name)).pixels))
    photographs = _folder_of("skimage") / "data"
    for kind, names in (("photograph", PHOTOGRAPHS), ("screen or page", SCREENS)):
        for name in names:
            yield Foreign(kind, name, _read(photographs / name))
    for kind, draw in DRAWN.items():
        generator = np.random.default_rng((seed, len(kind)))
        for number in range(EACH):
            yield Foreign(kind, f"drawing {number}", draw(generator))
    generator = np.random.default_rng(seed)
    for path in generator.permutation(np.array(known, dtype=object))[:EACH]:
        yield Foreign("colour Doppler, drawn", Path(path).name, _with_flow(_read(path), generator))


def _folder_of(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"{package} is needed. Install the extra dev.")
    return Path(found.origin).parent


def _test_file(name: str) -> Path:
    folders = (_folder_of("pydicom") / "data" / "test_files", _folder_of("data_store") / "data")
    return next(folder / name for folder in folders if (folder / name).is_file())


def _render(path: Path) -> Iterator[Pixels]:
    """Some frames of a grey DICOM object of any modality, from its darkest to its brightest pixels."""
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array.astype(np.float32)
    for frame in _spread(pixels if pixels.ndim == 3 else pixels[None]):
        low, high = np.percentile(frame, (1, 99))
        yield _grey(255 * (frame - low) / max(high - low, 1e-6))


def _spread(frames: Any) -> list[Any]:
    """Some of the frames, evenly spaced."""
    return [frames[number] for number in range(0, len(frames), -(-len(frames) // MOST_FRAMES))]


def _read(path: Path) -> Pixels:
    return np.asarray(Image.open(path).convert("RGB"))


def _grey(values: NDArray[np.floating]) -> Pixels:
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _black(generator: np.random.Generator) -> Pixels:
    """Nothing, or next to nothing."""
    return _grey(generator.uniform(0, 6) * generator.random((SIDE, SIDE)))


def _noise(generator: np.random.Generator) -> Pixels:
    """Grey noise of some grain."""
    noise = gaussian_filter(generator.normal(size=(SIDE, SIDE)), generator.uniform(0, 3))
    return _grey(generator.uniform(60, 180) + generator.uniform(20, 60) * noise / noise.std())


def _phantom(generator: np.random.Generator) -> Pixels:
    """A phantom for quality control: even speckle with cysts and targets in rows, darker with depth."""
    speckle = np.abs(gaussian_filter(generator.normal(size=(SIDE, SIDE)), (1, 2.5)))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    gain = np.full((SIDE, SIDE), generator.uniform(0.6, 1.2))
    step, radius = generator.integers(50, 100), generator.uniform(6, 24)
    for row in range(40, SIDE, step):
        for column in range(int(generator.integers(20, 60)), SIDE, step):
            inside = np.hypot(rows - row, columns - column) < radius
            gain[inside] *= generator.choice([0.05, 0.3, 2.5])
    depth = np.exp(-rows / SIDE * generator.uniform(0, 1.5))
    return _grey(255 * np.sqrt(speckle / np.quantile(speckle, 0.995)) * gain * depth)


def _screen(generator: np.random.Generator) -> Pixels:
    """A screen with windows, a table and text, as a worklist or a report."""
    back, front = [(20, 24, 34), (235, 238, 242)][:: generator.choice([-1, 1])]
    image = Image.new("RGB", (SIDE * 4 // 3, SIDE), back)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIDE * 4 // 3, 18), fill=tuple(int(v) for v in generator.integers(0, 200, 3)))
    letters = np.array(list("abcdefghij klmnop 0123456789.:-/"))
    for row in range(26, SIDE - 10, int(generator.integers(11, 20))):
        for column in range(8, SIDE * 4 // 3 - 40, int(generator.integers(70, 200))):
            draw.text((column, row), "".join(generator.choice(letters, int(generator.integers(4, 16)))), fill=front)
    left, top = (int(value) for value in generator.integers(30, 150, 2))
    draw.rectangle((left, top, left + 120, top + 80), outline=front, fill=(90, 110, 140))
    return np.asarray(image)


def _with_flow(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """A picture with a box of colour Doppler: smooth velocities in red and blue where they are high."""
    height, width = pixels.shape[:2]
    speed = gaussian_filter(generator.normal(size=(height, width)), min(height, width) / generator.uniform(12, 25))
    speed /= np.abs(speed).max()
    red, blue = np.clip(2.5 * speed, 0, 1), np.clip(-2.5 * speed, 0, 1)
    colour = 255 * np.stack([red, 0.6 * red**2 + 0.5 * blue**2, blue], axis=2)
    top, left = int(height * generator.uniform(0.1, 0.3)), int(width * generator.uniform(0.1, 0.3))
    box = np.zeros((height, width), bool)
    box[top : top + height // 2, left : left + width // 2] = True
    return np.where((box & (np.abs(speed) > 0.3))[..., None], colour, pixels).astype(np.uint8)


DRAWN: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "black": _black,
    "noise": _noise,
    "phantom, drawn": _phantom,
    "screen or page": _screen,
}
