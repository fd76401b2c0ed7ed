"""From drawn shapes to what the mask transmits.

Coverage is real, 0..1 (1 in the raster is inside a drawn shape); transmission is an affine map of it, so it is applied
to the band: the spectrum is scaled, and the zeroth order gets the constant.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

from litho.backend import Array
from litho.fourier import complete, fold


@dataclass(frozen=True)
class Mask:
    """Amplitude transmission of a thin mask.

    Parameters
    ----------
    clear
        transmission of its open parts
    dark
        transmission of its absorber
    tone
        "dark field": drawn shapes are open in an absorber; "bright field": drawn shapes are absorber on an open mask
    """

    clear: complex = 1.0
    dark: complex = 0.0
    tone: str = "dark field"

    def __post_init__(self) -> None:
        for name in ("clear", "dark"):
            check_transmission(name, getattr(self, name))
        if self.tone not in ("dark field", "bright field"):
            raise ValueError(f"`tone` must be 'dark field' or 'bright field', but got {self.tone!r}.")

    @classmethod
    def binary(cls, tone: str = "dark field") -> Mask:
        """Return a mask of opaque absorber."""
        return cls(tone=tone)

    @classmethod
    def attenuated(cls, intensity: float = 0.06, phase_deg: float = 180.0, tone: str = "dark field") -> Mask:
        """Return a phase-shifting mask whose absorber transmits `intensity` (a share) with `phase_deg`."""
        if not 0 <= intensity <= 1:
            raise ValueError(f"`intensity` must be a share in 0..1, but got {intensity}.")
        return cls(dark=math.sqrt(intensity) * phase_shift(phase_deg), tone=tone)

    @property
    def drawn(self) -> complex:
        """Transmission where coverage is 1."""
        return complex(self.clear if self.tone == "dark field" else self.dark)

    @property
    def undrawn(self) -> complex:
        """Transmission where coverage is 0."""
        return complex(self.dark if self.tone == "dark field" else self.clear)


def phase_shift(phase_deg: float) -> complex:
    """Return exp(i phase); exactly real for whole half turns, so that a real mask stays real."""
    if not math.isfinite(phase_deg):
        raise ValueError(f"`phase_deg` must be finite, but got {phase_deg}.")
    half_turns = phase_deg / 180
    if half_turns == round(half_turns):
        return float((-1) ** round(half_turns))
    return cmath.rect(1.0, math.pi * half_turns)


def check_transmission(name: str, value: complex) -> None:
    """Raise unless `value` can be the transmission of a mask."""
    if not (cmath.isfinite(value) and abs(value) <= 1 + 1e-12):
        raise ValueError(f"`{name}` must be a transmission of modulus 1 at most, but got {value}.")


def transmission_band(coverage_half: Array, mask: Mask) -> Array:
    """Spectrum of a mask in the lens band.

    Parameters
    ----------
    coverage_half : (..., 2 Ry + 1, Rx + 1) complex
        half band of the coverage
    mask
        what is transmitted where

    Returns
    -------
    mask_band : (..., 2 Ry + 1, 2 Rx + 1) complex
        full band of undrawn + (drawn - undrawn) coverage
    """
    band = complete(coverage_half) * (mask.drawn - mask.undrawn)
    band[..., 0, 0] = band[..., 0, 0] + mask.undrawn
    return band


def transmission_band_adjoint(mask_band_bar: Array, mask: Mask) -> Array:
    """Gradient with respect to `coverage_half`, from the one with respect to `mask_band`."""
    return fold(mask_band_bar * (mask.drawn - mask.undrawn).conjugate())
