"""Hot spots: where a print comes near to failing, ranked, each with its place, what it is, and its value.

    limits = Limits(epe_nm=8)
    spots = find_hotspots(prints, sites, polygons, grid, limits)

open
    a target's edge has no print in reach
pinch
    a printed feature is narrower than a share of what was drawn; its place is the middle of the print
bridge
    a printed space is narrower than a share of what was drawn, or closed; its place is the middle of the space
edge placement
    the printed edge is off by more than a limit, in either direction
band
    the edge moves by more than a limit between the process corners
side lobe, assist feature, dimple
    see `litho.printability`
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.cutline import Intensity
from litho.edge_placement import EdgePlacement, TargetSites, edge_placement
from litho.grid import Grid
from litho.local_widths import drawn_lengths, printed_lengths
from litho.printability import CLEARANCE_NM, MARGIN, Extremum, band_width_nm, unwanted_extrema

KINDS = ("open", "bridge", "pinch", "edge placement", "band", "side lobe", "assist feature", "dimple")
"""Every kind; of equal severity, the first comes first."""


@dataclass(frozen=True)
class Limits:
    """What a print has to keep; a limit of None is not checked.

    Parameters
    ----------
    epe_nm
        largest edge placement error at the nominal corner, in either direction
    band_nm
        largest width of the process-variation band at a site
    width_share
        smallest printed width, at any corner, as a share of the drawn one
    space_share
        smallest printed space likewise
    extremum_margin
        share of the threshold by which side lobes, assist features and dimples have to miss it, at any corner
    reach_nm
        a printed edge farther than this from its site is lost; drawn widths and spaces beyond four times this are not
        checked
    clearance_nm
        distance from the target's edge within which there are no side lobes and dimples
    merge_nm
        of hot spots of a kind nearer to each other than this, the worst is kept
    """

    epe_nm: float | None = 10.0
    band_nm: float | None = 15.0
    width_share: float | None = 0.75
    space_share: float | None = 0.75
    extremum_margin: float | None = MARGIN
    reach_nm: float = 60.0
    clearance_nm: float = CLEARANCE_NM
    merge_nm: float = 60.0

    def __post_init__(self) -> None:
        for name in ("epe_nm", "band_nm", "reach_nm", "clearance_nm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {value}.")
        for name in ("width_share", "space_share", "extremum_margin"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"`{name}` must be a share in [0, 1), but got {value}.")
        if not self.merge_nm >= 0:
            raise ValueError(f"`merge_nm` must be at least 0, but got {self.merge_nm}.")


@dataclass(frozen=True)
class HotSpot:
    """One place where a limit is broken.

    Parameters
    ----------
    kind
        one of `KINDS`
    x_nm, y_nm
        place in layout nm
    value, limit
        what was found and what is allowed: nm, or a share of the threshold for side lobes and their like
    severity
        by how many times the limit is broken, at least 1; infinite for what is open or closed
    corner
        at which it is worst
    """

    kind: str
    x_nm: float
    y_nm: float
    value: float
    limit: float
    severity: float
    corner: str = ""


@dataclass(frozen=True, eq=False)
class CornerPrint:
    """The image at one process corner.

    Parameters
    ----------
    label
        such as "dose 1.04, defocus 0 nm"
    intensity
        exact image at dose 1
    rough
        the same, or something faster and nearly the same, for widths and spaces
    threshold
        of the resist over the dose
    samples : (ny, nx) real
        `intensity` on the grid that side lobes are looked for on, if known
    tone
        what prints, "bright" or "dark"
    """

    label: str
    intensity: Intensity
    rough: Intensity
    threshold: float
    samples: NDArray[np.floating] | None = None
    tone: str = "bright"


def placed(corner: CornerPrint, sites: TargetSites, limits: Limits) -> EdgePlacement:
    """Return where the edges stand at one corner."""
    return edge_placement(corner.intensity, sites, corner.threshold, reach_nm=limits.reach_nm, tone=corner.tone)


def find_hotspots(
    corners: Sequence[CornerPrint],
    sites: TargetSites,
    target: Sequence[Floats],
    grid: Grid,
    limits: Limits | None = None,
    *,
    mask: Sequence[Floats] = (),
    placements: Sequence[EdgePlacement] | None = None,
) -> list[HotSpot]:
    """Return every hot spot, the worst first.

    Parameters
    ----------
    corners
        the nominal one first; the band lies between those after it, or is not looked at if there are fewer than two
    sites
        on the target's edges, see `litho.edge_placement.target_sites`
    target
        polygons that should print, each (n, 2) vertices (x, y) in nm
    grid
        where side lobes are looked for
    limits
        the defaults if not given
    mask
        drawn shapes of the mask, to tell assist features
    placements
        edge placement at every corner, if it is known
    """
    limits = Limits() if limits is None else limits
    if placements is None:
        placements = [placed(c, sites, limits) for c in corners]
    spots = [*_misplaced(placements[0], corners[0].label, limits), *_wide_band(placements[1:], limits)]
    drawn = drawn_lengths(sites, target, 4 * limits.reach_nm)
    for corner, placement in zip(corners, placements, strict=True):
        spots += _lost(placement, corner.label)
        spots += _thin(corner, placement, drawn, limits)
        spots += _extrema(corner, target, grid, mask, limits)
    return ranked(spots, limits.merge_nm)


def ranked(spots: Iterable[HotSpot], merge_nm: float = 0.0) -> list[HotSpot]:
    """Return hot spots with the worst first; of several of a kind within `merge_nm` only the worst."""
    order = sorted(spots, key=lambda s: (-s.severity, KINDS.index(s.kind), s.x_nm, s.y_nm))
    kept: list[HotSpot] = []
    places: dict[str, list[tuple[float, float]]] = {}
    for spot in order:
        near = places.setdefault(spot.kind, [])
        if all(math.dist((spot.x_nm, spot.y_nm), place) >= merge_nm for place in near):
            near.append((spot.x_nm, spot.y_nm))
            kept.append(spot)
    return kept


def _misplaced(placement: EdgePlacement, label: str, limits: Limits) -> list[HotSpot]:
    if limits.epe_nm is None:
        return []
    found = np.flatnonzero(np.abs(placement.error_nm) > limits.epe_nm)
    return [
        _at(placement.sites, k, "edge placement", placement.error_nm[k], limits.epe_nm, label) for k in found.tolist()
    ]


def _wide_band(placements: Sequence[EdgePlacement], limits: Limits) -> list[HotSpot]:
    if limits.band_nm is None or len(placements) < 2:
        return []
    width = band_width_nm(placements)
    found = np.flatnonzero(width > limits.band_nm)
    return [_at(placements[0].sites, k, "band", width[k], limits.band_nm, "all") for k in found.tolist()]


def _lost(placement: EdgePlacement, label: str) -> list[HotSpot]:
    """Return sites without a printed edge in reach."""
    lost = np.flatnonzero(np.isnan(placement.error_nm))
    kinds = {False: "open", True: "bridge"}
    return [_at(placement.sites, k, kinds[bool(placement.printed[k])], 0.0, math.inf, label) for k in lost.tolist()]


def _thin(corner: CornerPrint, placement: EdgePlacement, drawn: tuple[Floats, Floats], limits: Limits) -> list[HotSpot]:
    """Return where a printed width or space is too small a share of the drawn one."""
    spots = []
    for kind, share, want, outwards in (
        ("pinch", limits.width_share, drawn[0], False),
        ("bridge", limits.space_share, drawn[1], True),
    ):
        if share is None:
            continue
        checked = np.flatnonzero(np.isfinite(want) & np.isfinite(placement.error_nm))
        wanted = share * want[checked]
        found = printed_lengths(
            corner.rough, placement, corner.threshold, checked, wanted, outwards=outwards, tone=corner.tone
        )
        middles = placement.error_nm[checked] + (found if outwards else -found) / 2
        for k, value, limit, middle in zip(checked.tolist(), found.tolist(), wanted.tolist(), middles, strict=True):
            if value < limit:
                spots.append(_at(placement.sites, k, kind, value, limit, corner.label, float(middle)))
    return spots


def _extrema(
    corner: CornerPrint, target: Sequence[Floats], grid: Grid, mask: Sequence[Floats], limits: Limits
) -> list[HotSpot]:
    if limits.extremum_margin is None:
        return []
    found = unwanted_extrema(
        corner.intensity,
        grid,
        corner.threshold,
        target,
        mask=mask,
        margin=limits.extremum_margin,
        clearance_nm=limits.clearance_nm,
        tone=corner.tone,
        samples=corner.samples,
    )
    return [_of_extremum(extremum, corner, limits.extremum_margin) for extremum in found]


def _of_extremum(extremum: Extremum, corner: CornerPrint, margin: float) -> HotSpot:
    ratio = extremum.intensity / extremum.threshold
    too_dark = (extremum.kind == "dimple") == (corner.tone == "bright")
    limit = 1 + margin if too_dark else 1 - margin
    severity = max(1.0, limit / ratio if too_dark else ratio / limit) if ratio > 0 else math.inf
    return HotSpot(extremum.kind, extremum.x_nm, extremum.y_nm, ratio, limit, severity, corner.label)


def _at(
    sites: TargetSites, k: int, kind: str, value: float, limit: float, label: str, outwards_nm: float = 0.0
) -> HotSpot:
    """Return a hot spot at a site, or at some distance from it along its normal."""
    x, y = (sites.points_nm[k] + outwards_nm * sites.normals[k]).tolist()
    value = float(value)
    if kind in ("edge placement", "band"):
        severity = abs(value) / limit
    else:
        severity = limit / value if value > 0 else math.inf
    return HotSpot(kind, x, y, value, float(limit), severity, label)
