"""What an exposure blurs: focus that is not one value, a stage that shakes, and light that is scattered.

A spread of focus adds images up (each source point is imaged at each focus). Shaking and scattering act on the finished
image: they multiply its frequencies by a real factor, which is 1 at frequency zero, so that light is neither made nor
lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module
from litho.fourier import band_frequencies
from litho.quadrature import gauss_points


@dataclass(frozen=True)
class FocusSpread:
    """Focus values that share one exposure.

    Parameters
    ----------
    offsets_nm
        distances from the set focus
    shares
        of the dose, in any unit; kept with the sum 1
    """

    offsets_nm: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.offsets_nm) != len(self.shares) or not self.shares:
            raise ValueError(
                f"`shares` must have one entry per offset ({len(self.offsets_nm)}), but got {len(self.shares)}."
            )
        if not all(math.isfinite(v) for v in self.offsets_nm):
            raise ValueError(f"`offsets_nm` must be finite, but got {self.offsets_nm}.")
        if not all(math.isfinite(v) and v > 0 for v in self.shares):
            raise ValueError(f"`shares` must be positive, but got {self.shares}.")
        total = sum(self.shares)
        object.__setattr__(self, "shares", tuple(v / total for v in self.shares))

    @classmethod
    def uniform(cls, range_nm: float, count: int = 5) -> FocusSpread:
        """Return a scan through `range_nm` from end to end (a tilted stage), as `count` Gauss points."""
        _check_width("range_nm", range_nm)
        if count < 1:
            raise ValueError(f"`count` must be at least 1, but got {count}.")
        points, weights = gauss_points(count)
        return cls(tuple((t - 0.5) * range_nm for t in points), weights)

    @classmethod
    def gaussian(cls, sigma_nm: float) -> FocusSpread:
        """Return a normal distribution as the five points of Gauss and Hermite, exact for nine moments."""
        _check_width("sigma_nm", sigma_nm)
        root = math.sqrt(10)
        far, near = math.sqrt(5 + root) * sigma_nm, math.sqrt(5 - root) * sigma_nm
        at_far, at_near = (7 - 2 * root) / 60, (7 + 2 * root) / 60
        return cls((-far, -near, 0.0, near, far), (at_far, at_near, 8 / 15, at_near, at_far))

    @classmethod
    def bandwidth(cls, fwhm_pm: float, focus_nm_per_pm: float) -> FocusSpread:
        """Return the focus spread of a Gaussian laser line of full width `fwhm_pm` at half maximum.

        `focus_nm_per_pm` is how far the lens's focus moves with the wavelength.
        """
        _check_width("fwhm_pm", fwhm_pm)
        if not (math.isfinite(focus_nm_per_pm) and focus_nm_per_pm != 0):
            raise ValueError(f"`focus_nm_per_pm` must be finite and not 0, but got {focus_nm_per_pm}.")
        return cls.gaussian(fwhm_pm / math.sqrt(8 * math.log(2)) * abs(focus_nm_per_pm))


@dataclass(frozen=True)
class Flare:
    """Scattered light: a share of the intensity that is spread by a Gaussian, or evenly over the field.

    Parameters
    ----------
    share
        of the intensity, 0..1 (total integrated scatter)
    reach_nm
        standard deviation of the spread; infinite: evenly over the whole field, a constant background
    """

    share: float
    reach_nm: float = math.inf

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"`share` must be in 0..1, but got {self.share}.")
        if not self.reach_nm > 0:
            raise ValueError(f"`reach_nm` must be positive, but got {self.reach_nm}.")


def image_transfer(
    vibration_nm: tuple[float, float],
    flare: tuple[Flare, ...],
    period_nm: tuple[float, float],
    radius: tuple[int, int],
    x: Array,
) -> Array:
    """Return the factor of each frequency of an intensity's half band.

    Parameters
    ----------
    vibration_nm
        standard deviations (y, x) of the stage's position during the exposure
    flare
        terms whose point spread functions add up
    period_nm
        field (y, x)
    radius
        largest frequency (Ry, Rx) of the intensity
    x
        an array of the library that is asked for

    Returns
    -------
    (2 Ry + 1, Rx + 1) float64
        1 at frequency zero
    """
    xp = array_module(x)
    fy = band_frequencies(radius[0], x)[:, None] / period_nm[0]
    fx = xp.clip(band_frequencies(radius[1], x)[: radius[1] + 1], 0.0, None)[None, :] / period_nm[1]
    shaken = xp.exp(-2 * math.pi**2 * ((vibration_nm[0] * fy) ** 2 + (vibration_nm[1] * fx) ** 2))
    squared = fy**2 + fx**2
    kept = 1 + 0 * squared
    for term in flare:
        spread = (
            xp.exp(-2 * math.pi**2 * term.reach_nm**2 * squared)
            if math.isfinite(term.reach_nm)
            else xp.astype(squared == 0, xp.float64)
        )
        kept = kept - term.share * (1 - spread)
    return shaken * kept


def _check_width(name: str, width_nm: float) -> None:
    if not (math.isfinite(width_nm) and width_nm > 0):
        raise ValueError(f"`{name}` must be a positive length, but got {width_nm}.")
