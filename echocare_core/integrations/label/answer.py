"""What a bundle answers to MONAI Label: a mask that its writers can write, measurements, boxes and outlines."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

from echocare_core.bundle import read_caution
from echocare_core.errors import SettingsError
from echocare_core.results.doubts import of_foreign
from echocare_core.transforms.foreign import foreign_in
from echocare_core.types import Boxes, Mask, Measurement

FROM_LABEL = "image_path"  # what MONAI Label adds to every item, and nothing else does
EXTENSION = "result_extension"  # what a client asks for
LOSSLESS = (".png", ".nrrd", ".nii.gz", ".nii", ".mha", ".bmp", ".tif", ".tiff")
AS_ASKED = (".nrrd", ".nii.gz", ".nii", ".mha")  # sources whose mask has their own format; others get a PNG
TOLERANCE_PX = 0.5  # how far an outline may leave the edge of the mask


class SaveImageForLabeld(MapTransform):
    """Make a result what MONAI Label can send: the last transform of `postprocessing`, which does nothing elsewhere.

    MONAI Label writes its arrays as (width, height), takes a channel axis for a picture one pixel wide, and ends with
    an error on a mask of fractions. Its clients read numbers and outlines from the entry `result`. MONAI Deploy leaves
    out transforms with this beginning of a name.

    Args:
        keys: label map (1, height, width), or of a detection its boxes; becomes uint8 (width, height), in which boxes
            are filled, where the item came from MONAI Label.
        image_key: the picture, with its meta.
        bundle_root: folder of the bundle, whose metadata may caution against all it says.

    Raises:
        SettingsError: the client asks for a format that would change the labels, such as JPEG.
        BundleError: the caution is no text.
    """

    def __init__(self, keys: KeysCollection, image_key: str, bundle_root: str) -> None:
        super().__init__(keys)
        self.image_key, self.folder = image_key, Path(bundle_root)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        if FROM_LABEL not in item:
            return item
        item[EXTENSION] = _extension(item)
        meta, frame = item[self.image_key].meta, int(item.get("frame") or 0)
        labels = draw_labels(item["outputs"], meta)
        for key in self.key_iterator(item):
            item[key] = np.ascontiguousarray(labels.T)
        item["result"] = describe_answer(item["outputs"], meta, frame, read_caution(self.folder))
        return item


def draw_labels(outputs: Sequence[Any], meta: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The mask of a frame; of boxes one in which each is filled with the number of its class, 1 for the first.

    A smaller box lies over a larger one, as a mass over the liver that it is in.

    Args:
        outputs: of one frame, with a mask or boxes.
        meta: of the picture, as `LoadUltrasoundd` leaves it.

    Returns:
        (height, width) of the recorded frame.
    """
    found = next(one for one in outputs if isinstance(one, (Mask, Boxes)))
    if isinstance(found, Mask):
        return found.values
    labels = np.zeros([int(side) for side in meta["recorded_size"]], dtype=np.uint8)
    sides = found.corners_px[:, 2:] - found.corners_px[:, :2]
    for number in np.argsort(-sides.prod(axis=1), kind="stable"):
        top, left, bottom, right = (round(float(edge)) for edge in found.corners_px[number])
        labels[top : max(bottom, top + 1), left : max(right, left + 1)] = 1 + found.classes.index(found.labels[number])
    return labels


def _extension(item: Mapping[Hashable, Any]) -> str:
    """The format of the mask: the one asked for, else that of the picture where it is lossless, else PNG."""
    asked = item.get(EXTENSION)
    if asked and not str(asked).lower().endswith(LOSSLESS):
        raise SettingsError(
            f"A mask as {asked} would have other labels than the bundle gave; ask for result_extension .png or .nrrd."
        )
    source = Path(str(item[FROM_LABEL])).name.lower()
    return str(asked) if asked else next((end for end in AS_ASKED if source.endswith(end)), ".png")


def describe_answer(outputs: Sequence[Any], meta: Mapping[str, Any], frame: int, caution: str) -> dict[str, Any]:
    """What stands beside the mask, as JSON takes it.

    Args:
        outputs: of one frame, as a bundle gives them.
        meta: of the picture, as `LoadUltrasoundd` leaves it.
        frame: 0-based number that was asked for, in the file or through the folder.
        caution: of the bundle, "" where it has none.

    Returns:
        `frame` and `number_of_frames`; `spacing_mm` (row, column) or None; each measurement by its column, such as
        `head_circumference_mm`, None where it is unknown; `annotations`, the outlines as CVAT's detector reads them;
        of a detection `boxes`, the surest first, each with `label`, `confidence` and `corners_px` (top, left, bottom,
        right, the last two one past the last pixel); where there are more frames, `says`, a sentence; where the bundle
        cautions against what it says, or the picture does not look like what it is meant for, `doubts`, a list.
    """
    count = int(meta["number_of_frames"])
    spacing = [float(side) for side in meta["spacing_mm"]]
    measured = {one.column: _known(one.value) for one in outputs if isinstance(one, Measurement)}
    boxes = [box for one in outputs if isinstance(one, Boxes) for box in _boxes(one)]
    elements = [element for one in outputs if isinstance(one, Mask) for element in _elements(one)]
    elements += [{"label": box["label"], "contours": [_corners(*box["corners_px"])]} for box in boxes]
    foreign = foreign_in(meta)
    doubts = [*([caution] if caution else []), *([of_foreign(foreign).text] if foreign else [])]
    says = f"This is frame {frame + 1} of {count}; the parameter frame (0 to {count - 1}) asks for another."
    return {
        "frame": frame,
        "number_of_frames": count,
        "spacing_mm": None if any(map(math.isnan, spacing)) else spacing,
        **measured,
        "annotations": [{"annotation": {"elements": elements}}],
        **({"boxes": boxes} if any(isinstance(one, Boxes) for one in outputs) else {}),
        **({"says": says} if count > 1 else {}),
        **({"doubts": doubts} if doubts else {}),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _elements(mask: Mask) -> list[dict[str, Any]]:
    """Each label that was found with its outlines, [[x, y], ...] in pixels of the frame."""
    found = [value for value in mask.labels if (mask.values == value).any()]
    return [{"label": mask.labels[value], "contours": outlines(mask.values == value)} for value in found]


def _boxes(found: Boxes) -> Iterator[dict[str, Any]]:
    for corners, label, score in zip(found.corners_px, found.labels, found.scores, strict=True):
        yield {"label": label, "confidence": score, "corners_px": [float(edge) for edge in corners]}


def _corners(top: float, left: float, bottom: float, right: float) -> list[list[float]]:
    """Of a box, as `outlines` gives those of a part."""
    top, left, bottom, right = (edge - 0.5 for edge in (top, left, bottom, right))
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def outlines(part: NDArray[np.bool_]) -> list[list[list[float]]]:
    """Outlines of what is True, (x, y) where a pixel's centre has whole numbers, none with fewer than three corners."""
    lines = [line - 1 for line in find_contours(np.pad(part, 1).astype(np.float32), 0.5)]
    corners = [approximate_polygon(line, TOLERANCE_PX)[:-1] for line in lines]
    return [[[float(x), float(y)] for y, x in line] for line in corners if len(line) > 2]
