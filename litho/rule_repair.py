"""Masks that comply with the rules: the least that has to be added to a mask or taken from it.

A neck that is over half as wide as the rule asks is widened by discs along its middle, and a thinner one is cut; spaces
are widened, or bridged, likewise. Then an *opening* takes from the mask what discs of the rule's width in it cannot
reach, and a *closing* fills what discs of the rule's space outside of it cannot: both also round corners to the discs'
radius. Islands and holes that are too small go too. All of it is done to islands that break a rule only, and repeated,
for a widened neck may come close to what is beside it. What still breaks a rule after two rounds loses its thin parts,
and at last, if it is an assist feature, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gdstk
import numpy as np
import scipy.spatial

from litho.cells import Floats
from litho.contour import nested, simplify
from litho.facing import Facing, facing_pairs
from litho.mask_rules import check_mask
from litho.outline_pieces import near_pairs, pieces_of
from litho.outlines import areas_nm2, outlines, with_holes
from litho.polygons import Box, merge, subtract
from litho.rule_set import MaskRules, RuleViolation

MARGIN_NM = 0.3
"""Repaired places are larger than the rule by this: what is rounded when the mask is written, twice 0.1 nm at most."""

CORNERS = 48
"""Corners of the polygons that stand for discs: they leave the circle by 2e-3 of its radius."""

RESOLUTION = 2.0**-10
"""To which offsets are rounded, nm."""

SLACK_NM = 0.02
"""Offsets leave two vertices where there was one; those that matter less than this are left out again."""

LONGEST_PIECE_NM = 2.0


@dataclass(frozen=True, eq=False)
class Repair:
    """A mask that was made to comply with rules.

    Parameters
    ----------
    outlines
        counter-clockwise around islands, clockwise around holes
    violations
        what is left of them
    rounds
        how often the mask was gone through; 0 if it complied as it was
    """

    outlines: tuple[Floats, ...]
    violations: tuple[RuleViolation, ...]
    rounds: int


def repair_mask(
    polygons: Sequence[Floats],
    rules: MaskRules,
    *,
    bounds_nm: Box | None = None,
    targets: Sequence[Floats] | None = None,
    most_rounds: int = 6,
) -> Repair:
    """Return a mask without violations of rules, changed as little as may be.

    Widths, spaces, areas and the residue of discs are mended. An `assist_distance_nm` over the space, and a
    `min_radius_nm` over that of the discs, are not: assist features that break them are left out in the last round but
    one, and what else does is told. Two main features closer than half the space are bridged as anything else is.

    Parameters
    ----------
    polygons
        counter-clockwise around islands, clockwise around holes, each (n, 2) points (x, y) in nm
    rules
        to comply with; corners get at least the radius of the discs, half the smaller of width and space
    bounds_nm
        x0, y0, x1, y1 of the field, if outlines are cut off at its border
    targets
        polygons that should print: islands that overlap none are assist features, which may be left out; nothing is if
        not given
    most_rounds
        how often to try

    Returns
    -------
    Repair
        its `violations` are empty unless the rules cannot be met in `most_rounds`
    """
    if most_rounds < 1:
        raise ValueError(f"`most_rounds` must be at least 1, but got {most_rounds}.")
    loops = [np.asarray(p, dtype=np.float64) for p in polygons]
    violations = check_mask(loops, rules, bounds_nm=bounds_nm, targets=targets)
    best, count = Repair(tuple(loops), violations, 0), 0
    while violations and count < most_rounds:
        count += 1
        broken, kept = _broken(loops, violations)
        broken = _round(broken, rules, bounds_nm, gently=count <= 2)
        if count == most_rounds - 1 and targets is not None:
            broken = _without_assists(broken, targets)
        loops = [*kept, *broken]
        violations = check_mask(loops, rules, bounds_nm=bounds_nm, targets=targets)
        if len(violations) <= len(best.violations):
            best = Repair(tuple(loops), violations, count)
    return best


def opened(loops: Sequence[Floats], diameter_nm: float) -> list[Floats]:
    """Return all that discs of a diameter in a region can reach.

    Parameters
    ----------
    loops
        outlines (n, 2), counter-clockwise around islands, clockwise around holes; so is what is returned
    diameter_nm
        of the discs
    """
    return _moved(_moved(loops, -diameter_nm / 2), diameter_nm / 2)


def closed(loops: Sequence[Floats], diameter_nm: float) -> list[Floats]:
    """Return a region with all that discs of a diameter outside of it cannot reach; see `opened`."""
    return _moved(_moved(loops, diameter_nm / 2), -diameter_nm / 2)


def _moved(loops: Sequence[Floats], distance_nm: float) -> list[Floats]:
    """Return outlines moved outwards with round corners: each outline by itself, for a cut to a hole is no edge."""
    grown = list[Floats]()
    for island, holes in nested(loops):
        moved = _offset([loops[island]], distance_nm)
        gone = _offset([loops[k][::-1] for k in holes], -distance_nm)
        grown += subtract(moved, gone) if gone else moved
    return [simplify(loop, SLACK_NM) for loop in outlines(merge(grown))]


def _offset(polygons: Sequence[Floats], distance_nm: float) -> list[Floats]:
    shapes = [gdstk.Polygon(p.tolist()) for p in polygons]
    moved = gdstk.offset(shapes, distance_nm, "round", CORNERS, RESOLUTION, use_union=True) if shapes else []
    return [np.asarray(part.points) for part in moved]


def _round(loops: Sequence[Floats], rules: MaskRules, bounds_nm: Box | None, gently: bool) -> list[Floats]:
    """Return a mask gone through once: necks and spaces widened, the rest opened and closed, small parts left out."""
    width, space = (limit + MARGIN_NM if limit else 0.0 for limit in (rules.min_width_nm, _space(rules)))
    if loops:
        loops = outlines(_mended(loops, (width, space), rules, bounds_nm, 0.5 if gently else 0.0))
    loops = opened(loops, width) if width else loops
    loops = closed(loops, space) if space else loops
    loops = opened(loops, width) if width else loops
    return _large_enough(loops, rules, bounds_nm)


def _mended(
    loops: Sequence[Floats], limits_nm: tuple[float, float], rules: MaskRules, bounds_nm: Box | None, share: float
) -> list[Floats]:
    """Return a region with discs added or removed where it is thin, and where a space is.

    Necks of more than a share of the rule are widened and others cut; spaces of more than that are widened, and others
    bridged.
    """
    width, space = limits_nm
    necks = _pairs(loops, width, rules, bounds_nm, outside=False)
    gaps = _pairs(loops, space, rules, bounds_nm, outside=True)
    thick, wide = necks.diameter >= (share or 1) * width, gaps.diameter >= share * space
    added = [*_discs(necks.chosen(thick), width), *_discs(gaps.chosen(~wide), width)]
    removed = [*_discs(gaps.chosen(wide), space), *_discs(necks.chosen(~thick), space)]
    return subtract([*with_holes(loops), *added], removed)


def _broken(loops: Sequence[Floats], violations: Sequence[RuleViolation]) -> tuple[list[Floats], list[Floats]]:
    """Return the outlines of islands that break rules, holes included, and those of all others."""
    pieces = pieces_of(loops, LONGEST_PIECE_NM)
    places = np.concatenate([v.marker_nm for v in violations])
    _, nearest = scipy.spatial.cKDTree(pieces.middle).query(places)
    touched = set(pieces.loop[nearest].tolist())
    broken, kept = list[Floats](), list[Floats]()
    for island, holes in nested(loops):
        members = [island, *holes]
        (broken if touched.intersection(members) else kept).extend(loops[k] for k in members)
    return broken, kept


def _without_assists(loops: Sequence[Floats], targets: Sequence[Floats]) -> list[Floats]:
    """Return outlines without the islands that overlap no target."""
    wanted = [gdstk.Polygon(t.tolist()) for t in merge(with_holes(targets))]
    kept = list[Floats]()
    for island, holes in nested(loops):
        if gdstk.boolean(gdstk.Polygon(loops[island].tolist()), wanted, "and", RESOLUTION):
            kept += [loops[k] for k in (island, *holes)]
    return kept


def _space(rules: MaskRules) -> float:
    lengths = rules.lengths_nm()
    return max(lengths[name] for name in ("space", "corner", "notch"))


def _pairs(
    loops: Sequence[Floats],
    limit_nm: float,
    rules: MaskRules,
    bounds_nm: Box | None,
    *,
    outside: bool,
) -> Facing:
    """Return where outlines face each other over less than a length."""
    pieces = pieces_of(loops, LONGEST_PIECE_NM, bounds_nm)
    return facing_pairs(pieces, near_pairs(pieces, limit_nm), limit_nm, rules.taper_deg, outside=outside)


def _discs(pairs: Facing, diameter_nm: float) -> list[Floats]:
    """Return a disc around the middle of each pair, so large that a row of them is nowhere narrower than one."""
    if len(pairs) == 0:
        return []
    angle = 2 * math.pi * (np.arange(CORNERS) + 0.5) / CORNERS
    radius = math.hypot(diameter_nm / 2, LONGEST_PIECE_NM / 2) / math.cos(math.pi / CORNERS)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centres = np.unique(np.round((pairs.first + pairs.second) / 2, 1), axis=0)
    return merge([centre + circle for centre in centres])


def _large_enough(loops: Sequence[Floats], rules: MaskRules, bounds_nm: Box | None) -> list[Floats]:
    """Return outlines without islands and holes that are too small, unless the field's border cuts them."""
    kept = []
    for loop, area in zip(loops, areas_nm2(loops), strict=True):
        limit = rules.min_area_nm2 if area > 0 else rules.min_hole_nm2
        if abs(area) >= limit or _cut(loop, bounds_nm):
            kept.append(loop)
    return kept


def _cut(loop: Floats, bounds_nm: Box | None) -> bool:
    if bounds_nm is None:
        return False
    x0, y0, x1, y1 = bounds_nm
    return bool(np.minimum(loop - (x0, y0), np.array((x1, y1)) - loop).min() < 1e-6)
