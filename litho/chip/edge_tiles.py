"""Edges of a layout as its tiles see them: the same fragments in every field, each with one owner and one move.

A fragment belongs to the tile whose core holds its control site, an assist bar to the tile whose core holds its centre.
Edges that a field cuts are cut into fragments at lines that count from the cores' corners, so that all fields agree on
what is near their cores; the others take an owner's moves over as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import gdstk
import numpy as np
import scipy.spatial
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.keys import TileGeometry
from litho.chip.tile_setup import TileSetup
from litho.chip.tiles import TilePlan
from litho.edge_masks import WHOLE_EDGES
from litho.edge_moves import moved_outlines
from litho.fragments import Bits, CutLines, Fragments, Numbers, fragmented, joined_fragments
from litho.grid import Grid
from litho.move_limits import move_limits
from litho.opc_settings import OpcSettings
from litho.polygons import RESOLUTION

Offset = tuple[int, int]
"""columns and rows from a tile to a neighbour"""

SAME_NM = 0.01
"""Sites nearer to each other than this, with equal normals, are of one fragment."""

ON_SEAM_NM = 1e-3
"""Sites so little before a seam lie on it, and belong to the tile behind it, whatever their field rounds."""


@dataclass(frozen=True, eq=False)
class OwnedEdges:
    """What a tile found for its own fragments, nm from its core's lower left corner.

    Parameters
    ----------
    points_nm, normals : (m, 2) real
        control sites, those of bars too
    moves_nm : (m,) real
        of each fragment
    bars : (b, 4, 2) real
        assist features as they were laid, before their edges moved
    """

    points_nm: Floats
    normals: Floats
    moves_nm: Floats
    bars: Floats

    def shifted(self, x_nm: float, y_nm: float) -> OwnedEdges:
        """Return the same seen from elsewhere."""
        by = np.array([x_nm, y_nm])
        return replace(self, points_nm=self.points_nm + by, bars=self.bars + by)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return arrays of a tile file."""
        return {"points": self.points_nm, "normals": self.normals, "moves": self.moves_nm, "bars": self.bars}


def owned_edges(arrays: Mapping[str, NDArray[Any]]) -> OwnedEdges:
    """Return what `OwnedEdges.arrays` made arrays of."""
    return OwnedEdges(*(np.asarray(arrays[name], np.float64) for name in ("points", "normals", "moves", "bars")))


@dataclass(frozen=True, eq=False)
class TileEdges:
    """All edges of a field, nm from its lower left corner; made by `tile_edges`.

    Parameters
    ----------
    target
        fragments of the target
    bars
        assist features as they were laid
    moves_nm : (m,) real
        of the target's fragments, and of the bars' behind them, as their owners found them
    owner : (m, 2) int
        `Offset` of the owner of each fragment
    """

    target: Fragments
    bars: tuple[Floats, ...]
    moves_nm: Floats
    owner: Numbers

    @cached_property
    def fragments(self) -> Fragments:
        """All of them."""
        return joined_fragments([self.target, *(fragmented([bar], WHOLE_EDGES) for bar in self.bars)])

    @property
    def own(self) -> Bits:
        """Which fragments are the tile's own, (m,)."""
        return np.asarray((self.owner == 0).all(axis=1))

    @property
    def bar_owner(self) -> Numbers:
        """`Offset` of the owner of each bar, (b, 2)."""
        return np.asarray(self.owner[len(self.target) :: 4])

    def bar_outlines(self) -> list[Floats]:
        """Return the outlines of bars with their moves."""
        return moved_outlines(self.fragments, self.moves_nm)[-len(self.bars) :] if self.bars else []

    def without(self, gone: Bits) -> TileEdges:
        """Return the same without some bars."""
        if not gone.any():
            return self
        kept = np.concatenate([np.ones(len(self.target), bool), ~np.repeat(gone, 4)])
        bars = tuple(bar for bar, goes in zip(self.bars, gone.tolist(), strict=True) if not goes)
        return TileEdges(self.target, bars, self.moves_nm[kept], self.owner[kept])

    def limits(self, settings: OpcSettings) -> tuple[Floats, Floats]:
        """Return the smallest and the largest move of each fragment: own ones by the rules, others stay."""
        low, high = move_limits(self.fragments, settings.limits, refuse=False)
        first = len(self.target)
        high[first:] = np.minimum(high[first:], settings.srafs.rules.grow_nm)
        return np.where(self.own, low, self.moves_nm), np.where(self.own, high, self.moves_nm)

    def owned(self, plan: TilePlan) -> OwnedEdges:
        """Return what the tile tells the others."""
        own, sites, corner = self.own, self.fragments.sites, np.full(2, plan.halo_nm)
        mine = (self.bar_owner == 0).all(axis=1)
        bars = [bar - corner for bar, is_mine in zip(self.bars, mine.tolist(), strict=True) if is_mine]
        return OwnedEdges(
            sites.points_nm[own] - corner,
            sites.normals[own],
            self.moves_nm[own],
            np.array(bars, np.float64).reshape(-1, 4, 2),
        )


