"""Pictures of arrays whose sector is known by other means than the code's own shape."""

import numpy as np
from PIL import Image, ImageDraw

HEIGHT, WIDTH = 480, 640


def polygon(*corners):
    """Bool (HEIGHT, WIDTH), of corners (column, row)."""
    drawn = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(drawn).polygon(corners, fill=1)
    return np.array(drawn)


def pie(column, row, radius, start, end):
    """Bool (HEIGHT, WIDTH), a circle's piece; degrees run clockwise from the right."""
    drawn = Image.new("1", (WIDTH, HEIGHT))
    box = (column - radius, row - radius, column + radius, row + radius)
    ImageDraw.Draw(drawn).pieslice(box, start, end, fill=1)
    return np.array(drawn)


def convex(start=55, end=125):
    return pie(320, -40, 460, start, end) & ~pie(320, -40, 110, 0, 360)


def cut_convex():
    """The screen is too narrow for the corners and too low for the arc."""
    mask = convex(48, 132)
    mask[:, :50] = mask[:, 590:] = mask[390:] = False
    return mask


SHAPES = {
    "convex": convex(),
    "convex, cut by the screen": cut_convex(),
    "phased": pie(320, 30, 400, 50, 130),
    "linear": polygon((140, 40), (500, 40), (500, 440), (140, 440)),
    "linear, steered": polygon((90, 40), (450, 40), (560, 440), (200, 440)),
    "virtual convex": polygon((220, 40), (420, 40), (540, 440), (100, 440)),
}


def scan(mask, background=0, seed=0):
    """Speckle inside a mask, one grey level outside; uint8 (height, width, 3)."""
    drawn = np.random.default_rng(seed).rayleigh(45, (*mask.shape, 1)).clip(12, 255)
    return np.where(mask[..., np.newaxis], drawn, background).astype(np.uint8).repeat(3, axis=2)
