"""How long a stated writer takes for a mask.

All figures of a writer are the user's: none of the defaults describes a machine that can be bought.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_S_PER_DOSE_OVER_CURRENT = 1e-6  # uC/cm^2 over A/cm^2
_MM2_PER_NM2 = 1e-12


@dataclass(frozen=True)
class ShapedBeamWriter:
    """A writer that exposes one shot after the other (variable shaped beam).

    Parameters
    ----------
    dose_uc_per_cm2
        of the resist
    current_density_a_per_cm2
        of the beam
    settling_s
        between two shots, for the deflection
    field_mm
        side of a deflection field, on the mask
    field_overhead_s
        of the stage, for each field
    passes
        every shot is exposed so often, each with its share of the dose
    fixed_s
        loading and calibration of a mask
    """

    dose_uc_per_cm2: float = 30.0
    current_density_a_per_cm2: float = 400.0
    settling_s: float = 1e-7
    field_mm: float = 1.0
    field_overhead_s: float = 0.1
    passes: int = 2
    fixed_s: float = 0.0

    def __post_init__(self) -> None:
        _require_positive(self, "dose_uc_per_cm2", "current_density_a_per_cm2", "field_mm")
        _require_not_negative(self, "settling_s", "field_overhead_s", "fixed_s")
        _require_passes(self.passes)

    @property
    def exposure_s(self) -> float:
        """Time that the beam is on for one shot, all passes together."""
        return self.dose_uc_per_cm2 / self.current_density_a_per_cm2 * _S_PER_DOSE_OVER_CURRENT

    def write_time_s(self, shots: float, area_mm2: float) -> float:
        """Return the time for a number of shots on an area of the mask."""
        _require_work(shots, area_mm2)
        fields = math.ceil(area_mm2 / self.field_mm**2)
        beam = shots * (self.exposure_s + self.passes * self.settling_s)
        return self.fixed_s + beam + self.passes * fields * self.field_overhead_s


@dataclass(frozen=True)
class MultiBeamWriter:
    """A writer that exposes every pixel of a mask with its dose: time depends on the area, not on the pattern.

    Parameters
    ----------
    rate_mm2_per_s
        area exposed in one pass, pixels of dose 0 included
    passes
        over the area
    fixed_s
        loading and calibration of a mask
    """

    rate_mm2_per_s: float = 1.0
    passes: int = 1
    fixed_s: float = 0.0

    def __post_init__(self) -> None:
        _require_positive(self, "rate_mm2_per_s")
        _require_not_negative(self, "fixed_s")
        _require_passes(self.passes)

    def write_time_s(self, area_mm2: float) -> float:
        """Return the time for an area of the mask."""
        _require_work(0.0, area_mm2)
        return self.fixed_s + self.passes * area_mm2 / self.rate_mm2_per_s


def mask_area_mm2(area_nm2: float, reduction: float = 4.0) -> float:
    """Return the area on the mask of an area at wafer scale, for a lens that reduces so many times."""
    if not (math.isfinite(reduction) and reduction > 0):
        raise ValueError(f"`reduction` must be a positive number, but got {reduction}.")
    return area_nm2 * reduction**2 * _MM2_PER_NM2


def _require_positive(writer: object, *names: str) -> None:
    for name in names:
        value = getattr(writer, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive number, but got {value}.")


def _require_not_negative(writer: object, *names: str) -> None:
    for name in names:
        value = getattr(writer, name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"`{name}` must be a time of at least 0, but got {value}.")


def _require_passes(passes: int) -> None:
    if passes < 1:
        raise ValueError(f"`passes` must be at least 1, but got {passes}.")


def _require_work(shots: float, area_mm2: float) -> None:
    if not (shots >= 0 and area_mm2 >= 0 and math.isfinite(shots + area_mm2)):
        raise ValueError(f"`shots` and `area_mm2` must be at least 0, but got {shots} and {area_mm2}.")
