"""How often the edges of polygons cross, before they are merged: that takes time with a high power of it.

Shapes of a layout cross a few times each. A file of some kilobytes may hold one whose edges cross a million times, and
merging it would take hours, in which nothing can be interrupted. Such a file is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from litho.cells import Floats, LayoutError
from litho.outlines import joined

MOST_CROSSINGS, MOST_OF_AN_EDGE = 100_000, 2
"""Crossings that are merged: of all edges together, and more for every edge; they take some seconds."""

FEW_EDGES = 500
"""So few do not cross more often than that."""

_TRIED = 20_000  # pairs of edges; of more, these are a sample


def check_crossings(polygons: Sequence[Floats], unit_nm: float) -> None:
    """Raise `LayoutError` if the edges of polygons cross too often to be merged.

    Parameters
    ----------
    polygons
        each (n, 2)
    unit_nm
        of their coordinates, for the message
    """
    large = [[polygon] for polygon in polygons if len(polygon) > FEW_EDGES]
    for group in (*large, polygons):
        count = sum(map(len, group))
        crossings = crossings_of(group) if count > FEW_EDGES else 0.0
        if crossings > MOST_CROSSINGS + MOST_OF_AN_EDGE * count:
            x, y = group[0][0] * unit_nm
            raise LayoutError(
                f"Shapes must not cross each other or themselves more than {MOST_CROSSINGS} times, "
                f"but from ({x:g}, {y:g}) nm on they do so about {crossings:.0f} times."
            )


def crossings_of(polygons: Sequence[Floats]) -> float:
    """Return how often edges of polygons (n, 2) cross, touching ends not counted: an estimate if there are many pairs.

    Pairs are those that overlap along x, or along y if these are fewer; if they are too many, some are tried.
    """
    starts, _, following = joined(polygons)
    ends = starts[following]
    orders = [_overlapping(starts[:, axis], ends[:, axis]) for axis in (0, 1)]
    order, partners = min(orders, key=lambda pair: int(pair[1].sum()))
    total = int(partners.sum())
    before = np.cumsum(partners) - partners
    if total <= _TRIED:
        chosen = np.arange(total)
    else:
        chosen = np.random.default_rng(0).integers(total, size=_TRIED)
    first = np.searchsorted(before, chosen, side="right") - 1
    second = first + 1 + chosen - before[first]
    a, b = order[first], order[second]
    crossed = _cross(starts[a], ends[a], starts[b], ends[b])
    return float(crossed.mean() * total) if total else 0.0


def _overlapping(a: Floats, b: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return edges in order of where they begin along an axis, and how many of those that follow overlap each."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.argsort(low, kind="stable")
    stops = np.searchsorted(low[order], high[order], side="left")
    return order, np.maximum(stops - np.arange(len(order)) - 1, 0)


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> npt.NDArray[np.bool_]:
    """Say which segments a-b and c-d (n, 2) cross inside both."""
    return (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(a: Floats, b: Floats, point: Floats) -> Floats:
    """Return 1 where a point is to the left of a line, -1 to the right, 0 on it."""
    (ux, uy), (vx, vy) = (b - a).T, (point - a).T
    return np.asarray(np.sign(ux * vy - uy * vx))
