"""How well a print matches its target: L2, process-variation band and edge placement errors.

The numbers are those of the ICCAD-2013 contest as OpenILT counts them, which published masks are compared by. Prints
and targets are yes/no rasters on one grid; the field is periodic, so a line that leaves it on one side comes back on
the other and has no end at the border.

References
----------
S. Banerjee, Z. Li, S. R. Nassif, "ICCAD-2013 CAD contest in mask optimization and benchmark suite", ICCAD 2013.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litho.grid import Grid

Bits = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class EpeRule:
    """Where edge placement is checked, and how far an edge may be off; the defaults are the contest's.

    Lengths become whole pixels, rounded to the nearest and at least one.

    Parameters
    ----------
    tolerance_nm
        the print must cover the point this far inside the target's edge and not the one this far outside
    interval_nm
        distance of neighbouring sites of a long edge
    start_nm
        distance of the first site of a long edge from its ends
    short_edge_nm
        an edge up to this length has one site, at its centre
    joined_edges
        take an edge and one in a later column (row) for the same if the one ends just before the row (column) where
        the other begins, as OpenILT does. It never happens in the contest's clips; in regular layouts it puts sites
        where no edge is, so set it to False there
    """

    tolerance_nm: float = 15.0
    interval_nm: float = 40.0
    start_nm: float = 40.0
    short_edge_nm: float = 80.0
    joined_edges: bool = True

    def __post_init__(self) -> None:
        for name in ("tolerance_nm", "interval_nm", "start_nm", "short_edge_nm"):
            length = getattr(self, name)
            if not (math.isfinite(length) and length > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {length}.")


@dataclass(frozen=True, eq=False)
class Sites:
    """Where edge placement is checked; all three are (n, 2) pixels as (row, column).

    Parameters
    ----------
    edge
        pixels of the target's rim
    inside
        where the print must be, modulo the field
    outside
        where the print must not be, modulo the field
    """

    edge: Indices
    inside: Indices
    outside: Indices

    def __len__(self) -> int:
        return len(self.edge)


@dataclass(frozen=True)
class Metrics:
    """The contest's figures of one mask.

    Parameters
    ----------
    l2_nm2
        area where the nominal print differs from the target
    pv_band_nm2
        area where some but not all process corners print
    epe_violations
        inner and outer violations, together
    epe_sites
        number of sites checked
    """

    l2_nm2: float
    pv_band_nm2: float
    epe_violations: int
    epe_sites: int

    def as_dict(self) -> dict[str, float]:
        """Return the figures by the names of the literature: L2, PVB, EPE and sites."""
        return {
            "L2": _whole(self.l2_nm2),
            "PVB": _whole(self.pv_band_nm2),
            "EPE": self.epe_violations,
            "sites": self.epe_sites,
        }


def evaluate(nominal: Bits, corners: Bits, target: Bits, grid: Grid, rule: EpeRule | None = None) -> Metrics:
    """Return the contest's figures of one mask.

    Parameters
    ----------
    nominal : (ny, nx) bool
        print at nominal dose and focus
    corners : (C, ny, nx) bool
        prints at the process corners; the contest has two
    target : (ny, nx) bool
    grid
        of all of them
    rule
        sites and tolerance of the edge placement; the contest's by default
    """
    _require_bits("nominal", nominal, grid.shape)
    _require_bits("corners", corners, (len(corners), *grid.shape))
    _require_bits("target", target, grid.shape)
    sites = epe_sites(target, grid.pixel_nm, rule)
    return Metrics(
        l2_nm2=l2_nm2(nominal, target, grid.pixel_area_nm2),
        pv_band_nm2=pv_band_nm2(corners, grid.pixel_area_nm2),
        epe_violations=epe_violations(nominal, sites),
        epe_sites=len(sites),
    )


def l2_nm2(printed: Bits, target: Bits, pixel_area_nm2: float = 1.0) -> float:
    """Return the area where `printed` differs from `target`, both (ny, nx) bool."""
    return np.count_nonzero(printed != target) * pixel_area_nm2


def pv_band_nm2(prints: Bits, pixel_area_nm2: float = 1.0) -> float:
    """Return the area where some but not all of `prints`, (C, ny, nx) bool, print."""
    some, every = np.any(prints, axis=0), np.all(prints, axis=0)
    return np.count_nonzero(some & ~every) * pixel_area_nm2


def epe_violations(printed: Bits, sites: Sites) -> int:
    """Return how many points inside fail to print, plus how many outside do; `printed` is (ny, nx) bool."""
    inner = np.count_nonzero(~printed[sites.inside[:, 0], sites.inside[:, 1]])
    outer = np.count_nonzero(printed[sites.outside[:, 0], sites.outside[:, 1]])
    return int(inner + outer)


def epe_sites(target: Bits, pixel_nm: tuple[float, float] = (1.0, 1.0), rule: EpeRule | None = None) -> Sites:
    """Return the contest's sites on the vertical and horizontal edges of a target.

    Parameters
    ----------
    target : (ny, nx) bool
    pixel_nm
        size of a pixel (y, x)
    rule
        the contest's by default

    Notes
    -----
    Rim pixels are those that lack one of their eight neighbours. A rim pixel belongs to a vertical edge unless both
    its left and right neighbours are rim pixels; an edge is a run of them, column by column, in which the row grows
    by one (see `EpeRule.joined_edges`). Horizontal edges likewise. Which side is inside is read from the target
    beside the edge's first site; an edge with target on both sides or on neither is not checked.
    """
    rule = EpeRule() if rule is None else rule
    _require_bits("target", target, target.shape)
    rim = _rim(target)
    vertical = _sites_of_vertical_edges(target, rim, pixel_nm, rule)
    flipped = _sites_of_vertical_edges(target.T, rim.T, (pixel_nm[1], pixel_nm[0]), rule)
    both = np.concatenate([vertical, flipped[:, :, ::-1]], axis=1) % np.array(target.shape)
    return Sites(*both)


def _rim(target: Bits) -> Bits:
    """Return the pixels of the target that lack one of their eight neighbours."""
    full = target & np.roll(target, 1, axis=0) & np.roll(target, -1, axis=0)
    full = full & np.roll(full, 1, axis=1) & np.roll(full, -1, axis=1)
    return target & ~full


def _sites_of_vertical_edges(target: Bits, rim: Bits, pixel_nm: tuple[float, float], rule: EpeRule) -> Indices:
    """Return edge, inside and outside pixels of the vertical edges' sites, (3, n, 2), not yet modulo the field."""
    tolerance = _pixels(rule.tolerance_nm, pixel_nm[1])
    found: list[tuple[int, int, int]] = []
    for (first, first_column), (last, last_column) in _vertical_edges(rim, rule).tolist():
        sites = _along(first, last, pixel_nm[0], rule)
        # joined edges lie in two columns: OpenILT takes their mean if short, the first if long
        column = (first_column + (last_column if len(sites) == 1 else first_column)) // 2
        left, right = target[sites[0], column - 1], target[sites[0], (column + 1) % target.shape[1]]
        if left != right:
            found += [(row, column, tolerance if right else -tolerance) for row in sites]
    y, x, step = np.array(found, dtype=np.intp).reshape(-1, 3).T
    return np.stack([np.stack([y, x + offset], axis=1) for offset in (0, step, -step)])


