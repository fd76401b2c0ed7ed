"""How a chip is cut into tiles, and how tiles are made to agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

METHODS = ("ilt", "opc")
"""Inverse lithography by the recipe's `method`, or moved edges by its table `opc`."""


@dataclass(frozen=True)
class ChipSettings:
    """How a chip is cut into tiles, and how tiles are made to agree.

    Parameters
    ----------
    field_nm
        largest width and height of a simulated field: a core with its halo on every side
    energy_share
        the halo reaches as far as this share of the kernels' energy does not, see `litho.chip.ambit`
    halo_nm
        the halo itself, in place of `energy_share`
    overlap_nm
        how far beyond its core a tile's level has a part in the blend over a seam
    margin_nm
        how far from the target the mask may have assist features, beyond the layout too
    border_passes
        how often tiles take steps with what their neighbours found around them
    border_steps
        optimiser steps of each such pass
    context_nm
        how far around its core a tile sees the mask when rules are mended
    reuse_mirrored
        whether tiles that are mirror images of each other, or quarter turns, are optimised once where light allows it
    method
        "ilt", or "opc": edges are moved
    """

    field_nm: float = 3072.0
    energy_share: float = 5e-3
    halo_nm: float | None = None
    overlap_nm: float = 96.0
    margin_nm: float = 256.0
    border_passes: int = 1
    border_steps: int = 5
    context_nm: float = 240.0
    reuse_mirrored: bool = True
    method: str = "ilt"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"`method` must be one of {', '.join(METHODS)}, but got {self.method!r}.")
        for name in ("field_nm", "overlap_nm", "context_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {value}.")
        if not (math.isfinite(self.margin_nm) and self.margin_nm >= 0):
            raise ValueError(f"`margin_nm` must be a length of at least 0, but got {self.margin_nm}.")
        if self.halo_nm is not None and not (math.isfinite(self.halo_nm) and self.halo_nm > 0):
            raise ValueError(f"`halo_nm` must be a positive length, but got {self.halo_nm}.")
        if not 0 < self.energy_share < 1:
            raise ValueError(f"`energy_share` must be over 0 and under 1, but got {self.energy_share}.")
        if self.border_passes < 0 or self.border_steps < 1:
            raise ValueError(
                f"`border_passes` must be at least 0 and `border_steps` at least 1, but got {self.border_passes}, "
                f"{self.border_steps}."
            )
