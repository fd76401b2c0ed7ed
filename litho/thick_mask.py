"""Masks that are not thin: boundary layers along the edges, different for light polarised along and across them.

A wall of absorber or etched quartz disturbs the field beside it over a fraction of a wavelength, and differently for
either polarisation. The boundary-layer model (Tirapu-Azpiroz, Burchard & Yablonovitch, "Boundary layer model to account
for thick mask effects in photolithography", Proc. SPIE, 2003) keeps the thin mask and puts a strip of fixed width and
complex transmission along each edge, on its clear side. Width and transmission are properties of the edge, for the
electric field along it (TE) and across it (TM), to be fitted to a rigorous solution of a single edge; for a thin screen
that conducts perfectly they are known. Where an edge runs at an angle a to the field, its TE strip counts cos^2 a and
its TM strip sin^2 a; the light that such an edge turns into the other polarisation is left out.

Range: edges act one by one, and for light that arrives steeply. The amplitude that a slit in a conducting screen sends
straight on is right to 9, 3, 2 and 1 % for TE when it is 1, 2, 3 and 5 wavelengths wide on the mask, and to 0.5 % for
TM, against an exact solution (a wavelength of 193 nm on the mask is 48 nm on the wafer at a reduction of 4). Strips of
neighbouring edges meet at the bisector of their corner, which is a choice: the model says nothing about corners.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import gdstk
import numpy as np
import numpy.typing as npt

from litho.cells import Floats
from litho.grid import Grid
from litho.mask import Mask
from litho.outlines import area_nm2, joined, outlines, tiled
from litho.polygon_spectrum import weighted_band
from litho.polygons import RESOLUTION, merge

MARGIN = 4.0
"""Part of the neighbouring fields that is looked at, in widths of the strips."""

BORDER_NM = 1e-3
"""The field is looked at this much lower left, so that an edge on its border, to rounding, counts once."""

SHARPEST = 10
"""Length of a corner's bisector, in widths, beyond which its strips are not compared with the area near the edges."""

OVERLAP = 0.02
"""Share by which the strips' area may differ from the area within their width of an edge: sharp corners and curves."""


@dataclass(frozen=True)
class EdgeStrip:
    """A strip along an edge.

    Parameters
    ----------
    width_nm
        at wafer scale, 0 or more
    transmission
        amplitude that passes in it, instead of that of the clear part it lies in
    """

    width_nm: float
    transmission: complex = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.width_nm) and self.width_nm >= 0):
            raise ValueError(f"`width_nm` must be a length of 0 or more, but got {self.width_nm}.")
        if not cmath.isfinite(self.transmission):
            raise ValueError(f"`transmission` must be finite, but got {self.transmission}.")


@dataclass(frozen=True)
class BoundaryLayer:
    """Strips along the edges of clear parts.

    Parameters
    ----------
    te
        for the electric field along the edge
    tm
        for the electric field across it
    """

    te: EdgeStrip
    tm: EdgeStrip

    @classmethod
    def conducting_screen(cls, wavelength_nm: float, reduction: float = 4.0) -> BoundaryLayer:
        """Return the strips of a thin screen that conducts perfectly, from the exact field at its edge.

        Beside the edge of a half-plane at normal incidence, the field along the edge, and behind the screen the one
        across, differ from the thin mask's by -i and +i wavelength / (4 pi) when added up over the distance (Sommerfeld
        1896; Born & Wolf, Principles of Optics, 7th ed. 1999, sec. 11.5). That is what counts in the direction of the
        light; at 20 degrees on the mask it is 1.36 times that to one side of the edge and 0.80 times to the other, and
        strips do not follow. Only the product of width and transmission matters to a lens that does not resolve the
        width.

        Parameters
        ----------
        wavelength_nm
            in vacuum
        reduction
            of the lens: lengths on the mask over lengths on the wafer
        """
        if not all(math.isfinite(value) and value > 0 for value in (wavelength_nm, reduction)):
            raise ValueError(
                f"`wavelength_nm` and `reduction` must be positive, but got {wavelength_nm} and {reduction}."
            )
        width = wavelength_nm / (4 * math.pi * reduction)
        return cls(EdgeStrip(width, 1 - 1j), EdgeStrip(width, 1 + 1j))


@dataclass(frozen=True)
class ThickMask:
    """A mask of one kind of shapes with a boundary layer on the clear side of every edge.

    Parameters
    ----------
    boundary
        the strips
    thin
        what is transmitted where, beside them
    """

    boundary: BoundaryLayer
    thin: Mask = field(default_factory=Mask)