def _vertical_edges(rim: Bits, rule: EpeRule) -> Indices:
    """Return the first and the last pixel of each vertical edge, (n, 2, 2) as (row, column)."""
    rows, columns = np.nonzero(rim)
    vertical = ~(rim[rows, columns - 1] & rim[rows, (columns + 1) % rim.shape[1]])
    pixels = np.stack([rows[vertical], columns[vertical]], axis=1)
    pixels = pixels[np.lexsort(pixels.T)]
    breaks = np.diff(pixels[:, 0], prepend=-2) != 1
    if not rule.joined_edges:
        breaks |= np.diff(pixels[:, 1], prepend=-1) != 0
    starts = np.flatnonzero(breaks)
    ends = np.append(starts, len(pixels))[1:] - 1
    return np.stack([pixels[starts], pixels[ends]], axis=1)


def _along(first: int, last: int, pixel_nm: float, rule: EpeRule) -> list[int]:
    """Return the sites of an edge from pixel `first` to `last`, in rising order."""
    centre = (first + last) // 2
    if last - first <= _pixels(rule.short_edge_nm, pixel_nm):
        return [centre]
    start, interval = _pixels(rule.start_nm, pixel_nm), _pixels(rule.interval_nm, pixel_nm)
    up, down = range(first + start, centre + 1, interval), range(last - start, centre, -interval)
    return sorted({*up, *down}) or [centre]


def _pixels(length_nm: float, pixel_nm: float) -> int:
    """Return a length in whole pixels: the nearest, and at least one."""
    return max(1, round(length_nm / pixel_nm))


def _require_bits(name: str, image: Bits, shape: tuple[int, ...]) -> None:
    if image.dtype != np.bool_ or image.shape != shape:
        raise ValueError(f"`{name}` must be a yes/no raster of {shape} pixels, but got {image.dtype} {image.shape}.")


def _whole(area_nm2: float) -> float:
    """Return an area as an int where it is one, so that it is written as such."""
    return int(area_nm2) if area_nm2 == int(area_nm2) else area_nm2
