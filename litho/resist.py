"""Constant-threshold resist: what prints where the intensity is at least the threshold, or where it is below.

While a mask is optimised the step is a sigmoid of finite steepness, so that it has a derivative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module


@dataclass(frozen=True)
class Resist:
    """A resist that is exposed where intensity times dose reaches a threshold.

    Whether it is positive or negative does not matter here: shapes print as what is exposed, or as what is not.

    Parameters
    ----------
    threshold
        relative to the clear field (contest kernels: 0.225 in their own unit)
    steepness
        slope of the sigmoid's argument over intensity, used in place of the step while optimising
    tone
        what prints: "bright", what is exposed, as under a mask with open shapes; "dark", what is not, as under one with
        shapes of absorber
    """

    threshold: float = 0.3
    steepness: float = 50.0
    tone: str = "bright"

    def __post_init__(self) -> None:
        for name in ("threshold", "steepness"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")
        if self.tone not in ("bright", "dark"):
            raise ValueError(f"`tone` must be 'bright' or 'dark', but got {self.tone!r}.")

    @property
    def sign(self) -> float:
        """1 where the bright prints, -1 where the dark does: what prints rises with this times the intensity."""
        return 1.0 if self.tone == "bright" else -1.0


def develop(intensity: Array, resist: Resist) -> tuple[Array, Array]:
    """Printed fraction of each pixel, as a smooth step.

    Parameters
    ----------
    intensity : (..., ny, nx) real
        dose included
    resist
        threshold, steepness and tone

    Returns
    -------
    printed : (..., ny, nx) real, in 0..1
    saved
        what `develop_adjoint` needs
    """
    xp = array_module(intensity)
    # a tanh in place of 1 / (1 + exp) cannot overflow
    printed = 0.5 + 0.5 * xp.tanh((0.5 * resist.sign * resist.steepness) * (intensity - resist.threshold))
    return printed, printed


def develop_adjoint(printed_bar: Array, saved: Array, resist: Resist) -> Array:
    """Gradient with respect to `intensity`, from the one with respect to `printed`."""
    return printed_bar * (resist.sign * resist.steepness * saved * (1.0 - saved))


def prints(intensity: Array, resist: Resist) -> Array:
    """Return what prints, sharply: (..., ny, nx) bool, where `intensity` (dose included) reaches the threshold.

    Of the tone "dark" the rest.
    """
    reached = intensity >= resist.threshold
    return reached if resist.tone == "bright" else ~reached
