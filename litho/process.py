"""Process corners: the doses and focus positions under which a mask has to print the same.

Corners that differ only in dose share one aerial image, for dose multiplies intensity: nothing is simulated again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, zeros
from litho.resist import Resist


@dataclass(frozen=True)
class Corner:
    """One condition of exposure.

    Parameters
    ----------
    dose
        relative to nominal; multiplies intensity
    defocus_nm
        position of the wafer from best focus
    """

    dose: float = 1.0
    defocus_nm: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dose) and self.dose > 0):
            raise ValueError(f"`dose` must be positive, but got {self.dose}.")
        if not math.isfinite(self.defocus_nm):
            raise ValueError(f"`defocus_nm` must be finite, but got {self.defocus_nm}.")


@dataclass(frozen=True)
class Process:
    """The resist and the corners of the process window, the nominal one first.

    Parameters
    ----------
    corners
        nominal condition, then those between which the PV band lies
    resist
        threshold and steepness
    """

    corners: tuple[Corner, ...] = (Corner(1.0, 0.0), Corner(1.04, 0.0), Corner(0.96, 40.0))
    resist: Resist = Resist()

    def __post_init__(self) -> None:
        if len(self.corners) < 1:
            raise ValueError("`corners` must hold at least the nominal one, but got none.")

    @property
    def foci_nm(self) -> tuple[float, ...]:
        """The distinct defocus values in order of appearance: one aerial image each."""
        return tuple(dict.fromkeys(c.defocus_nm for c in self.corners))

    @property
    def focus_of_corner(self) -> tuple[int, ...]:
        """Which of `foci_nm` each corner uses."""
        return tuple(self.foci_nm.index(c.defocus_nm) for c in self.corners)


def expose(intensity: Array, process: Process) -> Array:
    """Intensity at every corner, dose included.

    Parameters
    ----------
    intensity : (foci, ..., ny, nx) real
        one image per entry of `process.foci_nm`, at dose 1
    process
        corners

    Returns
    -------
    exposed : (corners, ..., ny, nx) real
    """
    xp = array_module(intensity)
    pairs = zip(process.corners, process.focus_of_corner, strict=True)
    return xp.stack([intensity[focus, ...] * corner.dose for corner, focus in pairs])


def expose_adjoint(exposed_bar: Array, process: Process) -> Array:
    """Gradient with respect to `intensity`, from the one with respect to `exposed`."""
    out = zeros((len(process.foci_nm), *exposed_bar.shape[1:]), exposed_bar)
    for index, (corner, focus) in enumerate(zip(process.corners, process.focus_of_corner, strict=True)):
        out[focus, ...] += exposed_bar[index, ...] * corner.dose
    return out
