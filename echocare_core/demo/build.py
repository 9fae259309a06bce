"""Rebuild the export that `echocare demo` runs on: `python -m echocare_core.demo.build --data DATA_FOLDER OUT_FOLDER`.

DATA_FOLDER holds breast_usg/, bus_bra/ and hc18/, each with images/ and a table.csv (columns image, split, and
pixel_mm and head_circumference_mm where they are known). ATTRIBUTION.md says where the originals are. Two runs give the
same bytes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.demo.objects import (
    COLOUR_JPEG,
    GREY_JPEG,
    GREY_NATIVE,
    GREY_RLE,
    PLANAR_NATIVE,
    Storage,
    Study,
    image_object,
    save,
    text_report,
)
from echocare_core.demo.pictures import draw_screen, simulate_sweep
from echocare_core.errors import TableError
from echocare_core.types import Region

BREAST, FETAL = "Breast ultrasound", "Obstetric ultrasound"
SOURCES = {"breast_usg": "BrEaST", "bus_bra": "BUS-BRA", "hc18": "HC18"}


@dataclass(frozen=True)
class Entry:
    """One image of the export.

    Attributes:
        study: it belongs to; each has one series with one image.
        data: folder of its data set.
        image: name of the source image, without folder and ending.
        storage: how its pixels are stored.
        on_screen: it stands inside the screen of an imaginary scanner.
        has_region: the object names a region, with the spacing where the table knows it.
        sweep_frames: frames of a simulated sweep; 0 leaves it a still.
    """

    study: Study
    data: str
    image: str
    storage: Storage
    on_screen: bool = False
    has_region: bool = True
    sweep_frames: int = 0


ENTRIES = (
    Entry(Study(1, "BREAST", BREAST), "breast_usg", "case252", COLOUR_JPEG),
    Entry(Study(2, "BREAST", BREAST), "breast_usg", "case090", COLOUR_JPEG, on_screen=True),
    Entry(Study(3, "BREAST", BREAST), "bus_bra", "bus_0296_r", GREY_NATIVE, has_region=False),
    Entry(Study(4, "BREAST", BREAST), "bus_bra", "bus_0341_r", PLANAR_NATIVE),
    Entry(Study(5, "FETAL", FETAL), "hc18", "139_hc", GREY_JPEG),
    Entry(Study(6, "FETAL", FETAL), "hc18", "260_hc", GREY_RLE),
    Entry(Study(7, "FETAL", FETAL), "hc18", "714_hc", COLOUR_JPEG, on_screen=True),
    Entry(Study(8, "FETAL", FETAL), "hc18", "489_hc", COLOUR_JPEG, sweep_frames=11),
)
CUT_SHORT, KEPT = ENTRIES[0], 0.6  # a copy of this image of which so much of the file is kept
REPORTED = ENTRIES[6]  # the image whose measurement by the data set's experts stands in a report
SWEEP_FRAME_TIME_MS = 50.0
NOTE = "EXPORT OF DEMO SCANNER\r\nSTUDIES 4  PATIENTS 4\r\nSTATUS COMPLETE\r\n"


def build_export(data: Path, out: Path) -> None:
    """Write the export.

    Args:
        data: folder of the data sets.
        out: folder to write into; files of the same names are replaced.

    Raises:
        TableError: an image is not in its table, or is not a test image.
    """
    for entry in ENTRIES:
        _write_image(entry, data, out)
    whole = _place(out, CUT_SHORT.study).read_bytes()
    _place(out, CUT_SHORT.study, instance=2).write_bytes(whole[: int(len(whole) * KEPT)])
    _write_report(REPORTED, data, out)
    (out / "BREAST" / "README.TXT").write_bytes(NOTE.encode("ascii"))


def _write_image(entry: Entry, data: Path, out: Path) -> None:
    row = _row(data / entry.data, entry.image)
    picture = _read_picture(data / entry.data / row["image"])
    pixel_mm = float(row["pixel_mm"]) if row.get("pixel_mm") else None
    region = Region("tissue", (0, 0, *picture.shape[:2]), (pixel_mm, pixel_mm) if pixel_mm else None)
    if entry.on_screen and pixel_mm:
        picture, region = draw_screen(picture, pixel_mm)
    frames = simulate_sweep(picture, entry.sweep_frames) if entry.sweep_frames else picture[np.newaxis]
    source = f"{SOURCES[entry.data]} image {entry.image}, CC BY 4.0, see ATTRIBUTION.md"
    file = image_object(
        entry.study,
        series=1,
        instance=1,
        frames=frames,
        storage=entry.storage,
        region=region if entry.has_region else None,
        comment=f"Simulated sweep, not a recording: made of the one {source}" if entry.sweep_frames else source,
        frame_time_ms=SWEEP_FRAME_TIME_MS if entry.sweep_frames else None,
    )
    save(file, _place(out, entry.study))


def _write_report(entry: Entry, data: Path, out: Path) -> None:
    row = _row(data / entry.data, entry.image)
    length_mm = float(row["head_circumference_mm"])
    finding = f"Head circumference {length_mm:.1f} mm, as outlined by the experts of HC18 on image {entry.image}."
    save(text_report(entry.study, series=2, instance=1, finding=finding), _place(out, entry.study, series=2))


def _place(out: Path, study: Study, series: int = 1, instance: int = 1) -> Path:
    return out / study.part / f"ST{study.number:06}" / f"SE{series:06}" / f"IM{instance:06}"


def _row(folder: Path, image: str) -> Mapping[str, str]:
    """The row of one image, which must be a test image: the demo never shows what a bundle was trained on."""
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if Path(row["image"]).stem == image]
    if len(found) != 1 or found[0]["split"] != "test":
        raise TableError(
            f"{folder.name}/table.csv has no test image {image}; one is needed. Choose another in ENTRIES."
        )
    return found[0]


def _read_picture(path: Path) -> NDArray[np.uint8]:
    """RGB (height, width, 3) of even width, as YBR_FULL_422 needs it (PS3.3 C.7.6.3.1.2): the last column may go."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return pixels[:, : pixels.shape[1] // 2 * 2]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m echocare_core.demo.build", description=build_export.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with breast_usg/, bus_bra/ and hc18/")
    parser.add_argument("out", type=Path, help="folder to write the export into")
    arguments = parser.parse_args()
    build_export(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
