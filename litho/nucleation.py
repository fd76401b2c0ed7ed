"""Birth of islands in a level set, which by itself can only move the edges that it has.

The derivative of a loss with respect to the mask's coverage, away from every edge, is the topological derivative: what
a small opening at that place would change, per area. Islands are put where it promises most, beside others of their
neighbourhood, so that weak places far from the pattern get theirs as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module
from litho.diffusion import gaussian_diffusion
from litho.grid import Grid
from litho.signed_distance import signed_distance


@dataclass(frozen=True)
class Seeding:
    """Where islands are put, and how large.

    Parameters
    ----------
    blur_nm
        standard deviation of the Gaussian that smooths the derivative, and the islands' outlines
    neighbourhood_nm
        standard deviation of the Gaussian over which the derivative is compared with its root mean square
    strength
        an island is where the derivative is this many times its root mean square
    weakest
        and at least this share of its largest value in the field
    inset_nm
        islands are made smaller by this at every edge; they grow by themselves
    clearance_nm
        distance of an island from what was there before
    """

    blur_nm: float = 14.0
    neighbourhood_nm: float = 60.0
    strength: float = 0.8
    weakest: float = 0.02
    inset_nm: float = 12.0
    clearance_nm: float = 24.0

    def __post_init__(self) -> None:
        for name in ("blur_nm", "neighbourhood_nm", "strength", "weakest", "inset_nm", "clearance_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be a number of at least 0, but got {value}.")


def seeded(level: Array, coverage_bar: Array, grid: Grid, seeding: Seeding, reach_nm: float) -> Array:
    """Add islands to a mask where opening it lowers a loss.

    Parameters
    ----------
    level : (..., ny, nx) real
        signed distance in nm, positive inside the mask
    coverage_bar : (..., ny, nx) real
        derivative of the loss with respect to the coverage of each pixel
    grid
        pixels
    seeding
        see `Seeding`
    reach_nm
        distances are clipped at plus and minus this; above `seeding.clearance_nm`, or there is no room

    Returns
    -------
    level : (..., ny, nx) real
        nowhere lower than before

    References
    ----------
    M. Burger, B. Hackl, W. Ring, Incorporating topological derivatives into level set methods, J. Comput. Phys. 194
    (2004).
    """
    xp = array_module(level, coverage_bar)
    blur, around = (gaussian_diffusion(grid, s, level) for s in (seeding.blur_nm, seeding.neighbourhood_nm))
    zero = xp.zeros_like(level)
    gain = xp.where(level < -seeding.clearance_nm, xp.maximum(-blur(coverage_bar), zero), zero)
    usual = xp.sqrt(xp.maximum(around(gain * gain), zero))
    most = xp.max(gain, axis=(-2, -1), keepdims=True)
    chosen = (gain > 0) & (gain > seeding.strength * usual) & (gain > seeding.weakest * most)
    island = signed_distance(blur(xp.astype(chosen, level.dtype)) - 0.4, grid, reach_nm)
    return xp.maximum(level, island - seeding.inset_nm)
