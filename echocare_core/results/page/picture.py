"""The picture of one row as the page holds it: the frame as it was recorded, and what was found as lines over it.

It is made while the frame is at hand and waits beside its overlay until the page is written, so that the page is put
together from files, one after the other, and a run that was stopped needs no frame a second time.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.result_files import OVERLAYS
from echocare_core.results.overlay import Drawn
from echocare_core.results.overlay.marks import plain_legend, plain_marks
from echocare_core.results.page.document import compact_json
from echocare_core.types import Output, Picture

PAGE = "page"  # folder in which they wait
LONGEST_SIDE = 640  # pixels, of the frame on the page; its overlay beside the page has all of them
_QUALITY, _METHOD = 68, 2  # of WebP: a third of the bytes of a JPEG that looks alike, in 9 ms a frame


def picture_of(drawn: Drawn, outputs: Iterable[Output]) -> str:
    """JSON of a picture: {"w", "h", "src", "marks", "size": [width, height] of the marks, "legend", "more": [...]}.

    Args:
        drawn: the frame and what was drawn on it.
        outputs: of the prediction; pictures that were made from the frame stand beside it.
    """
    height, width = drawn.frame.shape[:2]
    more = [{"name": one.name, **_encoded(one.pixels)} for one in outputs if isinstance(one, Picture)]
    return compact_json(
        {
            **_encoded(drawn.frame),
            "size": [width, height],
            "marks": plain_marks(drawn.marks, (height, width)),
            "legend": plain_legend(drawn.legend),
            **({"more": more} if more else {}),
        }
    )


def waiting_path(overlay: str) -> str:
    """Where the picture of a row waits, relative to the folder of the run: beside the path of its overlay there."""
    return f"{PAGE}/{PurePosixPath(overlay).relative_to(OVERLAYS).with_suffix('.json')}"


def smaller_picture(text: str, longest_side: int) -> str:
    """The JSON of a picture with fewer pixels; its marks stay as they are."""
    picture = json.loads(text)
    for one in (picture, *picture.get("more", ())):
        with Image.open(BytesIO(base64.b64decode(one["src"].partition(",")[2]))) as image:
            one.update(_encoded(np.asarray(image.convert("RGB")), longest_side))
    return compact_json(picture)


def _encoded(pixels: NDArray[np.uint8], longest_side: int = LONGEST_SIDE) -> dict[str, object]:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, format="WEBP", quality=_QUALITY, method=_METHOD)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"w": image.width, "h": image.height, "src": f"data:image/webp;base64,{data}"}
