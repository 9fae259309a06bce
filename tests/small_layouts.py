"""Pictures and documents of public data sets, small enough for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64  # px


def save_picture(path: Path, number: int) -> Path:
    """A picture of speckle that no other number gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    speckle = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    Image.fromarray(speckle).save(path)
    return path


def save_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def outline(left: int, top: int, right: int, bottom: int) -> dict[str, object]:
    """A rectangle as DDTI writes an outline."""
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return {"points": [{"x": x, "y": y} for x, y in corners], "annotation": {}, "regionType": "freehand"}


def save_case(folder: Path, number: int, marks: dict[str, str], tirads: str = "4a") -> Path:
    """The document of a case: of each picture the text in <svg>."""
    drawn = "".join(f"<mark><image>{name}</image><svg>{svg}</svg></mark>" for name, svg in marks.items())
    about = f"<number>{number}</number><age>47</age><sex>F</sex><composition>solid</composition>"
    return save_text(
        folder / f"{number}.xml", f'<?xml version="1.0"?><case>{about}<tirads>{tirads}</tirads>{drawn}</case>'
    )