def strip_bands(
    polygons: Sequence[Floats],
    boundary: BoundaryLayer,
    clear: complex,
    grid: Grid,
    radius: tuple[int, int],
    outside: bool = False,
) -> npt.NDArray[np.complex128]:
    """Exact spectrum of what boundary layers add to a thin mask.

    Parameters
    ----------
    polygons
        shapes, each (n, 2) vertices (x, y) in nm; the field repeats
    boundary
        the strips along their edges
    clear
        transmission of the thin mask where the strips lie
    grid, radius
        field and largest frequency (Ry, Rx)
    outside
        whether the strips lie outside the shapes instead of inside

    Returns
    -------
    bands : (2, 2 Ry + 1, 2 Rx + 1) complex128
        full bands for light polarised along x and along y
    """
    strips = [edge_strips(polygons, strip.width_nm, grid, outside) for strip in (boundary.te, boundary.tm)]
    quads = np.concatenate([quad for quad, _ in strips])
    (te, tm), beyond = (
        (along for _, along in strips),
        (boundary.te.transmission - clear, boundary.tm.transmission - clear),
    )
    bands = []
    for te_share, tm_share in ((te[:, 0], tm[:, 1]), (te[:, 1], tm[:, 0])):
        weights = np.concatenate([beyond[0] * te_share, beyond[1] * tm_share])
        used = weights != 0
        corners = quads[used].reshape(-1, 2)
        bands.append(weighted_band(corners, (4,) * int(used.sum()), weights[used].tolist(), grid, radius))
    return np.stack(bands)


def edge_strips(
    polygons: Sequence[Floats], width_nm: float, grid: Grid, outside: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Strips along all edges in one period of the field.

    Parameters
    ----------
    polygons, grid, outside
        as for `strip_bands`
    width_nm
        of the strips

    Returns
    -------
    quads : (m, 4, 2)
        quadrilaterals in nm, counter-clockwise; at a corner two of them meet at its bisector
    shares : (m, 2)
        cos^2 of the angle between the edge and x, and between the edge and y
    """
    region = tiled(polygons, grid, MARGIN * width_nm + 1)
    window = [c - BORDER_NM for c in grid.bounds_nm]
    loops = [loop[::-1] if outside else loop for loop in outlines(region, outside)]
    quads = _strips_along(loops, width_nm, window) if width_nm > 0 and loops else np.zeros((0, 4, 2))
    _refuse_overlap(quads, region, width_nm, grid, outside)
    along = quads[:, 1] - quads[:, 0]
    return quads, along**2 / np.sum(along**2, axis=1, keepdims=True)


def _strips_along(loops: Sequence[Floats], width_nm: float, window: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the strips to the left of closed lines, as far as their edges lie in a window."""
    points, _, following = joined(loops)
    side = points[following] - points
    out = side / np.hypot(*side.T)[:, None]
    left = np.stack([-out[:, 1], out[:, 0]], axis=1)
    before = left[np.argsort(following)]
    inner = points + width_nm * (before + left) / (1 + np.sum(before * left, axis=1, keepdims=True))
    first, last = _inside(points, side, window)
    chosen = first < last
    inner_start, inner_stop = inner[chosen], inner[following[chosen]]
    points, side, left, first, last = (a[chosen] for a in (points, side, left, first, last))
    start, stop = points + first[:, None] * side, points + last[:, None] * side
    # a strip that the window cuts ends square to the edge: its other part does so on the other side of the field
    inner_start = np.where(first[:, None] > 0, start + width_nm * left, inner_start)
    inner_stop = np.where(last[:, None] < 1, stop + width_nm * left, inner_stop)
    return np.stack([start, stop, inner_stop, inner_start], axis=1)


def _inside(points: Floats, side: Floats, window: Sequence[float]) -> tuple[Floats, Floats]:
    """Return from where to where, 0..1, each edge lies in a window, its lower borders included."""
    first, last = np.zeros(len(points)), np.ones(len(points))
    for axis, low, high in ((0, window[0], window[2]), (1, window[1], window[3])):
        start, run = points[:, axis], side[:, axis]
        flat = run == 0
        step = np.where(flat, 1.0, run)
        enter, leave = (low - start) / step, (high - start) / step
        within = (start >= low) & (start < high)
        first = np.where(flat, np.where(within, first, 2.0), np.maximum(first, np.minimum(enter, leave)))
        last = np.where(flat, last, np.minimum(last, np.maximum(enter, leave)))
    return first, last


def _refuse_overlap(
    quads: npt.NDArray[np.float64], region: Sequence[Floats], width_nm: float, grid: Grid, outside: bool
) -> None:
    """Raise unless the area of the strips is that within their width of an edge."""
    if len(quads) == 0:
        return
    shapes = [gdstk.Polygon(p.tolist()) for p in region]
    width = width_nm if outside else -width_nm
    moved = [np.asarray(p.points) for p in gdstk.offset(shapes, width, "miter", SHARPEST, RESOLUTION, use_union=True)]
    before, after = (area_nm2(merge(p, grid.bounds_nm)) for p in (region, moved))
    expected, total = abs(after - before), area_nm2(list(quads))
    if abs(total - expected) > OVERLAP * expected:
        raise ValueError(
            f"`width_nm` must leave room between the strips of two edges, but the clear parts are too narrow for "
            f"{width_nm} nm: strips of {total:.6g} nm^2 cover {expected:.6g} nm^2."
        )
