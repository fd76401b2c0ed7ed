"""How fast a developer dissolves resist, from the share of inhibitor (or of protected sites) that is left.

    intensity -> acid -> bake -> inhibitor -> rate -> time of arrival -> profile

`litho.exposure` and `litho.bake` end in the inhibitor, `litho.front` begins with the rate, and `litho.resist_profile`
measures what is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module


@dataclass(frozen=True)
class MackRate:
    """Mack's original kinetic model: n sites must be freed before one molecule dissolves.

    R(m) = r_max (a + 1) (1 - m)^n / (a + (1 - m)^n) + r_min with a = (n + 1) / (n - 1) (1 - m_th)^n.

    Parameters
    ----------
    max_nm_per_s, min_nm_per_s
        r_max and r_min: fully exposed resist dissolves at their sum, unexposed resist at r_min
    threshold
        inhibitor m_th where the rate bends most, below 1; negative for a weak bend
    order
        selectivity n of the developer, above 1

    References
    ----------
    C. A. Mack, "Development of positive photoresists", J. Electrochem. Soc. 134, 148 (1987).
    """

    max_nm_per_s: float
    min_nm_per_s: float
    threshold: float
    order: float

    def __post_init__(self) -> None:
        _check_positive(self, "max_nm_per_s", "min_nm_per_s")
        if not (math.isfinite(self.threshold) and self.threshold < 1):
            raise ValueError(f"`threshold` must be below 1, but got {self.threshold}.")
        if not (math.isfinite(self.order) and self.order > 1):
            raise ValueError(f"`order` must be above 1, but got {self.order}.")

    @property
    def bend(self) -> float:
        """The constant a: at (1 - m)^n = a the rate has come to half of r_max (a + 1)."""
        return float((self.order + 1) / (self.order - 1) * (1 - self.threshold) ** self.order)

    def __call__(self, inhibitor: Array) -> Array:
        """Return the development rate in nm/s, (...) real, from the inhibitor, held within 0..1."""
        freed = (1 - array_module(inhibitor).clip(inhibitor, 0.0, 1.0)) ** self.order
        return self.max_nm_per_s * (self.bend + 1) * freed / (self.bend + freed) + self.min_nm_per_s


@dataclass(frozen=True)
class EnhancedMackRate:
    """Mack's enhanced kinetic model: the resin's own rate, enhanced by what was exposed, inhibited by what was not.

    R(m) = r_resin (1 + k_enh (1 - m)^n) / (1 + k_inh m^l)
    with k_enh = r_max / r_resin - 1 and k_inh = r_resin / r_min - 1.

    Parameters
    ----------
    max_nm_per_s, resin_nm_per_s, min_nm_per_s
        rate of fully exposed resist, of the resin alone, of unexposed resist: none above the one before
    enhancement_order, inhibition_order
        n and l, at least 1

    References
    ----------
    C. A. Mack, "New kinetic model for resist dissolution", J. Electrochem. Soc. 139, L35 (1992).
    """

    max_nm_per_s: float
    resin_nm_per_s: float
    min_nm_per_s: float
    enhancement_order: float
    inhibition_order: float

    def __post_init__(self) -> None:
        _check_positive(self, "max_nm_per_s", "resin_nm_per_s", "min_nm_per_s")
        if not self.max_nm_per_s >= self.resin_nm_per_s >= self.min_nm_per_s:
            raise ValueError(
                "`resin_nm_per_s` must lie between `min_nm_per_s` and `max_nm_per_s`, "
                f"but got {self.min_nm_per_s}, {self.resin_nm_per_s}, {self.max_nm_per_s}."
            )
        for name in ("enhancement_order", "inhibition_order"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 1):
                raise ValueError(f"`{name}` must be at least 1, but got {value}.")

    def __call__(self, inhibitor: Array) -> Array:
        """Return the development rate in nm/s, (...) real, from the inhibitor, held within 0..1."""
        left = array_module(inhibitor).clip(inhibitor, 0.0, 1.0)
        enhancement = (self.max_nm_per_s / self.resin_nm_per_s - 1) * (1 - left) ** self.enhancement_order
        inhibition = (self.resin_nm_per_s / self.min_nm_per_s - 1) * left**self.inhibition_order
        return self.resin_nm_per_s * (1 + enhancement) / (1 + inhibition)


def _check_positive(model: MackRate | EnhancedMackRate, *names: str) -> None:
    for name in names:
        value = getattr(model, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive number, but got {value}.")
