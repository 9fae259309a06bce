"""The left ventricle is measured as its outline says, in whatever direction it lies."""

from __future__ import annotations

import numpy as np
import pytest

from echocare_core.errors import SettingsError
from echocare_core.tasks.ventricle import area_length_volume, measure_ventricle

LONG, SHORT = 80.0, 40.0  # px


def ellipse(turn: float = 0.0, steps: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """A filled ellipse (160, 160), its long axis turned from the rows on; `steps` are sizes of a pixel."""
    rows, columns = (np.mgrid[:160, :160] - 79.5) * np.array(steps)[:, None, None]
    along = rows * np.cos(turn) + columns * np.sin(turn)
    across = columns * np.cos(turn) - rows * np.sin(turn)
    return ((2 * along / LONG) ** 2 + (2 * across / SHORT) ** 2 <= 1).astype(np.uint8)


def measured(mask: np.ndarray, spacing_mm: tuple[float, float] | None = None, method: str = "area_length") -> dict:
    return {one.column: one.value for one in measure_ventricle(mask, spacing_mm, label=1, method=method)}


@pytest.mark.parametrize("method", ["area_length", "discs"])
@pytest.mark.parametrize("turn", [0.0, 0.6, 1.4])
def test_an_ellipse_has_the_volume_of_its_ellipsoid(turn: float, method: str) -> None:
    found = measured(ellipse(turn), None, method)

    assert found["left_ventricle_length_px"] == pytest.approx(LONG, abs=1.5)
    assert found["left_ventricle_area_px2"] == pytest.approx(np.pi / 4 * LONG * SHORT, rel=0.01)
    assert found["left_ventricle_volume_px3"] == pytest.approx(np.pi / 6 * LONG * SHORT**2, rel=0.03)


def test_pixels_that_are_not_square_change_no_volume() -> None:
    found = measured(ellipse(0.6, (0.5, 1.0)), (0.5, 1.0))

    assert found["left_ventricle_length_mm"] == pytest.approx(LONG, abs=1.5)
    assert found["left_ventricle_volume_ml"] == pytest.approx(np.pi / 6 * LONG * SHORT**2 / 1000, rel=0.03)


def test_the_axis_is_drawn_from_end_to_end() -> None:
    _, length, _ = measure_ventricle(ellipse(), None, label=1, method="area_length")

    assert length.line_px is not None
    assert sorted(length.line_px[:, 0]) == pytest.approx([79.5 - LONG / 2, 79.5 + LONG / 2], abs=1)
    assert length.line_px[:, 1] == pytest.approx([79.5, 79.5], abs=1)


def test_specks_beside_it_do_not_count() -> None:
    mask = ellipse()
    mask[:3, :3] = 1

    assert measured(mask) == measured(ellipse())


def test_nothing_is_measured_where_there_is_none() -> None:
    assert measure_ventricle(np.zeros((8, 8), np.uint8), None, label=1, method="discs") == ()


def test_a_single_pixel_has_a_volume_above_zero() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[3, 4] = 1

    assert measured(mask)["left_ventricle_volume_px3"] > 0


def test_another_method_is_refused() -> None:
    with pytest.raises(SettingsError, match="'cone'; needed 'area_length' or 'discs'"):
        measure_ventricle(ellipse(), None, label=1, method="cone")  # type: ignore[arg-type]


def test_a_sphere_has_the_volume_of_a_sphere() -> None:
    assert area_length_volume(np.pi * 9, 6) == pytest.approx(4 / 3 * np.pi * 27)
