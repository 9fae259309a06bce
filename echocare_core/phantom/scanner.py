"""A phased array that never was: scatterers to the envelope of echoes along beams, and beams to a picture.

Each scatterer adds its echo with the phase of its depth, the echoes are spread by a point-spread function along and
across the beam, and their envelope is compressed as a scanner does (Burckhardt, IEEE Trans Sonics Ultrason 25:1, 1978;
a linear scanner in the manner of COLE, Gao et al., IEEE Trans Ultrason 56:404, 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

Field = NDArray[np.float32]
BEAMS, SAMPLES = 96, 224
WAVELENGTH_MM = 0.55  # of 2.8 MHz, twice that on the way out and back


@dataclass(frozen=True)
class Scanner:
    """A sector and what its beams see.

    Attributes:
        depth_mm: to which it sees.
        opening: angle of the sector in radians.
        height: of its pictures in pixels.
        across_beams, along_samples: standard deviations of the point-spread function, in beams and samples.
        gain_db: (BEAMS, SAMPLES), what is added along the beams: gain, attenuation that is not compensated, drop-out.
        noise: standard deviation of the noise of the amplifier.
        haze: (BEAMS, SAMPLES), amplitude of reverberations that stand still.
        range_db: dynamic range of the picture, and `floor_db`, echoes that are black.
        gamma: of the grey scale.
    """

    depth_mm: float
    opening: float
    height: int
    across_beams: float
    along_samples: float
    gain_db: Field = field(repr=False)
    noise: float
    haze: Field = field(repr=False)
    floor_db: float
    range_db: float
    gamma: float

    @property
    def spacing_mm(self) -> float:
        """Of its pictures, whose pixels are square."""
        return self.depth_mm / self.height

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its pictures in pixels."""
        return self.height, 2 * round(self.height * np.sin(self.opening / 2))

    def to_pixels(self, places: NDArray[np.floating]) -> NDArray[np.floating]:
        """(..., 2) (depth, across) in mm, the probe in the middle of the upper edge, to (row, column)."""
        return places / self.spacing_mm + np.array([0, self.size[1] / 2])

    def echoes(self, places: Field, amplitudes: Field, generator: np.random.Generator) -> Field:
        """Envelope (BEAMS, SAMPLES) of the echoes of scatterers.

        Args:
            places: (scatterers, 2), (depth, across) in mm.
            amplitudes: (scatterers,).
            generator: of the noise.
        """
        ranges = np.hypot(places[:, 0], places[:, 1])
        beams = (np.arctan2(places[:, 1], places[:, 0]) / self.opening + 0.5) * BEAMS
        samples = ranges / self.depth_mm * SAMPLES
        seen = (beams >= 0) & (beams < BEAMS) & (samples < SAMPLES) & (places[:, 0] > 0)
        cells = beams[seen].astype(np.int64) * SAMPLES + samples[seen].astype(np.int64)
        phases = (4 * np.pi / WAVELENGTH_MM) * ranges[seen]
        parts = [
            self._spread(np.bincount(cells, amplitudes[seen] * wave(phases), BEAMS * SAMPLES))
            for wave in (np.cos, np.sin)
        ]
        noise = generator.normal(0, self.noise, (2, BEAMS, SAMPLES)).astype(np.float32)
        gain = 10 ** (self.gain_db / 20)
        return np.hypot(parts[0] * gain + noise[0] + self.haze, parts[1] * gain + noise[1])

    def _spread(self, echoes: NDArray[Any]) -> Field:
        spread = echoes.reshape(BEAMS, SAMPLES).astype(np.float32)
        for axis, sigma in ((0, self.across_beams), (1, self.along_samples)):
            spread = gaussian_filter1d(spread, sigma, axis, mode="constant", truncate=3)
        return spread

    def picture(self, envelope: Field) -> NDArray[np.uint8]:
        """Grey (height, width) of an envelope: compressed, and converted from beams to pixels."""
        decibels = 20 * np.log10(np.maximum(envelope, 1e-6))
        grey = ((decibels - self.floor_db) / self.range_db).clip(0, 1) ** self.gamma
        rows, columns = np.mgrid[: self.size[0], : self.size[1]]
        depth, across = (rows + 0.5) * self.spacing_mm, (columns + 0.5 - self.size[1] / 2) * self.spacing_mm
        beams = (np.arctan2(across, depth) / self.opening + 0.5) * BEAMS - 0.5
        samples = np.hypot(depth, across) / self.depth_mm * SAMPLES - 0.5
        inside = (beams >= -0.5) & (beams <= BEAMS - 0.5) & (samples <= SAMPLES - 0.5)
        converted = map_coordinates(grey, [beams.clip(0, BEAMS - 1), samples.clip(0, SAMPLES - 1)], order=1)
        return np.where(inside, 255 * converted, 0).astype(np.uint8)