def target_fragments(geometry: TileGeometry, setup: TileSetup, plan: TilePlan, settings: OpcSettings) -> Fragments:
    """Return the fragments of a field's target: around the core those that every other field has too."""
    grid = Grid.over((setup.field_nm[1], setup.field_nm[0]), setup.recipe.field.pixel_nm)
    lines = cut_lines(plan, settings, setup.settings.context_nm, setup.recipe.output.dbu_nm)
    return fragmented(geometry.polygons_nm(), settings.fragments, grid, lines)


def cut_lines(plan: TilePlan, settings: OpcSettings, agreed_nm: float, dbu_nm: float) -> CutLines:
    """Return the lines of a field at which long edges are cut: the same of the layout for all tiles of a plan.

    Parameters
    ----------
    plan
        of the tiles
    settings
        of which the length of a run and the unit of cuts count
    agreed_nm
        how far around its core a tile's fragments must be those of its neighbours
    dbu_nm
        unit of cuts where `settings.fragments.cut_nm` does not divide a core
    """
    found = []
    for core in plan.core_nm:
        cut = settings.fragments.cut_nm
        unit = cut if abs(core / cut - round(core / cut)) < 1e-9 else dbu_nm
        whole, count = round(core / unit), int(np.ceil(core / settings.fragments.run_nm - 1e-9))
        reach = int(np.ceil(plan.halo_nm / core * count)) + 1
        # whole numbers, so that lines come again with every core; none on a seam, where a jog would look like a step
        at = [((2 * k + 1) * whole) // (2 * count) * unit + plan.halo_nm for k in range(-reach, count + reach)]
        found.append(tuple(at))
    # an edge that reaches from so near the core to the field's border is longer than this
    return CutLines(found[0], found[1], plan.halo_nm - agreed_nm - 1.0)


def owners(points_nm: Floats, plan: TilePlan) -> Numbers:
    """Return the `Offset` of the tile whose core holds each point (n, 2) of a field."""
    return np.floor((points_nm - plan.halo_nm + ON_SEAM_NM) / plan.core_nm).astype(np.int64)


def tile_edges(
    target: Fragments,
    taken: Mapping[Offset, OwnedEdges],
    plan: TilePlan,
    agreed_nm: float,
    near_nm: float,
    still_nm: float,
) -> TileEdges:
    """Return the edges of a field with the moves of their owners; who is not among these has moved nothing.

    Parameters
    ----------
    target
        see `target_fragments`
    taken
        of the tile itself and of its neighbours, as each of them tells it
    plan
        of the tiles
    agreed_nm
        so near to the core every fragment must be its owner's
    near_nm
        farther away a fragment moves like the owner's nearest one, if that is so near
    still_nm
        so near to the field's border nothing moves: what the field has cut narrow would be turned inside out

    Raises
    ------
    ValueError
        where an owner does not know a fragment near the core
    """
    seen = {}
    for (dx, dy), edges in taken.items():
        x, y = plan.halo_nm + dx * plan.core_nm[0], plan.halo_nm + dy * plan.core_nm[1]
        seen[dx, dy] = edges.shifted(x, y)
    width, height = plan.field_nm
    bars, owner = [], [owners(target.sites.points_nm, plan)]
    for offset, edges in sorted(seen.items()):
        for bar in edges.bars:
            if bar.min() > 0 and bar[:, 0].max() < width and bar[:, 1].max() < height:
                bars.append(bar)
                owner.append(np.tile(offset, (4, 1)))
    of = np.concatenate(owner)
    found = TileEdges(target, tuple(bars), np.zeros(len(of)), of)
    low, high = plan.halo_nm - agreed_nm, plan.halo_nm + agreed_nm + np.array(plan.core_nm)
    points, moves = found.fragments.sites.points_nm, found.moves_nm.copy()
    agreed = np.asarray(((points >= low) & (points <= high)).all(axis=1))
    for offset, edges in seen.items():
        chosen = (of == offset).all(axis=1)
        moves[chosen] = _moves_of(found.fragments, chosen, agreed, edges, near_nm)
    inner = ((points > still_nm) & (points < np.array(plan.field_nm) - still_nm)).all(axis=1)
    return replace(found, moves_nm=np.where(inner, moves, 0.0))


def _moves_of(fragments: Fragments, chosen: Bits, agreed: Bits, edges: OwnedEdges, near_nm: float) -> Floats:
    """Return the moves of an owner's fragments."""
    here = _places(fragments.sites.points_nm[chosen], fragments.sites.normals[chosen])
    distance, nearest = np.full(len(here), np.inf), np.zeros(len(here), np.int64)
    if len(edges.points_nm) and len(here):
        tree = scipy.spatial.cKDTree(_places(edges.points_nm, edges.normals))
        distance, nearest = tree.query(here)
    unknown = agreed[chosen] & (distance > SAME_NM)
    if unknown.any():
        x, y = here[np.argmax(unknown), :2]
        raise ValueError(f"`target` must be cut alike by all tiles, but they differ at ({x:g}, {y:g}) nm of a field.")
    known = distance <= near_nm
    moves = np.zeros(len(here))
    moves[known] = edges.moves_nm[nearest[known]]
    return moves


def _places(points_nm: Floats, normals: Floats) -> Floats:
    """Return points whose distance tells sites of different normals apart, (n, 4)."""
    return np.concatenate([points_nm, 1e6 * np.round(normals, 6)], axis=1)


def conflicting(bars: Sequence[Floats], order: Sequence[int], space_nm: float) -> Bits:
    """Return which bars (n, 2) come too near to one of an earlier owner that stays, (bars,).

    Parameters
    ----------
    bars
        outlines
    order
        rank of each one's owner; bars of one owner keep their distance already
    space_nm
        that bars keep from each other
    """
    gone = np.zeros(len(bars), bool)
    ranked = np.argsort(order, kind="stable").tolist()
    for place, late in enumerate(ranked):
        for early in ranked[:place]:
            if order[early] != order[late] and not gone[early] and _nearer(bars[early], bars[late], space_nm):
                gone[late] = True
                break
    return gone


def _nearer(a: Floats, b: Floats, space_nm: float) -> bool:
    if (a.min(axis=0) - space_nm >= b.max(axis=0)).any() or (b.min(axis=0) - space_nm >= a.max(axis=0)).any():
        return False
    around = gdstk.offset(gdstk.Polygon(a.tolist()), space_nm - 4 * RESOLUTION, "miter", 2, RESOLUTION)
    return bool(gdstk.boolean(around, gdstk.Polygon(b.tolist()), "and", RESOLUTION))
