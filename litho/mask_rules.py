"""Mask rules: where outlines of a mask are thinner, closer, smaller or more bent than a mask shop can write.

Widths and spaces are measured on the outlines themselves, as discs between stretches that face each other
(`litho.facing`), whatever their shape and direction; not between pairs of edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse.csgraph
import scipy.spatial

from litho.cells import Floats
from litho.curves import Curve
from litho.disc_residue import residue
from litho.facing import Facing, facing_pairs, may_face
from litho.outline_pieces import Numbers, Pieces, inside, near_pairs, pieces_of, steadied, touching
from litho.outline_radius import radii_nm
from litho.outline_regions import Regions, main_features, regions_of
from litho.outlines import outlines as loops_of
from litho.outlines import united
from litho.polygons import Box
from litho.rule_set import RULES, MaskRules, RuleViolation

CURVE_DEVIATION_NM = 0.02
"""Curves are measured on polygons no farther than this from them, and let pass twice as much more."""

POLYGON_DEVIATION_NM = 0.05
"""How far smooth outlines may be from the polygons that stand for them."""

ROUNDING_NM = 1e-6
"""What is less than a rule by no more than this complies with it."""

LONGEST_PIECE_NM = 5.0
CELL_NM = 1.0
"""Of the places of a violation within such a cell, only the worst is looked at."""


@dataclass(frozen=True, eq=False)
class _Mask:
    """Outlines made ready to be measured."""

    outlines: Sequence[Floats | Curve]
    polygons: Sequence[Floats]
    pieces: Pieces
    near: tuple[Numbers, Numbers]
    regions: Regions
    curved: bool
    bounds_nm: Box | None


def check_mask(
    outlines: Sequence[Floats | Curve],
    rules: MaskRules,
    *,
    bounds_nm: Box | None = None,
    targets: Sequence[Floats] | None = None,
    deviation_nm: float = POLYGON_DEVIATION_NM,
) -> tuple[RuleViolation, ...]:
    """Return every place where a mask breaks a rule, rule by rule, the worst first.

    Parameters
    ----------
    outlines
        counter-clockwise around islands, clockwise around holes: polygons (n, 2), points (x, y) in nm, as
        `litho.contour.contours` gives them, or curves. Those that cross or abut are joined before
    rules
        to be kept
    bounds_nm
        x0, y0, x1, y1 of the field, if outlines are cut off at its border: what lies on it or beyond is not an edge,
        and no area is measured of what reaches there. Of `litho.contour.contours`, which cuts corners at the border by
        half a pixel, give the field less one pixel on each side
    targets
        polygons (n, 2) that should print: an island that overlaps none is an assist feature
    deviation_nm
        how far smooth outlines may be from the polygons that stand for them: a vertex that no arc rounds within this
        is a sharp corner for the rule of the radius. Nothing else depends on it

    Returns
    -------
    violations
        neighbouring places are one violation, with its worst value
    """
    _check_room(rules, bounds_nm)
    if not deviation_nm > 0:
        raise ValueError(f"`deviation_nm` must be a positive length, but got {deviation_nm}.")
    if len(outlines) == 0:
        return ()
    mask = _ready(outlines, rules, bounds_nm)
    if mask is None:
        return ()
    found = [
        *_widths(mask, rules),
        *_residues(mask, rules, deviation_nm),
        *_spaces(mask, rules, targets),
        *_bends(mask, rules, deviation_nm),
        *_areas(mask, rules),
    ]
    return tuple(sorted(found, key=lambda v: (RULES.index(v.rule), _rank(v), v.x_nm, v.y_nm)))


def _rank(violation: RuleViolation) -> float:
    """Return a number that is smaller for worse ones of a rule."""
    return -violation.value if violation.rule in ("opening", "closing") else violation.value


def _check_room(rules: MaskRules, bounds_nm: Box | None) -> None:
    if bounds_nm is None:
        return
    x0, y0, x1, y1 = bounds_nm
    if not (x1 > x0 and y1 > y0):
        raise ValueError(f"`bounds_nm` must be x0, y0, x1, y1 with x0 < x1 and y0 < y1, but got {bounds_nm}.")
    room, name = min(x1 - x0, y1 - y0), "min_width_nm"
    if rules.min_width_nm > room:
        raise ValueError(f"`{name}` must leave room in the field ({room:g} nm), but got {rules.min_width_nm}.")
    if rules.min_area_nm2 > (x1 - x0) * (y1 - y0):
        raise ValueError(
            f"`min_area_nm2` must leave room in the field ({(x1 - x0) * (y1 - y0):g} nm^2), "
            f"but got {rules.min_area_nm2}."
        )


def _ready(outlines: Sequence[Floats | Curve], rules: MaskRules, bounds_nm: Box | None) -> _Mask | None:
    polygons = [_polygon(outline) for outline in outlines]
    curved = any(isinstance(outline, Curve) for outline in outlines)
    reach = max(rules.lengths_nm().values())
    pieces = pieces_of(polygons, LONGEST_PIECE_NM, bounds_nm)
    near = near_pairs(pieces, reach)
    if touching(pieces, *near):
        outlines = polygons = loops_of(united(polygons))
        if not polygons:
            return None
        pieces = pieces_of(polygons, LONGEST_PIECE_NM, bounds_nm)
        near = near_pairs(pieces, reach)
    near = may_face(pieces, near, rules.taper_deg)
    return _Mask(outlines, polygons, pieces, near, regions_of(polygons, bounds_nm), curved, bounds_nm)


def _polygon(outline: Floats | Curve) -> Floats:
    if isinstance(outline, Curve):
        return outline.polygon(CURVE_DEVIATION_NM)
    polygon = np.asarray(outline, dtype=np.float64)
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not np.isfinite(polygon).all():
        raise ValueError(
            f"`outlines` must be curves or arrays (n, 2) of at least 3 finite vertices, but got shape {polygon.shape}."
        )
    return steadied(polygon)


def _allowed(limit_nm: float, rules: MaskRules, mask: _Mask) -> float:
    """Return what a length has to be less than to break a rule."""
    return limit_nm - rules.tolerance_nm - ROUNDING_NM - (2 * CURVE_DEVIATION_NM if mask.curved else 0.0)


def _widths(mask: _Mask, rules: MaskRules) -> list[RuleViolation]:
    limit = rules.min_width_nm
    if limit == 0:
        return []
    pairs = facing_pairs(mask.pieces, mask.near, _allowed(limit, rules, mask), rules.taper_deg, outside=False)
    return _of_pairs("width", pairs, limit)


def _spaces(mask: _Mask, rules: MaskRules, targets: Sequence[Floats] | None) -> list[RuleViolation]:
    names = ("space", "corner", "notch", "assist distance")
    limits = {name: rules.lengths_nm()[name] for name in names}
    largest = max(limits.values())
    if largest == 0:
        return []
    pairs = facing_pairs(mask.pieces, mask.near, _allowed(largest, rules, mask), rules.taper_deg, outside=True)
    kind = _kinds(pairs, mask, rules, targets)
    found: list[RuleViolation] = []
    for number, name in enumerate(names):
        allowed = _allowed(limits[name], rules, mask)
        found += _of_pairs(name, pairs.chosen((kind == number) & (pairs.diameter < allowed)), limits[name])
    return found


def _kinds(pairs: Facing, mask: _Mask, rules: MaskRules, targets: Sequence[Floats] | None) -> Numbers:
    """Return for each pair whether it is a space 0, corner to corner 1, a notch 2, or from assist to main 3."""
    first, second = mask.pieces.loop[pairs.first_piece], mask.pieces.loop[pairs.second_piece]
    kind = np.where((first == second) & ~mask.regions.hole[first], 2, 0)
    kind[pairs.corners] = 1
    if rules.assist_distance_nm is not None and targets is not None and len(pairs):
        main = main_features(mask.polygons, mask.regions, targets)
        kind[main[first] != main[second]] = 3
    return np.asarray(kind)


def _residues(mask: _Mask, rules: MaskRules, deviation_nm: float) -> list[RuleViolation]:
    limit = rules.max_residue_nm
    if limit is None:
        return []
    found = []
    for rule, diameter in (("opening", rules.min_width_nm), ("closing", rules.min_space_nm)):
        if diameter == 0:
            continue
        moved = residue(mask.pieces, diameter, deviation_nm, outside=rule == "closing")
        deep = moved.depth > limit + ROUNDING_NM
        points, depth, centres = moved.points[deep], moved.depth[deep], moved.centres[deep]
        for k in _worst(points, -depth, max(diameter / 2, 2 * LONGEST_PIECE_NM)):
            x, y = points[k].tolist()
            to = points[k] - (points[k] - centres[k]) * min(1.0, depth[k] / np.hypot(*(points[k] - centres[k])))
            marker = np.stack([points[k], to if np.isfinite(to).all() else points[k]])
            found.append(RuleViolation(rule, float(depth[k]), limit, x, y, marker))
    return found


def _of_pairs(rule: str, pairs: Facing, limit: float) -> list[RuleViolation]:
    middle = (pairs.first + pairs.second) / 2
    found = []
    for k in _worst(middle, pairs.diameter, max(limit / 2, 2 * LONGEST_PIECE_NM)):
        x, y = middle[k].tolist()
        marker = np.stack([pairs.first[k], pairs.second[k]])
        found.append(RuleViolation(rule, float(pairs.diameter[k]), limit, x, y, marker))
    return found


def _bends(mask: _Mask, rules: MaskRules, deviation_nm: float) -> list[RuleViolation]:
    limit = rules.min_radius_nm
    if limit == 0:
        return []
    found = []
    for outline in mask.outlines:
        radii, markers = radii_nm(outline, limit, deviation_nm)
        sharp = radii < limit - rules.tolerance_nm - ROUNDING_NM
        if mask.bounds_nm is not None:
            sharp &= inside(markers, mask.bounds_nm).all(axis=1)
        radii, markers = radii[sharp], markers[sharp]
        for k in _worst(markers[:, 1], radii, limit):
            x, y = markers[k, 1].tolist()
            found.append(RuleViolation("radius", float(radii[k]), limit, x, y, markers[k]))
    return found


def _areas(mask: _Mask, rules: MaskRules) -> list[RuleViolation]:
    regions, found = mask.regions, []
    for k, polygon in enumerate(mask.polygons):
        rule, limit = ("hole", rules.min_hole_nm2) if regions.hole[k] else ("area", rules.min_area_nm2)
        area = float(regions.area_nm2[k])
        if area < limit * (1 - 1e-9) and not regions.cut_off[k]:
            x, y = ((polygon.min(axis=0) + polygon.max(axis=0)) / 2).tolist()
            found.append(RuleViolation(rule, area, limit, x, y, polygon))
    return found


def _worst(points: Floats, values: Floats, link_nm: float) -> list[int]:
    """Return the place with the least value of each group of points, none farther than `link_nm` from another."""
    if len(points) == 0:
        return []
    order = np.argsort(values, kind="stable")
    _, first = np.unique(np.floor(points[order] / CELL_NM), axis=0, return_index=True)
    kept = order[np.sort(first)]
    pairs = scipy.spatial.cKDTree(points[kept]).query_pairs(link_nm, output_type="ndarray")
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(kept), len(kept)))
    _, group = scipy.sparse.csgraph.connected_components(graph, directed=False)
    _, worst = np.unique(group, return_index=True)
    return [int(k) for k in kept[np.sort(worst)]]
