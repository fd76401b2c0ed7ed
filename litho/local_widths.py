"""Widths and spaces at sites on a target's edges: those that were drawn, and those that print.

A width runs from an edge inwards, a space outwards, along the edge's normal, to the next edge that is met.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.cutline import Intensity
from litho.edge_placement import EdgePlacement, TargetSites, intensity_at, rim
from litho.line_profile import bracketed_roots

STEP_NM = 4.0
"""Opposite edges of a print are looked for in steps of about this much."""

ITSELF_NM = 1e-3
"""An edge nearer than this to a site is the one that it stands on."""

PAIRS = 2**22
"""Pairs of sites and edges that are looked at at a time."""


def drawn_lengths(sites: TargetSites, target: Sequence[Floats], reach_nm: float) -> tuple[Floats, Floats]:
    """Return the drawn width behind and the drawn space before each site, (n,): infinite beyond `reach_nm`.

    Parameters
    ----------
    sites
        on the edges of the target
    target
        polygons, each (n, 2) vertices (x, y) in nm
    reach_nm
        largest length that is looked for
    """
    starts, ends = rim(target)
    step = max(1, PAIRS // max(1, len(starts)))
    widths, spaces = (np.full(len(sites), np.inf) for _ in range(2))
    for first in range(0, len(sites), step):
        part = slice(first, first + step)
        along = _meetings(sites.points_nm[part], sites.normals[part], starts, ends)
        widths[part] = np.where(along < 0, -along, np.inf).min(axis=1, initial=np.inf)
        spaces[part] = np.where(along > 0, along, np.inf).min(axis=1, initial=np.inf)
    return np.where(widths <= reach_nm, widths, np.inf), np.where(spaces <= reach_nm, spaces, np.inf)


def printed_lengths(
    intensity: Intensity,
    placement: EdgePlacement,
    threshold: float,
    chosen: NDArray[np.intp],
    enough_nm: Floats,
    *,
    outwards: bool,
    tone: str = "bright",
) -> Floats:
    """Return the printed width behind, or the space before, the printed edge of some sites.

    Parameters
    ----------
    intensity
        image, or function of x_nm and y_nm, each (n,)
    placement
        where the printed edges are
    threshold
        the resist's threshold over the dose
    chosen : (n,) int
        sites, all with a printed edge
    enough_nm : (n,) real
        how far is looked at each
    outwards
        the space rather than the width
    tone
        what prints, "bright" or "dark"

    Returns
    -------
    lengths : (n,) real
        nm; infinite where it is at least `enough_nm`
    """
    lengths = np.full(len(chosen), np.inf)
    if len(chosen) == 0:
        return lengths
    normals = placement.sites.normals[chosen]
    starts = placement.sites.points_nm[chosen] + placement.error_nm[chosen, None] * normals
    ways = normals if outwards else -normals
    count = max(2, math.ceil(float(enough_nm.max()) / STEP_NM))
    places = np.arange(1, count + 1) / count * enough_nm[:, None]
    points = starts[:, None, :] + places[:, :, None] * ways[:, None, :]
    exposed = intensity_at(intensity, points.reshape(-1, 2)).reshape(-1, count) >= threshold
    other = exposed == (outwards == (tone == "bright"))
    there = np.flatnonzero(other.any(axis=1))
    last = np.argmax(other, axis=1)[there]
    step, starts, ways = enough_nm[there] / count, starts[there], ways[there]

    def level(distance: Floats) -> Floats:
        return intensity_at(intensity, starts + distance[:, None] * ways) - threshold

    # not from the edge itself, where rounding would decide on which side it is
    lengths[there] = bracketed_roots(level, np.maximum(last, 0.05) * step, (last + 1) * step)
    return lengths


def _meetings(points: Floats, ways: Floats, starts: Floats, ends: Floats) -> Floats:
    """Return how far along its way each point meets each edge, (points, edges): 0 where never, or on its own edge."""
    sides, gaps = ends - starts, starts[None, :, :] - points[:, None, :]
    cross = ways[:, None, 0] * sides[None, :, 1] - ways[:, None, 1] * sides[None, :, 0]
    safe = np.where(np.abs(cross) > 1e-9 * np.hypot(*sides.T), cross, np.inf)
    along = (gaps[..., 0] * sides[None, :, 1] - gaps[..., 1] * sides[None, :, 0]) / safe
    share = (gaps[..., 0] * ways[:, None, 1] - gaps[..., 1] * ways[:, None, 0]) / safe
    meets = np.isfinite(safe) & (share >= 0) & (share <= 1) & (np.abs(along) > ITSELF_NM)
    return np.where(meets, along, 0.0)
