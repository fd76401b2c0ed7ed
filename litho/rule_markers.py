"""Broken mask rules as a table (.csv), as markers for KLayout (.lyrdb), and as polygons for layers of a layout."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from litho.cells import Floats, Layer
from litho.markers import LyrdbItem, short_number, write_database, write_table
from litho.rule_set import RULES, RuleViolation

FIRST_RULE_LAYER = 200
"""Layer of the markers of the first rule; the other rules follow."""

BAR_NM = 2.0
"""Width of the bar that marks two points in a layout; they are inside of it."""

_RULES = {
    "width": "the mask is too narrow",
    "space": "two outlines are too close, outside of the mask",
    "corner": "two corners are too close, outside of the mask",
    "notch": "parts of one outline are too close, outside of the mask",
    "assist distance": "an assist feature is too close to another feature",
    "opening": "an opening by a disc moves the outline by more than is allowed",
    "closing": "a closing by a disc moves the outline by more than is allowed",
    "radius": "the outline bends too sharply",
    "area": "an island is too small",
    "hole": "a hole is too small",
}


def write_violations(violations: Sequence[RuleViolation], path: str | os.PathLike[str]) -> None:
    """Write violations as a table: rule, place, value and limit (nm, or nm^2 for areas)."""
    rows = ((v.rule, *map(short_number, (v.x_nm, v.y_nm, v.value, v.limit))) for v in violations)
    write_table(path, ("rule", "x_nm", "y_nm", "value", "limit"), rows)


def write_rule_lyrdb(
    violations: Sequence[RuleViolation], path: str | os.PathLike[str], cell: str, layout: str = ""
) -> None:
    """Write violations as KLayout's marker database, one category for each rule.

    Parameters
    ----------
    violations
        as `litho.mask_rules.check_mask` returns them
    path
        ends in .lyrdb, so that KLayout knows it
    cell
        name of the layout's top cell
    layout
        file that the markers belong to
    """
    items = (LyrdbItem(v.rule, v.marker_nm, f"{v.value:.4g}, limit {v.limit:.4g}") for v in violations)
    write_database(path, "litho mask rules", _RULES, items, cell, layout)


def marker_layers(violations: Sequence[RuleViolation]) -> dict[Layer, list[Floats]]:
    """Return polygons that mark violations, on one layer for each rule that is broken.

    What is marked by two points is a bar around them, `BAR_NM` wide.
    """
    layers: dict[Layer, list[Floats]] = {}
    for violation in violations:
        layer = FIRST_RULE_LAYER + RULES.index(violation.rule), 0
        marker = violation.marker_nm
        layers.setdefault(layer, []).append(_bar(*marker) if len(marker) == 2 else _counter_clockwise(marker))
    return layers


def rule_layer_names() -> dict[str, str]:
    """Return what is on each of the layers of `marker_layers`."""
    return {f"{FIRST_RULE_LAYER + k}/0": f"mask rule: {rule}" for k, rule in enumerate(RULES)}


def _bar(start: Floats, end: Floats) -> Floats:
    length = np.hypot(*(end - start))
    along = (end - start) / length if length > 0 else np.array([1.0, 0.0])
    along = along * (BAR_NM / 2)
    across = np.array([-along[1], along[0]])
    return np.array([start - along - across, end + along - across, end + along + across, start - along + across])


def _counter_clockwise(polygon: Floats) -> Floats:
    x, y = (polygon - polygon[0]).T
    area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    return polygon if area >= 0 else polygon[::-1]
