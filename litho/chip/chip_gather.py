"""What all windows of a chip found, put together: counts of sites, numbers of every tile, places that break a limit.

Windows come one after the other and leave only sums behind, so the memory does not grow with the layout. One that
occurs many times is looked at once, and added to all of its places.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.chip_result import ChipVerification, TileNumbers
from litho.chip.placement_tally import PlacementTally
from litho.chip.tiles import TilePlan
from litho.chip.window_check import SEAM_NM, WindowCheck, seam_distance_nm
from litho.config import Recipe
from litho.hotspots import KINDS, HotSpot
from litho.rule_set import RULES, RuleViolation

ELSEWHERE = tuple((k / 9, 4 * k % 9 / 9) for k in range(1, 9))
"""Sets of lines that run beside the seams, by how far, as shares of a core: in each other place once, along x and y."""


class Gathered:
    """Sums over windows; `add` each of them, in the order of the plan, and take what they come to.

    Parameters
    ----------
    tiles
        that were corrected
    recipe
        with the limits
    seams
        whether the borders of tiles are seams
    """

    def __init__(self, tiles: TilePlan, recipe: Recipe, seams: bool = True) -> None:
        self.tiles, self.recipe, self._seams = tiles, recipe, seams
        shape = tiles.counts[::-1]
        self._squares, self._sites = np.zeros(shape), np.zeros(shape, np.int64)
        self._largest = np.zeros(shape)
        self._band, self._banded = np.zeros(shape), np.zeros(shape, np.int64)
        self._tallies = [PlacementTally.empty(), PlacementTally.empty()]
        self._elsewhere = [PlacementTally.empty() for _ in ELSEWHERE if seams]
        self._spots: list[HotSpot] = []
        self._violations: list[RuleViolation] = []

    def add(self, check: WindowCheck, shifts: NDArray[np.int64] | None = None) -> None:
        """Add what a window found, at its place and at others.

        Parameters
        ----------
        check
            at the first place
        shifts : (m, 2) whole numbers
            columns and rows from there to every place that it has, (0, 0) among them; the same tiles and seams lie
            around all of them. That place alone if not given
        """
        shifts = np.zeros((1, 2), np.int64) if shifts is None else shifts
        error = check.error_nm[0]
        at_seam = (seam_distance_nm(check.points_nm, self.tiles) <= SEAM_NM) & self._seams
        for k, chosen in enumerate((~at_seam, at_seam)):
            if chosen.any():
                self._tallies[k] += PlacementTally.of(error[chosen]).times(len(shifts))
        for k in range(len(self._elsewhere)):
            chosen = (seam_distance_nm(check.points_nm, self.tiles, ELSEWHERE[k]) <= SEAM_NM) & ~at_seam
            if chosen.any():
                self._elsewhere[k] += PlacementTally.of(error[chosen]).times(len(shifts))
        self._add_sites(check, shifts)
        if check.hotspots or check.violations:
            for x, y in (shifts * self.tiles.core_nm).tolist():
                moved = check.moved(x, y)
                self._spots += moved.hotspots
                self._violations += moved.violations

    def verification(self) -> ChipVerification:
        """Return what all windows come to; the same for any number of workers."""
        interior, seams = self._tallies
        spots = sorted(self._spots, key=lambda s: (-s.severity, KINDS.index(s.kind), s.x_nm, s.y_nm, s.corner))
        broken = sorted(self._violations, key=lambda v: (RULES.index(v.rule), v.x_nm, v.y_nm, v.value))
        limit = self.recipe.verify.epe_nm
        rules, elsewhere = self.recipe.rules, tuple(tally for tally in self._elsewhere if tally.measured)
        return ChipVerification(interior, seams, limit, tuple(spots), tuple(broken), rules, elsewhere)

    def numbers(self, seconds: Floats, origin: NDArray[np.uint8]) -> TileNumbers:
        """Return the numbers of every tile; `seconds` and `origin` (rows, columns) come from the run."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rms, band = np.sqrt(self._squares / self._sites), self._band / self._banded
        largest = np.where(self._sites > 0, self._largest, math.nan)
        return TileNumbers(rms, largest, band, seconds, origin)

    def _add_sites(self, check: WindowCheck, shifts: NDArray[np.int64]) -> None:
        """Add sites to the tiles that they lie in; those beyond all cores to the nearest."""
        place = np.floor((check.points_nm - self.tiles.origin_nm) / self.tiles.core_nm).astype(np.int64)
        tile, member = np.unique(np.clip(place, 0, np.array(self.tiles.counts) - 1), axis=0, return_inverse=True)
        member, error, band = member.reshape(-1), check.error_nm[0], check.band_nm
        found, wide = np.isfinite(error), np.isfinite(band)
        for number in range(len(tile)):
            errors, bands = error[found & (member == number)], band[wide & (member == number)]
            column, row = (tile[number] + shifts).T
            np.add.at(self._squares, (row, column), float((errors**2).sum()))
            np.add.at(self._sites, (row, column), len(errors))
            np.maximum.at(self._largest, (row, column), float(np.abs(errors).max(initial=0.0)))
            np.add.at(self._band, (row, column), float(bands.sum()))
            np.add.at(self._banded, (row, column), len(bands))
