"""From the blended level to the polygons of a tile: outlines, mask rules, and the cut at the core.

Outlines come from samples that neighbours share, by steps that look at a few of them only, so that both tiles have the
same outline over their seam. Mending what breaks rules looks farther. So it is done tile by tile, in four turns, no two
neighbours at once, and what a tile changes, also a little beyond its core, stands as a `Patch` that all others take
over. No tile changes the core of one whose turn has passed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import gdstk
import numpy as np
import scipy.spatial

from litho.cells import Floats
from litho.chip.mask_loops import Rectangle, Whole, as_floats, cut_at, touches, whole_loops
from litho.chip.mask_patches import Patch, all_patched, fitted, inside_region
from litho.chip.tile_setup import TileSetup
from litho.chip.tiles import Tile, TilePlan
from litho.contour import simplify
from litho.mask_rules import check_mask
from litho.outline_pieces import pieces_of
from litho.outlines import outlines, with_holes
from litho.polygons import RESOLUTION, Box, merge
from litho.rule_repair import repair_mask
from litho.rule_set import MaskRules

REACH_SHARE = 0.6
"""A tile may change the mask so far beyond its core, as a share of what it sees around it."""

SMALLEST_CHANGE_NM = 0.08
"""Changes that are thinner are no more than what offsets round."""

LARGEST_STEP_NM = 1.0
"""By less than this a mended outline and the one it goes on in may be apart where a change ends."""

AROUND_NM = tuple(sorted(itertools.product((6.0, 9.0, 12.0, 15.0, 18.0, 21.0), repeat=2), key=sum))
"""So far around a change, along x and y, the mended outline is taken over: the first that keeps its corners off it."""

TURNED_DEG = 5.0
"""By so much less acute tapers than the rules name are mended too: rounding turns short edges."""

PIECE_NM = 2.0
"""Length of the pieces by whose middles outlines are found."""

LOCAL_ROUNDS = 3
"""How often what is left is mended place by place: what is rounded there may break a rule again."""

NEAR_NM = 120.0
"""What breaks a rule after the first round is mended in a window that reaches so far around it."""


@dataclass(frozen=True, eq=False)
class Mended:
    """What a tile's turn leaves.

    Parameters
    ----------
    loops
        outlines of the level on the core and `context` around it, in whole units from the core's corner
    patch
        what was changed in them
    """

    loops: tuple[Whole, ...]
    patch: Patch


def turn_of(tile: Tile) -> int:
    """Return the turn, 0 to 3, in which a tile is mended: neighbours have different ones."""
    return tile.column % 2 + 2 * (tile.row % 2)


def mended(
    loops: Sequence[Whole],
    taken: Sequence[Patch],
    targets: Sequence[Floats],
    closed: Sequence[Box],
    setup: TileSetup,
    plan: TilePlan,
) -> Mended:
    """Return what a tile changes so that its mask keeps the rules.

    Parameters
    ----------
    loops
        see `outlined`
    taken
        patches of neighbours whose turn has passed, in the order of turns, shifted to this tile's corner
    targets
        what should print, nm from the core's corner
    closed
        cores of these neighbours, nm from the core's corner
    setup, plan
        what all tiles share
    """
    dbu, context = setup.recipe.output.dbu_nm, setup.settings.context_nm
    before = all_patched(loops, taken)
    (width, height), edge = plan.core_nm, context - setup.pixel_nm
    bounds = (-edge, -edge, width + edge, height + edge)
    drawn, reach = as_floats(before, dbu), REACH_SHARE * context
    allowed = (-reach, -reach, width + reach, height + reach)
    repaired = mended_outlines(drawn, setup, bounds, allowed, targets)
    if repaired is None:
        return Mended(tuple(loops), Patch((), ()))
    pieces = changed_regions(drawn, repaired, dbu)
    parts = [part for piece in pieces for part in _in_reach(piece, allowed, dbu)]
    region = [loop for part in parts if _may_change(part, closed, dbu) for loop in part]
    inside = inside_region(whole_loops(repaired, dbu), region)
    content = fitted(inside, before, region, LARGEST_STEP_NM / dbu)
    return Mended(tuple(loops), Patch(tuple(region), tuple(content)))


def _stricter(setup: TileSetup) -> MaskRules:
    """Return rules that a mask still keeps after its vertices were rounded, and new ones were set at seams."""
    rules, slack = setup.recipe.rules, 6 * setup.recipe.output.dbu_nm
    lengths = ("min_width_nm", "min_space_nm", "min_corner_nm", "min_notch_nm", "assist_distance_nm")
    stricter = {name: value + slack for name in lengths if (value := getattr(rules, name))}
    if rules.max_residue_nm is not None:
        stricter["max_residue_nm"] = max(rules.max_residue_nm - slack, rules.max_residue_nm / 2)
    return replace(rules, taper_deg=min(rules.taper_deg + TURNED_DEG, 90.0), **stricter)


def mended_outlines(
    drawn: Sequence[Floats], setup: TileSetup, bounds: Box, allowed: Box, targets: Sequence[Floats]
) -> list[Floats] | None:
    """Return outlines that keep the rules, None if they do: all in one round, and what is left place by place.

    Parameters
    ----------
    drawn
        outlines in nm
    setup
        what all tiles share
    bounds
        where they are cut off
    allowed
        where changes are of use
    targets
        what should print
    """
    rules, dbu = _stricter(setup), setup.recipe.output.dbu_nm
    first = repair_mask(drawn, rules, bounds_nm=bounds, targets=targets, most_rounds=1)
    if first.rounds == 0 and not first.violations:
        return None
    loops = _rounded(first.outlines, setup)
    for _ in range(LOCAL_ROUNDS):
        found = check_mask(as_floats(loops, dbu), rules, bounds_nm=bounds, targets=targets)
        left = [v for v in found if allowed[0] < v.x_nm < allowed[2] and allowed[1] < v.y_nm < allowed[3]]
        windows = merge(merge([_square(v.x_nm, v.y_nm, NEAR_NM) for v in left])) if left else []
        patches = [_mended_in(loops, window, setup, bounds, targets) for window in windows]
        if not any(patch.region for patch in patches):
            break
        loops = all_patched(loops, patches)
    return as_floats(loops, dbu)


def _mended_in(
    loops: Sequence[Whole], window: Floats, setup: TileSetup, bounds: Box, targets: Sequence[Floats]
) -> Patch:
    """Return what has to be changed in the box around a window, as far as that is known there."""
    dbu = setup.recipe.output.dbu_nm
    (x0, y0), (x1, y1) = np.maximum(window.min(axis=0), bounds[:2]), np.minimum(window.max(axis=0), bounds[2:])
    box = (float(x0), float(y0), float(x1), float(y1))
    seen = (math.floor(x0 / dbu), math.floor(y0 / dbu), math.ceil(x1 / dbu), math.ceil(y1 / dbu))
    near = [loop for loop in loops if touches(loop, seen)]
    here = outlines(merge(with_holes(as_floats(near, dbu)), box))
    again = repair_mask(here, _stricter(setup), bounds_nm=box, targets=targets)
    pieces = changed_regions(here, again.outlines, dbu)
    region = [p for piece in pieces if _is_within(piece, box, dbu) for p in piece]
    if not region:
        return Patch((), ())
    inside = inside_region(_rounded(again.outlines, setup), region)
    return Patch(tuple(region), tuple(fitted(inside, near, region, LARGEST_STEP_NM / dbu)))


def _rounded(loops: Sequence[Floats], setup: TileSetup) -> list[Whole]:
    """Return outlines in whole units; short edges, which would turn far when they are rounded, are left out before."""
    output = setup.recipe.output
    return whole_loops([simplify(p, output.contour_tolerance_nm / 2) for p in loops], output.dbu_nm)


def _square(x_nm: float, y_nm: float, reach_nm: float) -> Floats:
    return np.array([(x_nm, y_nm)]) + reach_nm * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)


def changed_regions(before: Sequence[Floats], after: Sequence[Floats], dbu_nm: float) -> list[tuple[Whole, ...]]:
    """Return regions with sides along the axes, in whole units, that hold all changes worth naming.

    Each is one piece: its outline, and those of its holes.
    """
    a, b = ([gdstk.Polygon(p.tolist()) for p in with_holes(loops)] for loops in (before, after))
    pieces = gdstk.boolean(a, b, "xor", RESOLUTION)
    thick = gdstk.offset(pieces, -SMALLEST_CHANGE_NM / 2, "miter", 2, RESOLUTION) if pieces else []
    outline = scipy.spatial.cKDTree(pieces_of(before, PIECE_NM).middle)
    boxes = []
    for low, high in (np.array(piece.bounding_box()) for piece in thick):
        corners = _box_around(low, high, outline)
        boxes.append(np.where(corners == corners.min(axis=0), np.floor(corners / dbu_nm), np.ceil(corners / dbu_nm)))
    return [tuple(whole_loops(outlines([polygon]), 1.0)) for polygon in (merge(merge(boxes)) if boxes else [])]


def _box_around(low: Floats, high: Floats, outline: scipy.spatial.cKDTree) -> Floats:
    """Return the corners of a box around a change, none of them on an outline, where it would cross one side or two."""
    best, farthest = np.empty((4, 2)), -1.0
    for around in AROUND_NM:
        (x0, y0), (x1, y1) = low - around, high + around
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        distance = float(outline.query(corners)[0].min())
        if distance > farthest:
            best, farthest = corners, distance
        if distance > PIECE_NM + LARGEST_STEP_NM:
            break
    return best


def _is_within(region: Sequence[Whole], box: Box, dbu_nm: float) -> bool:
    points = np.concatenate(list(region)) * dbu_nm
    return bool((points >= box[:2]).all() and (points <= box[2:]).all())


def _may_change(region: Sequence[Whole], closed: Sequence[Box], dbu_nm: float) -> bool:
    """Return whether a region lies off the cores of those whose turn has passed."""
    x0, y0 = np.min([p.min(axis=0) for p in region], axis=0) * dbu_nm
    x1, y1 = np.max([p.max(axis=0) for p in region], axis=0) * dbu_nm
    return not any(x0 < box[2] and x1 > box[0] and y0 < box[3] and y1 > box[1] for box in closed)


def _in_reach(region: tuple[Whole, ...], allowed: Box, dbu_nm: float) -> list[tuple[Whole, ...]]:
    """Return the parts of a region in reach, each one piece; where they are cut off, other tiles go on."""
    if _is_within(region, allowed, dbu_nm):
        return [region]
    x0, y0, x1, y1 = (round(v / dbu_nm) for v in allowed)
    parts = merge(merge(with_holes(as_floats(region))), (x0, y0, x1, y1))
    return [tuple(whole_loops(outlines([part]), 1.0)) for part in parts]


def tile_polygons(own: Mended, patches: Sequence[Patch], setup: TileSetup, plan: TilePlan) -> list[Whole]:
    """Return the polygons of a tile's core, in whole units from its corner.

    Parameters
    ----------
    own
        the tile's outlines
    patches
        those of the tile itself and of its neighbours, in the order of turns, shifted to this tile's corner
    setup, plan
        what all tiles share
    """
    loops = all_patched(own.loops, patches)
    dbu = setup.recipe.output.dbu_nm
    box: Rectangle = (0, 0, round(plan.core_nm[0] / dbu), round(plan.core_nm[1] / dbu))
    return cut_at(loops, box)
