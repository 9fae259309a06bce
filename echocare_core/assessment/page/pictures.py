"""The picture of a case on the page: the frame with what was predicted and what a person drew."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy.ndimage import binary_erosion

from echocare_core.assessment.cases import Case
from echocare_core.assessment.evaluation import Evaluation
from echocare_core.assessment.kinds.masks import MaskQuestion
from echocare_core.assessment.kinds.question import Question
from echocare_core.results.overlay import shown_size
from echocare_core.results.overlay.canvas import Canvas

PREDICTED, DRAWN = (86, 180, 233), (230, 159, 0)  # sky blue and orange (Okabe and Ito 2008)
Frame = NDArray[np.uint8]
LONGEST_SIDE, QUALITY = 480, 74


def picture_of(case: Case, question: Question, evaluation: Evaluation) -> str | None:
    """The picture as text for the `src` of an image; None where there is none.

    Of masks it is the frame with both outlines, of anything else the overlay of the results.
    """
    row = case.rows[0]
    frame = evaluation.files.frame(row["source"], int(row["frame"])) if row["frame"] else None
    outlined = _outlined(case, question, frame) if isinstance(question, MaskQuestion) and frame is not None else None
    pixels = _overlay(case, evaluation.results.folder, frame) if outlined is None else outlined
    if pixels is None:
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, format="WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _outlined(case: Case, question: MaskQuestion, frame: Frame) -> Frame | None:
    masks = question.both(case)
    if frame.shape[:2] != masks[0].shape:
        return None
    canvas = Canvas(frame)
    for mask, colour in zip(masks, (PREDICTED, DRAWN), strict=True):
        larger = np.repeat(np.repeat(mask, canvas.factor, axis=0), canvas.factor, axis=1)
        canvas.picture[_outlines(larger)] = colour
    return canvas.picture


def _outlines(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The border of each label of a mask, inside it and two pixels wide."""
    found = np.zeros(mask.shape, dtype=bool)
    for value in np.unique(mask[mask > 0]):
        inside = mask == value
        found |= inside & ~binary_erosion(inside, iterations=2)
    return found


def _overlay(case: Case, folder: Path, frame: Frame | None) -> Frame | None:
    """The overlay of the results, without the words below it where the size of the frame is known."""
    name = case.rows[0].get("overlay")
    try:
        with Image.open(folder / str(name)) as overlay:
            pixels = np.array(overlay.convert("RGB"))
    except (OSError, UnidentifiedImageError):
        return None
    height, width = pixels.shape[:2] if frame is None else shown_size(*frame.shape[:2])
    return pixels[:height, :width]
