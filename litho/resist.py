"""Constant-threshold resist: what prints where the intensity is at least the threshold.

While a mask is optimised the step is a sigmoid of finite steepness, so that it has a derivative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module


@dataclass(frozen=True)
class Resist:
    """A resist that is exposed where intensity times dose reaches a threshold.

    Parameters
    ----------
    threshold
        relative to the clear field (contest kernels: 0.225 in their own unit)
    steepness
        slope of the sigmoid's argument over intensity, used in place of the step while optimising
    """

    threshold: float = 0.3
    steepness: float = 50.0

    def __post_init__(self) -> None:
        for name in ("threshold", "steepness"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")


def develop(intensity: Array, resist: Resist) -> tuple[Array, Array]:
    """Printed fraction of each pixel, as a smooth step.

    Parameters
    ----------
    intensity : (..., ny, nx) real
        dose included
    resist
        threshold and steepness

    Returns
    -------
    printed : (..., ny, nx) real, in 0..1
    saved
        what `develop_adjoint` needs
    """
    xp = array_module(intensity)
    # a tanh in place of 1 / (1 + exp) cannot overflow
    printed = 0.5 + 0.5 * xp.tanh((0.5 * resist.steepness) * (intensity - resist.threshold))
    return printed, printed


def develop_adjoint(printed_bar: Array, saved: Array, resist: Resist) -> Array:
    """Gradient with respect to `intensity`, from the one with respect to `printed`."""
    return printed_bar * (resist.steepness * saved * (1.0 - saved))


def prints(intensity: Array, resist: Resist) -> Array:
    """Return what prints, sharply: (..., ny, nx) bool, true where `intensity` (dose included) reaches the threshold."""
    return intensity >= resist.threshold
