"""Burned-in marks: calipers and text that people leave on pictures."""

from __future__ import annotations

import math

import numpy as np
from monai.config import KeysCollection
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field

SIGNS = "ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvw0123456789.:- "
ARM, LETTER = 0.018, (0.035, 0.06)  # of the longer side: half a cross, height of a letter
DOT = 3  # steps from dot to dot of the line between two crosses, in pixels
BRIGHTNESS = (0.7, 1.0)


class RandMarksd(RandomChange):
    """Draw pairs of calipers with a dotted line between them, and short lines of letters, into the scan field, as most
    archives have them (for breasts: Bunnell et al. 2024, PLoS ONE 19:e0315434). They stand anywhere, so that they say
    nothing of where a lesion is.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        calipers: least and greatest number of pairs; [0, 0] for none.
        words: least and greatest number of lines of letters; [0, 0] for none.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self, keys: KeysCollection, prob: float, calipers: Range, words: Range, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.calipers = check_range(self, "calipers", calipers, 0)
        self.words = check_range(self, "words", words, 0)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        field = find_scan_field(picture)
        if field is None:
            return picture
        drawn = Image.new("L", (picture.shape[-1], picture.shape[-2]))
        pen, places = ImageDraw.Draw(drawn), np.argwhere(field.inside)[:, ::-1]
        for _ in range(_number(self.calipers, generator)):
            _draw_calipers(pen, generator.choice(places), max(drawn.size), generator)
        for _ in range(_number(self.words, generator)):
            _draw_word(pen, generator.choice(places), max(drawn.size), generator)
        marks = (np.asarray(drawn) / 255 * field.inside).astype(np.float32)
        return picture * (1 - marks) + marks * np.float32(generator.uniform(*BRIGHTNESS))


def _number(least_and_greatest: tuple[float, float], generator: np.random.Generator) -> int:
    least, greatest = least_and_greatest
    return int(generator.integers(int(least), int(greatest), endpoint=True))


def _draw_calipers(
    pen: ImageDraw.ImageDraw, place: NDArray[np.int64], side: int, generator: np.random.Generator
) -> None:
    """Two crosses, the first at a place (x, y), and dots between them."""
    length, angle = generator.uniform(0.1, 0.5) * side, generator.uniform(0, 2 * math.pi)
    towards = np.array([math.cos(angle), math.sin(angle)])
    arm = max(ARM * side, 1.5)
    for x, y in (place, place + length * towards):
        pen.line([(x - arm, y), (x + arm, y)], fill=255)
        pen.line([(x, y - arm), (x, y + arm)], fill=255)
    pen.point([tuple((place + step * towards).tolist()) for step in np.arange(0, length, DOT)], fill=255)


def _draw_word(pen: ImageDraw.ImageDraw, place: NDArray[np.int64], side: int, generator: np.random.Generator) -> None:
    """A line of letters about a place (x, y)."""
    word = "".join(generator.choice(list(SIGNS), size=generator.integers(3, 13)))
    height = max(6, round(generator.uniform(*LETTER) * side))
    x, y = place.tolist()
    pen.text((x - len(word) * height / 4, y - height / 2), word, fill=255, font=ImageFont.load_default(height))
