"""Images of gratings in closed form: two beams, and three beams through focus."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from litho.cells import Floats


@dataclass(frozen=True)
class TwoBeams:
    """I = mean + swing cos(2 pi x / period): bright at x = 0."""

    mean: float = 0.5
    swing: float = 0.3
    period_nm: float = 100.0

    def __call__(self, x_nm: Floats, y_nm: Floats) -> Floats:
        """Return the intensity."""
        return self.mean + self.swing * np.cos(2 * math.pi * x_nm / self.period_nm) + 0 * y_nm

    def cd_nm(self, threshold: float) -> float:
        """Return the width of a bright feature."""
        return self.period_nm / math.pi * math.acos((threshold - self.mean) / self.swing)

    def dose(self, cd_nm: float, threshold: float) -> float:
        """Return the dose that prints a bright feature of this width."""
        return threshold / (self.mean + self.swing * math.cos(math.pi * cd_nm / self.period_nm))

    def slope(self, threshold: float) -> float:
        """Return |dI/dx| at the edge."""
        return 2 * math.pi / self.period_nm * self.swing * math.sin(math.pi * self.cd_nm(threshold) / self.period_nm)


@dataclass(frozen=True)
class ThreeBeams:
    """Coherent image of clear spaces of `width_nm` in an opaque mask by the orders -1, 0 and 1, at a defocus."""

    width_nm: float = 90.0
    period_nm: float = 250.0
    wavelength_nm: float = 193.0
    defocus_nm: float = 0.0

    @property
    def orders(self) -> tuple[float, float]:
        """Amplitudes of the orders 0 and 1."""
        share = self.width_nm / self.period_nm
        return share, math.sin(math.pi * share) / math.pi

    @property
    def phase_turns(self) -> float:
        """Phase of the first order behind the zeroth, in turns per nm of defocus."""
        return (1 - math.sqrt(1 - (self.wavelength_nm / self.period_nm) ** 2)) / self.wavelength_nm

    def __call__(self, x_nm: Floats, y_nm: Floats) -> Floats:
        """Return the intensity: |a0 + 2 a1 cos(k x) exp(i phase)|^2; the middle of a space is at x = 0."""
        (a0, a1), wave = self.orders, np.cos(2 * math.pi * x_nm / self.period_nm) + 0 * y_nm
        return a0**2 + 4 * a0 * a1 * self._cosine * wave + 4 * a1**2 * wave**2

    @property
    def _cosine(self) -> float:
        return math.cos(2 * math.pi * self.phase_turns * self.defocus_nm)

    def cd_nm(self, threshold: float) -> float:
        """Return the width of a bright feature."""
        (a0, a1), c = self.orders, self._cosine
        wave = (-a0 * c + math.sqrt(a0**2 * c**2 - a0**2 + threshold)) / (2 * a1)
        return self.period_nm / math.pi * math.acos(wave)

    def focus_nm(self, cd_nm: float, threshold: float) -> float:
        """Return the defocus at which a bright feature has this width."""
        (a0, a1), wave = self.orders, math.cos(math.pi * cd_nm / self.period_nm)
        cosine = (threshold - a0**2 - 4 * a1**2 * wave**2) / (4 * a0 * a1 * wave)
        return math.acos(cosine) / (2 * math.pi * self.phase_turns)

    def meef(self, threshold: float) -> float:
        """Return d CD / d width at defocus 0, from a0 + 2 a1 cos(k x) = sqrt(threshold) at the edge x = CD / 2."""
        (_, a1), edge = self.orders, self.cd_nm(threshold) / 2
        k = 2 * math.pi / self.period_nm
        a0_rate, a1_rate = 1 / self.period_nm, math.cos(math.pi * self.width_nm / self.period_nm) / self.period_nm
        return 2 * (a0_rate + 2 * a1_rate * math.cos(k * edge)) / (2 * a1 * k * math.sin(k * edge))
