"""Assist features: bars beside a target that do not print, but make what prints change less with dose and focus.

Two ways to place them. By rules: bars along isolated edges, at stated distances. By the inverse image: where the
gradient of the process-window loss says that opening the mask helps, rectangles are laid from the best place on. Either
way they keep their distance from shapes and from each other, and are at least so wide, so long, so large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import gdstk
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from litho.cells import Floats
from litho.cutline import Intensity
from litho.edge_placement import inside, intensity_at, on_border, rim
from litho.grid import Grid
from litho.outlines import outlines, united
from litho.polygons import RESOLUTION, Box
from litho.raster import coverage

CUT_NM = 1.0
"""Bars are cut at multiples of this along the edge that they stand before."""

ROUND = 512
"""Corners of a circle around a corner of the target: it is a thousandth of a nanometre too small between them."""

LOOK_NM = 6.0
"""Distance of the points at which bars are looked at for whether they print."""


@dataclass(frozen=True)
class SrafRules:
    """What bars have to keep.

    Parameters
    ----------
    width_nm
        of a bar
    space_nm
        smallest distance between bars
    main_nm
        smallest distance of a bar from the target
    shortest_nm, longest_nm
        length of a bar
    min_area_nm2
        smallest area
    grow_nm
        how far the edges of a bar may move outwards
    """

    width_nm: float = 30.0
    space_nm: float = 40.0
    main_nm: float = 60.0
    shortest_nm: float = 60.0
    longest_nm: float = 400.0
    min_area_nm2: float = 1700.0
    grow_nm: float = 15.0

    def __post_init__(self) -> None:
        for name in ("width_nm", "space_nm", "main_nm", "shortest_nm", "longest_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {value}.")
        if not self.longest_nm >= self.shortest_nm:
            raise ValueError(
                f"`longest_nm` must be at least `shortest_nm`, {self.shortest_nm}, but got {self.longest_nm}."
            )
        for name in ("min_area_nm2", "grow_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be at least 0, but got {value}.")


def guided_bars(
    help_map: Floats,
    grid: Grid,
    target: Sequence[Floats],
    rules: SrafRules = SrafRules(),
    *,
    others: Sequence[Floats] = (),
    least: float = 0.1,
    most: int = 100,
) -> list[Floats]:
    """Return bars where an inverse image says that light helps, the best places first.

    Parameters
    ----------
    help_map : (ny, nx) real
        how much the loss falls per open area at each pixel, see `litho.edge_area`
    grid
        of the map
    target
        polygons, each (n, 2) vertices (x, y) in nm
    rules
        what bars have to keep
    others
        bars that are there already
    least
        share of the largest help that a bar's mean has to reach
    most
        bars to lay at most

    Returns
    -------
    bars
        rectangles (4, 2), counter-clockwise, in the order in which they were laid
    """
    pixel = grid.pixel_nm[0]
    help_map = scipy.ndimage.gaussian_filter(help_map, rules.width_nm / 3 / pixel, mode="wrap")
    free = _farther(target, rules.main_nm, grid) & _farther(others, rules.space_nm, grid)
    worth = np.where(free, help_map, -np.inf)
    floor = least * float(np.where(free, help_map, 0.0).max())
    bars: list[Box] = []
    while len(bars) < most and floor > 0:
        top = int(np.argmax(worth))
        if not worth.flat[top] > floor:
            break
        place = divmod(top, grid.shape[1])
        box = _grown(worth, place, floor, rules, pixel)
        y0, x0, y1, x1 = box
        if max(y1 - y0, x1 - x0) * pixel >= rules.shortest_nm - 1e-9:
            bars.append((x0 * pixel, y0 * pixel, x1 * pixel, y1 * pixel))
            reach = math.ceil(rules.space_nm / pixel)
        else:
            reach = 0
        worth[max(0, y0 - reach) : y1 + reach, max(0, x0 - reach) : x1 + reach] = -np.inf
    x, y = grid.origin_nm
    return [_rectangle((a + x, b + y, c + x, d + y)) for a, b, c, d in bars]


def rule_bars(
    target: Sequence[Floats],
    distances_nm: Sequence[float],
    rules: SrafRules = SrafRules(),
    grid: Grid | None = None,
) -> list[Floats]:
    """Return bars along the edges of a target that have room before them: the nearest ones first, long ones first.

    Parameters
    ----------
    target
        polygons, each (n, 2) vertices (x, y) in nm, of any angle
    distances_nm
        from an edge to the near side of its first bar, of its second one, and so on
    rules
        what bars have to keep
    grid
        the field: bars stay in it, and edges on its border have none

    Returns
    -------
    bars
        rectangles (4, 2), counter-clockwise; those that abut in one line are joined
    """
    shapes = [gdstk.Polygon(p.tolist()) for p in united(target)]
    starts, ends = rim(target)
    if grid is not None:
        inner = ~on_border(starts, ends, grid)
        starts, ends = starts[inner], ends[inner]
    around = [] if grid is None else [_beyond(grid)]
    main = gdstk.offset(shapes, rules.main_nm - RESOLUTION * 4, "round", ROUND, RESOLUTION) if shapes else []
    found: list[Floats] = []
    for distance in distances_nm:
        strips = [strip for edge in zip(starts, ends, strict=True) if len(strip := _along(edge, distance, rules))]
        drawn = _joined(strips, rules)
        for bar in sorted(drawn, key=lambda b: (-_length(b), *b[0].tolist())):
            taken = [gdstk.Polygon(b.tolist()) for b in found]
            grown = gdstk.offset(taken, rules.space_nm - RESOLUTION * 4, "miter", 2, RESOLUTION) if taken else []
            found += _free_parts(bar, [*main, *grown, *around], rules)
    return found


def _along(edge: tuple[Floats, Floats], distance: float, rules: SrafRules) -> Floats:
    """Return a bar along an edge, empty if the edge is too short for one."""
    start, end = edge
    length = math.hypot(*(end - start))
    if length < rules.shortest_nm:
        return np.empty((0, 2))
    way: Floats = (end - start) / length
    normal = np.array([way[1], -way[0]])
    near, far = distance * normal, (distance + rules.width_nm) * normal
    return np.array([start + far, end + far, end + near, start + near])


def _joined(strips: Sequence[Floats], rules: SrafRules) -> list[Floats]:
    """Return bars: those that abut in one line are joined, those that cross others stay for the choice that follows."""
    bars: list[Floats] = []
    middles = np.array([strip.mean(axis=0) for strip in strips]).reshape(-1, 2)
    for shape in united(strips):
        bar = _as_bar(shape, rules)
        if bar is not None:
            bars.append(bar)
        else:
            within = inside(middles, [shape])
            bars += [found for k in np.flatnonzero(within).tolist() if (found := _as_bar(strips[k], rules)) is not None]
    return bars


def _as_bar(shape: Floats, rules: SrafRules) -> Floats | None:
    """Return a rectangle that begins with a long side, None for what is none: bars of edges that cross or meet."""
    loops = outlines([shape])
    if len(loops) != 1 or len(loops[0]) != 4:
        return None
    (corners,) = loops
    side = np.roll(corners, -1, axis=0) - corners
    if abs(side[0] @ side[1]) > 1e-6 * math.hypot(*side[0]) * math.hypot(*side[1]):
        return None
    first = int(np.argmax(np.hypot(*side.T)[:2]))
    bar = np.roll(corners, -first, axis=0)
    return bar if abs(math.hypot(*(bar[2] - bar[1])) - rules.width_nm) < 1e-3 else None


def _free_parts(bar: Floats, taken: Sequence[gdstk.Polygon], rules: SrafRules) -> list[Floats]:
    """Return the parts of a bar, cut across, that lie clear of what is taken, no longer than a bar may be."""
    length = _length(bar)
    way, across = (bar[1] - bar[0]) / length, bar[3] - bar[0]
    hit = gdstk.boolean(gdstk.Polygon(bar.tolist()), list(taken), "and", RESOLUTION) if taken else []
    spans = sorted((float(t.min()), float(t.max())) for p in hit for t in [(np.asarray(p.points) - bar[0]) @ way])
    free, at = [], 0.0
    for low, high in [*spans, (length, length)]:
        free.append((at, min(low, length)))
        at = max(at, high)
    parts = []
    for start, stop in free:
        low, high = math.ceil(start / CUT_NM - 0.01) * CUT_NM, math.floor(stop / CUT_NM + 0.01) * CUT_NM
        count = max(1, math.ceil((high - low + rules.space_nm) / (rules.longest_nm + rules.space_nm) - 1e-9))
        part = math.floor((high - low - (count - 1) * rules.space_nm) / count / CUT_NM) * CUT_NM
        for first in (low + k * (part + rules.space_nm) for k in range(count)):
            a, b = bar[0] + first * way, bar[0] + (first + part) * way
            if part >= rules.shortest_nm - 1e-6 and part * math.hypot(*across) >= rules.min_area_nm2:
                parts.append(np.array([a, b, b + across, a + across]))
    return parts


def _length(bar: Floats) -> float:
    return math.hypot(*(bar[1] - bar[0]))


def _beyond(grid: Grid) -> gdstk.Polygon:
    """Return a wide frame around the field."""
    x0, y0, x1, y1 = grid.bounds_nm
    width, height = x1 - x0, y1 - y0
    outer = gdstk.rectangle((x0 - width, y0 - height), (x1 + width, y1 + height))
    (frame,) = gdstk.boolean(outer, gdstk.rectangle((x0, y0), (x1, y1)), "not", RESOLUTION)
    return frame


def brightest(
    bars: Sequence[Floats], images: Sequence[Intensity], doses: Sequence[float], around_nm: float = 15.0
) -> Floats:
    """Return the largest intensity, dose included, on and around each bar at any condition, (bars,).

    Parameters
    ----------
    bars
        each (n, 2) vertices (x, y) in nm, along the axes or not
    images, doses
        one each per process corner: an image, or a function of x_nm and y_nm; the dose
    around_nm
        how far around a bar is looked
    """
    peaks = np.zeros(len(bars))
    for number, bar in enumerate(bars):
        low, high = bar.min(axis=0) - around_nm, bar.max(axis=0) + around_nm
        x, y = (np.linspace(a, b, max(2, math.ceil((b - a) / LOOK_NM) + 1)) for a, b in zip(low, high, strict=True))
        points = np.stack([a.ravel() for a in np.meshgrid(x, y)], axis=1)
        peaks[number] = max(dose * intensity_at(i, points).max() for i, dose in zip(images, doses, strict=True))
    return peaks


def _farther(shapes: Sequence[Floats], distance_nm: float, grid: Grid) -> NDArray[np.bool_]:
    """Return the pixels that are farther from shapes than a distance, and from the border by half of it."""
    free = np.ones(grid.shape, bool)
    if len(shapes):
        covered = coverage(shapes, grid) > 0
        free = scipy.ndimage.distance_transform_edt(~covered, sampling=grid.pixel_nm) > distance_nm
    rows, columns = (math.ceil(distance_nm / 2 / p) for p in grid.pixel_nm)
    free[:rows], free[-rows:], free[:, :columns], free[:, -columns:] = (False,) * 4
    return np.asarray(free)


def _grown(
    worth: Floats, place: tuple[int, int], floor: float, rules: SrafRules, pixel: float
) -> tuple[int, int, int, int]:
    """Return rows and columns y0, x0, y1, x1 of the better of two bars through a place, along x or along y."""
    width, longest = max(1, round(rules.width_nm / pixel)), max(1, int(rules.longest_nm / pixel))
    found = []
    for turned in (False, True):
        values = worth.T if turned else worth
        y, x = place[::-1] if turned else place
        y0 = min(max(0, y - width // 2), values.shape[0] - width)
        strip = values[y0 : y0 + width].mean(axis=0)  # -inf where any pixel is taken
        x0, x1 = x, x + 1
        total = strip[x] if np.isfinite(strip[x]) else -np.inf
        while x1 - x0 < longest:
            left = strip[x0 - 1] if x0 > 0 else -np.inf
            right = strip[x1] if x1 < len(strip) else -np.inf
            if max(left, right) <= floor:
                break
            x0, x1 = (x0 - 1, x1) if left > right else (x0, x1 + 1)
            total += max(left, right)
        found.append((total, (x0, y0, x1, y0 + width) if turned else (y0, x0, y0 + width, x1)))
    best = max(found, key=lambda entry: entry[0])
    if not np.isfinite(best[0]):
        return (*place, place[0] + 1, place[1] + 1)
    return best[1]


def _rectangle(box: Box) -> Floats:
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
