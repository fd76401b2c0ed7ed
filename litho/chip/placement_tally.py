"""How edge placement errors are spread over any number of sites: counts in bins, in a memory that does not grow.

    tally = PlacementTally.of(error_nm) + PlacementTally.of(others).times(100_000)
    tally.quantile_nm(0.99), tally.share_beyond(15)

A chip has more sites than a list can hold, and most of them are equal to others: each distinct tile is measured once
and counted as often as it occurs. A quantile is off by at most half a bin, `BIN_NM` / 2; means are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats

BIN_NM = 0.01
REACH_NM = 200.0
"""Errors of a larger size are counted in the outermost bins."""

_HALF = round(REACH_NM / BIN_NM)


@dataclass(frozen=True, eq=False)
class PlacementTally:
    """Counts of edge placement errors.

    Parameters
    ----------
    counts : (bins,) int64
        sites whose error rounds to each multiple of `BIN_NM`, from minus to plus `REACH_NM`
    lost
        sites without a printed edge in reach
    sum_nm, sum_nm2
        of the errors, and of their squares
    largest_nm
        size of the largest error; 0 if there is none
    """

    counts: NDArray[np.int64]
    lost: int = 0
    sum_nm: float = 0.0
    sum_nm2: float = 0.0
    largest_nm: float = 0.0

    @classmethod
    def empty(cls) -> PlacementTally:
        """Return the tally of no site."""
        return cls(np.zeros(2 * _HALF + 1, np.int64))

    @classmethod
    def of(cls, error_nm: Floats) -> PlacementTally:
        """Return the tally of errors (n,), NaN where an edge is lost."""
        found = error_nm[np.isfinite(error_nm)]
        bins = np.clip(np.rint(found / BIN_NM), -_HALF, _HALF).astype(np.int64) + _HALF
        largest = float(np.abs(found).max()) if len(found) else 0.0
        counts = np.bincount(bins, minlength=2 * _HALF + 1).astype(np.int64)
        return cls(counts, len(error_nm) - len(found), math.fsum(found), math.fsum(found**2), largest)

    def __add__(self, other: PlacementTally) -> PlacementTally:
        return PlacementTally(
            self.counts + other.counts,
            self.lost + other.lost,
            self.sum_nm + other.sum_nm,
            self.sum_nm2 + other.sum_nm2,
            max(self.largest_nm, other.largest_nm),
        )

    def times(self, count: int) -> PlacementTally:
        """Return the tally of the same sites `count` times, at least once."""
        if count < 1:
            raise ValueError(f"`count` must be at least 1, but got {count}.")
        sums = count * self.sum_nm, count * self.sum_nm2
        return PlacementTally(count * self.counts, count * self.lost, *sums, self.largest_nm)

    @property
    def measured(self) -> int:
        """Sites with a printed edge in reach."""
        return int(self.counts.sum())

    @property
    def sites(self) -> int:
        """All sites, lost ones included."""
        return self.measured + self.lost

    @property
    def mean_nm(self) -> float | None:
        """Mean error, positive outwards."""
        return self.sum_nm / self.measured if self.measured else None

    @property
    def rms_nm(self) -> float | None:
        """Root of the mean square."""
        return math.sqrt(self.sum_nm2 / self.measured) if self.measured else None

    def quantile_nm(self, share: float) -> float | None:
        """Return the size that so large a share of the errors does not exceed, to half a bin; lost sites left out."""
        if not 0 < share <= 1:
            raise ValueError(f"`share` must be over 0 and at most 1, but got {share}.")
        if not self.measured:
            return None
        rank = math.ceil(share * self.measured - 1e-9)
        return float(np.searchsorted(np.cumsum(self.sizes), rank)) * BIN_NM

    def beyond(self, limit_nm: float) -> int:
        """Return how many sites are off by more than a limit, to half a bin; lost ones included."""
        return self.lost + int(self.sizes[math.floor(limit_nm / BIN_NM + 0.5 + 1e-6) + 1 :].sum())

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Counts (bins / 2,) by the error's size, without its sign."""
        folded = self.counts[_HALF:].copy()
        folded[1:] += self.counts[:_HALF][::-1]
        return folded

    def figures(self, limit_nm: float) -> dict[str, Any]:
        """Return the numbers, as `metrics.json` has them."""
        beyond = self.beyond(limit_nm)
        return {
            "sites": self.sites,
            "lost": self.lost,
            "mean_nm": _short(self.mean_nm),
            "rms_nm": _short(self.rms_nm),
            "p50_abs_nm": _short(self.quantile_nm(0.5)),
            "p90_abs_nm": _short(self.quantile_nm(0.9)),
            "p99_abs_nm": _short(self.quantile_nm(0.99)),
            "largest_abs_nm": _short(self.largest_nm if self.measured else None),
            "beyond": beyond,
            "beyond_share": round(beyond / self.sites, 6) if self.sites else None,
            "limit_nm": limit_nm,
        }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
