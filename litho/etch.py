"""Etch bias: how the edges of etched shapes stand off those of the resist.

A constant bias moves every edge alike, as an isotropic etch does: outer corners become arcs. A variable one follows the
share of the surroundings that is covered, because etchant is used up and deposits build up where much is open:

    bias = constant + density_weight * density,   density = coverage averaged by a Gaussian

The density is that of the shapes before the etch, exact: the spectrum of polygons times that of the Gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gdstk
import numpy as np

from litho.cells import Floats
from litho.fourier import band_frequencies
from litho.grid import Grid
from litho.outlines import disjoint, outlines, tiled, with_holes
from litho.polygon_spectrum import join_outlines, polygon_band
from litho.polygons import RESOLUTION, merge
from litho.raster import polygon_area_nm2
from litho.wave_sums import wave_field

CIRCLE = 720
"""Vertices of a full circle in the arcs at corners: an arc lies within 1e-5 of its radius."""

MARGIN = 8.0
"""Part of the neighbouring fields that is looked at, in biases."""

CUTOFF = 1.2
"""Frequency, in units of 1 / range, from which on a Gaussian passes less than 1e-12."""

FINEST = 8.0
"""Vertices on a straight edge stand a range over this apart: between them the bias is linear, to 1e-3 of its weight."""

MITER = 4.0
"""A corner that stays sharp moves this many shifts at most, however pointed it is."""


@dataclass(frozen=True)
class EtchBias:
    """How far edges move outwards during the etch, each; negative: inwards, so that lines get thinner.

    Parameters
    ----------
    constant_nm
        everywhere
    density_weight_nm
        times the local density, 0..1: what is added where everything around is covered
    density_range_nm
        standard deviation of the Gaussian that averages the coverage
    """

    constant_nm: float = 0.0
    density_weight_nm: float = 0.0
    density_range_nm: float = 1000.0

    def __post_init__(self) -> None:
        for name in ("constant_nm", "density_weight_nm"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"`{name}` must be finite, but got {getattr(self, name)}.")
        if not (math.isfinite(self.density_range_nm) and self.density_range_nm > 0):
            raise ValueError(f"`density_range_nm` must be a positive length, but got {self.density_range_nm}.")

    @property
    def largest_nm(self) -> float:
        """Largest distance that an edge can move."""
        return abs(self.constant_nm) + abs(self.density_weight_nm)


def etched(polygons: Sequence[Floats], bias: EtchBias, grid: Grid) -> list[Floats]:
    """Shapes after the etch.

    Parameters
    ----------
    polygons
        shapes of resist, each (n, 2) vertices (x, y) in nm, counter-clockwise; a clockwise one is a hole in the polygon
        around it, as `litho.contour.contours` gives them
    bias
        constant or variable. A variable one must be small beside widths, spaces and its own range; a constant one may
        join shapes or let them vanish
    grid
        the periodic field: shapes that meet across its border are one, and the result is cut there

    Returns
    -------
    polygons
        counter-clockwise, holes joined by cuts
    """
    region = tiled(polygons, grid, MARGIN * bias.largest_nm + 1)
    if not region:
        return []
    if bias.density_weight_nm == 0:
        shapes = [gdstk.Polygon(p.tolist()) for p in region]
        parts = gdstk.offset(shapes, bias.constant_nm, "round", CIRCLE, RESOLUTION, use_union=True)
        moved = [np.asarray(part.points) for part in parts]
    else:
        loops = [_with_more_vertices(loop, bias.density_range_nm / FINEST) for loop in outlines(region)]
        density = local_density(polygons, np.concatenate(loops), bias.density_range_nm, grid)
        shifts = np.split(
            bias.constant_nm + bias.density_weight_nm * density, np.cumsum([len(loop) for loop in loops])[:-1]
        )
        pairs = ((loop, _moved(loop, shift)) for loop, shift in zip(loops, shifts, strict=True))
        moved = with_holes([new for old, new in pairs if polygon_area_nm2(old) * polygon_area_nm2(new) > 0])
    return merge(moved, grid.bounds_nm)


def local_density(polygons: Sequence[Floats], points_nm: Floats, range_nm: float, grid: Grid) -> Floats:
    """Coverage around points, averaged by a Gaussian.

    Parameters
    ----------
    polygons
        as for `etched`
    points_nm : (n, 2)
        places (x, y) in nm; the field repeats
    range_nm
        standard deviation of the Gaussian
    grid
        the field

    Returns
    -------
    (n,) float64
        0 where nothing is covered, 1 where everything is
    """
    if not (math.isfinite(range_nm) and range_nm > 0):
        raise ValueError(f"`range_nm` must be a positive length, but got {range_nm}.")
    shapes = disjoint(polygons, grid)
    if not shapes:
        return np.zeros(len(points_nm))
    period_y, period_x = grid.period_nm
    radius = math.ceil(CUTOFF * period_y / range_nm), math.ceil(CUTOFF * period_x / range_nm)
    half, _ = polygon_band(*join_outlines(shapes), grid, radius)
    ky, kx = band_frequencies(radius[0], half.real)[:, None] / period_y, np.arange(radius[1] + 1)[None, :] / period_x
    damping = np.exp(-2 * (math.pi * range_nm) ** 2 * (ky**2 + kx**2)) * np.where(kx > 0, 2, 1)
    return np.asarray(wave_field(half * damping, (points_nm - grid.origin_nm) / (period_x, period_y)))


def _with_more_vertices(loop: Floats, spacing_nm: float) -> Floats:
    """Return a closed line with vertices at most a spacing apart."""
    side = np.roll(loop, -1, axis=0) - loop
    parts = np.maximum(np.ceil(np.hypot(*side.T) / spacing_nm), 1).astype(int)
    corner = np.repeat(np.arange(len(loop)), parts)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(parts) - parts, parts)
    return np.asarray(loop[corner] + side[corner] * (step / parts[corner])[:, None])


def _moved(loop: Floats, shift: Floats) -> Floats:
    """Return a closed line, its shape to the left, with each vertex moved to the right by its shift.

    A corner whose outer side moves outwards becomes an arc; the other way round it stays sharp.
    """
    side = np.roll(loop, -1, axis=0) - loop
    leaving = np.arctan2(side[:, 1], side[:, 0])
    arriving = np.roll(leaving, 1)
    turn = np.remainder(leaving - arriving + math.pi, 2 * math.pi) - math.pi
    arc = turn * shift > 0
    chords = np.where(arc, np.ceil(np.abs(turn) * CIRCLE / (2 * math.pi)), 0).astype(int)
    corner = np.repeat(np.arange(len(loop)), chords + 1)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(chords + 1) - (chords + 1), chords + 1)
    share = np.where(arc[corner], step / np.maximum(chords, 1)[corner], 0.5)
    angle = arriving[corner] + turn[corner] * share - math.pi / 2
    reach = np.where(arc, shift, shift / np.maximum(np.cos(turn / 2), 1 / MITER))[corner]
    return np.asarray(loop[corner] + reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
