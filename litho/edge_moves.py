"""The mask that moved fragments make, and its derivative with respect to every move.

vertices, counts = moved_vertices(moves_nm, edges)
moves_bar = moved_vertices_adjoint(vertices_bar, edges)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litho.cells import Floats
from litho.fragments import Fragments, Numbers

SAME_NM = 1e-9
"""Vertices nearer to each other than this are one."""


@dataclass(frozen=True, eq=False)
class MovingEdges:
    """Vertices of a mask as linear functions of moves; made by `moving_edges`.

    Parameters
    ----------
    base : (v, 2) real
        vertices of the target, nm; at a jog there are two
    movers : (v, 2) int
        the two fragments that each vertex depends on
    rates : (v, 2, 2) real
        how far it moves in (x, y) per nm of each
    counts
        vertices of each loop
    first, last : (n,) int
        vertices at the start and at the end of each piece
    mover : (n,) int
        fragment of each piece
    """

    base: Floats
    movers: Numbers
    rates: Floats
    counts: tuple[int, ...]
    first: Numbers
    last: Numbers
    mover: Numbers


def moving_edges(fragments: Fragments) -> MovingEdges:
    """Return how the vertices of a mask depend on the moves of fragments."""
    before, normals = fragments.before, fragments.normals
    out, into = normals, normals[before]
    sides = np.where(fragments.corner, 1, 2)
    last_of = np.cumsum(sides) - 1  # the vertex that a piece starts at; at a jog the one before ends its neighbour
    first_of = last_of - sides + 1
    base = np.repeat(fragments.starts, sides, axis=0)
    rates = np.zeros((len(base), 2, 2))
    movers = np.zeros((len(base), 2), np.int64)
    corner, jog = np.flatnonzero(fragments.corner), np.flatnonzero(~fragments.corner)
    at = first_of[corner]
    movers[at] = np.stack([fragments.mover[before[corner]], fragments.mover[corner]], axis=1)
    rates[at] = _meeting(into[corner], out[corner])
    bisector = into[jog] + out[jog]
    for vertices, pieces, normal in ((first_of[jog], before[jog], into[jog]), (last_of[jog], jog, out[jog])):
        movers[vertices] = fragments.mover[pieces][:, None]
        rates[vertices, 0] = bisector / (bisector * normal).sum(axis=1, keepdims=True)
    stops = np.cumsum(fragments.counts)
    counts = np.add.reduceat(sides, stops - np.array(fragments.counts))
    end_of = np.empty(len(before), np.int64)
    end_of[before] = first_of
    return MovingEdges(base, movers, rates, tuple(counts.tolist()), last_of, end_of, fragments.mover)


def moved_vertices(moves_nm: Floats, edges: MovingEdges) -> Floats:
    """Return the vertices (v, 2) of a mask, nm.

    Parameters
    ----------
    moves_nm : (m,) real
        of each fragment, outwards
    edges
        see `moving_edges`
    """
    return np.asarray(edges.base + np.einsum("vk,vkd->vd", moves_nm[edges.movers], edges.rates))


def moved_vertices_adjoint(vertices_bar: Floats, edges: MovingEdges, count: int) -> Floats:
    """Gradient with respect to `moves_nm`, (m,), from the one with respect to the vertices."""
    shares = np.einsum("vd,vkd->vk", vertices_bar, edges.rates)
    return np.asarray(np.bincount(edges.movers.ravel(), shares.ravel(), minlength=count), np.float64)


def moved_outlines(fragments: Fragments, moves_nm: Floats) -> list[Floats]:
    """Return the outlines of a mask without vertices that say nothing: around islands counter-clockwise."""
    edges = moving_edges(fragments)
    vertices = moved_vertices(moves_nm, edges)
    return [plain(loop) for loop in np.split(vertices, np.cumsum(edges.counts)[:-1])]


def plain(loop: Floats) -> Floats:
    """Return a closed line without repeated vertices, and without those on the straight line between neighbours."""
    while len(loop) > 2:
        out = np.roll(loop, -1, axis=0) - loop
        into = np.roll(out, 1, axis=0)
        length = np.hypot(*out.T)
        cross = np.abs(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0])
        straight = cross <= SAME_NM * (length + np.roll(length, 1))
        if not straight.any():
            break
        drop = np.flatnonzero(straight)
        # of neighbours only one goes at a time: what is straight depends on the others
        keep = np.ones(len(loop), bool)
        keep[drop[np.concatenate([[True], np.diff(drop) > 1])]] = False
        loop = loop[keep]
    return loop


def _meeting(into: Floats, out: Floats) -> Floats:
    """Return how the point where two lines meet moves per unit of each, (n, 2, 2), when they move along normals."""
    cross = (into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0])[:, None]
    one = np.stack([out[:, 1], -out[:, 0]], axis=1) / cross
    other = np.stack([-into[:, 1], into[:, 0]], axis=1) / cross
    return np.stack([one, other], axis=1)
