"""Made pictures with a scan field: a sector of a curved array and a rectangle of a linear one."""

import numpy as np
import pytest

SIDE = 96
APEX, RADII, HALF_ANGLE = (47.5, -25.0), (30.0, 115.0), 0.5


@pytest.fixture
def apex():
    """(x, y) where the beams of the sector meet."""
    return APEX


@pytest.fixture
def radii():
    """Of the first and the last arc."""
    return RADII


@pytest.fixture
def half_angle():
    """Of the sector, in radians."""
    return HALF_ANGLE


@pytest.fixture
def in_sector():
    """Bool (height, width), the field of a curved array."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    radius, angle = np.hypot(columns - APEX[0], rows - APEX[1]), np.arctan2(columns - APEX[0], rows - APEX[1])
    return (radius > RADII[0]) & (radius < RADII[1]) & (abs(angle) < HALF_ANGLE)


@pytest.fixture
def cyst():
    """Bool (height, width), a round hole in the sector."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(columns - 52, rows - 40) < 9


@pytest.fixture
def sector(in_sector, cyst):
    """Float32 (3, height, width): bright grains on black, with a black cyst."""
    grains = np.random.default_rng(0).uniform(0.3, 0.7, size=in_sector.shape)
    return np.stack([(grains * (in_sector & ~cyst)).astype(np.float32)] * 3)


@pytest.fixture
def even():
    """Float32 (3, height, width): one grey on all of a linear array's field, black left and right of it."""
    picture = np.zeros((3, SIDE, SIDE), dtype=np.float32)
    picture[:, :, 16:80] = 0.5
    return picture
