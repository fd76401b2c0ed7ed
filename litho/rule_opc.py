"""Rule-based correction: moves of fragments from tables, before or in place of any image.

A table of biases says how far an edge moves for the width of its shape and the space before it; ends of lines grow,
with hammerheads at their sides; corners that point out get serifs, and those that point in lose a little. The table is
made by the model itself, from lines of each width and space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from litho.cells import Floats
from litho.edge_image import EdgeModel
from litho.edge_opc import StepSettings, correct_fragments
from litho.fragments import CONCAVE, CONVEX, LINE_END, Fragments, FragmentSettings, fragmented
from litho.local_widths import drawn_lengths

Lengths = tuple[float, ...]


@dataclass(frozen=True)
class BiasTable:
    """Moves of long edges by width and space.

    Parameters
    ----------
    widths_nm, spaces_nm
        rising; between them the bias is interpolated, beyond them it stays
    bias_nm
        one row per width, one entry per space: how far the edge moves, positive outwards
    """

    widths_nm: Lengths
    spaces_nm: Lengths
    bias_nm: tuple[Lengths, ...]

    def __post_init__(self) -> None:
        for name in ("widths_nm", "spaces_nm"):
            values = getattr(self, name)
            if not values or any(b <= a for a, b in pairwise(values)) or not values[0] > 0:
                raise ValueError(f"`{name}` must be positive lengths that rise, but got {list(values)}.")
        if len(self.bias_nm) != len(self.widths_nm) or any(len(row) != len(self.spaces_nm) for row in self.bias_nm):
            raise ValueError(
                f"`bias_nm` must have {len(self.widths_nm)} rows of {len(self.spaces_nm)}, one per width and space, "
                f"but got rows of {[len(row) for row in self.bias_nm]}."
            )
        if not all(math.isfinite(value) for row in self.bias_nm for value in row):
            raise ValueError("`bias_nm` must be finite, but it holds NaN or infinity.")

    def at(self, width_nm: Floats, space_nm: Floats) -> Floats:
        """Return the bias for widths and spaces, (n,) each; they may be infinite."""
        table = np.array(self.bias_nm)
        (i, s), (j, t) = (_between(v, a) for v, a in ((width_nm, self.widths_nm), (space_nm, self.spaces_nm)))
        near = table[i, j] * (1 - t) + table[i, np.minimum(j + 1, table.shape[1] - 1)] * t
        i = np.minimum(i + 1, table.shape[0] - 1)
        far = table[i, j] * (1 - t) + table[i, np.minimum(j + 1, table.shape[1] - 1)] * t
        return np.asarray(near * (1 - s) + far * s)


@dataclass(frozen=True)
class RuleSettings:
    """Moves by rules.

    Parameters
    ----------
    line_end_nm
        move of the end of a line
    hammer_nm
        move of the fragments beside the end of a line, more than the bias
    serif_nm
        move of the fragments beside other outward corners, more than the bias
    notch_nm
        move of the fragments beside inward corners, more than the bias: negative takes away
    widths_nm, spaces_nm
        of the lines that the table of biases is made with
    """

    line_end_nm: float = 20.0
    hammer_nm: float = 6.0
    serif_nm: float = 6.0
    notch_nm: float = -6.0
    widths_nm: Lengths = (50.0, 70.0, 100.0, 150.0)
    spaces_nm: Lengths = (50.0, 80.0, 120.0, 200.0)

    def __post_init__(self) -> None:
        for name in ("line_end_nm", "hammer_nm", "serif_nm", "notch_nm"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"`{name}` must be finite, but got {getattr(self, name)}.")
        for name in ("widths_nm", "spaces_nm"):
            values = getattr(self, name)
            if not values or any(b <= a for a, b in pairwise(values)) or not values[0] > 0:
                raise ValueError(f"`{name}` must be positive lengths that rise, but got {list(values)}.")


def bias_table(
    model: EdgeModel, widths_nm: Lengths, spaces_nm: Lengths, largest_nm: float = 30.0, lines: int = 5
) -> BiasTable:
    """Return the biases that make long lines print on size, by width and space, from the model.

    Parameters
    ----------
    model
        lens and process: its nominal corner counts
    widths_nm, spaces_nm
        of the lines, rising
    largest_nm
        largest bias, in either direction; spaces are never closed by more than a third
    lines
        parallel ones, as far as the field holds them with a quarter of it dark; the middle one is looked at
    """
    rows = []
    for width in widths_nm:
        rows.append(tuple(_line_bias(model, width, space, largest_nm, lines) for space in spaces_nm))
    return BiasTable(tuple(widths_nm), tuple(spaces_nm), tuple(rows))


def rule_moves(
    fragments: Fragments, polygons: Sequence[Floats], table: BiasTable, settings: RuleSettings = RuleSettings()
) -> Floats:
    """Return the move of each fragment, (m,) nm outwards.

    Parameters
    ----------
    fragments
        of `polygons`
    polygons
        the target
    table
        of biases
    settings
        see `RuleSettings`
    """
    reach = max(*table.widths_nm, *table.spaces_nm)
    moves = table.at(*drawn_lengths(fragments.sites, polygons, reach))
    kinds, before = fragments.kinds, fragments.before
    ends = np.zeros(len(fragments), bool)  # fragments beside the end of a line
    pairs = np.stack([fragments.mover[before], fragments.mover], axis=1)
    for a, b in (pairs.T, pairs[:, ::-1].T):
        ends[a[kinds[b] == LINE_END]] = True
    extra = np.select(
        [ends & (kinds != LINE_END), kinds == CONVEX, kinds == CONCAVE],
        [settings.hammer_nm, settings.serif_nm, settings.notch_nm],
        0.0,
    )
    moves = np.where(kinds == LINE_END, settings.line_end_nm, moves + extra)
    return np.where(fragments.fixed, 0.0, moves)


def _line_bias(model: EdgeModel, width: float, space: float, largest: float, lines: int) -> float:
    """Return the bias of the middle one of several long lines; all have the same."""
    x0, y0, x1, y1 = model.grid.bounds_nm
    room = 0.75 * (x1 - x0)
    count = max(1, min(lines, int((room + space) / (width + space))))
    count -= 1 - count % 2
    middles = (x0 + x1) / 2 + (width + space) * (np.arange(count) - count // 2)
    polygons = [
        np.array([(m - width / 2, y0), (m + width / 2, y0), (m + width / 2, y1), (m - width / 2, y1)]) for m in middles
    ]
    fragments = fragmented(polygons, FragmentSettings(single_nm=2 * (y1 - y0)), model.grid)
    limits = np.full(len(fragments), min(largest, width / 3)), np.full(len(fragments), min(largest, space / 3))
    found = correct_fragments(
        fragments, model, StepSettings(steps=8, window_weight=0.0, tolerance_nm=0.1), limits_nm=(-limits[0], limits[1])
    )
    middle = np.abs(fragments.sites.points_nm[:, 0] - (x0 + x1) / 2) <= width / 2 + 1e-6
    return float(found.moves_nm[middle & ~fragments.fixed].mean())


def _between(values: Floats, at: Lengths) -> tuple[np.ndarray, Floats]:
    """Return the numbers of the entries below values, and how far towards the next they are, 0..1."""
    clipped = np.clip(values, at[0], at[-1])
    below = np.clip(np.searchsorted(at, clipped, side="right") - 1, 0, max(0, len(at) - 2))
    above = np.minimum(below + 1, len(at) - 1)
    gap = np.array(at)[above] - np.array(at)[below]
    return below, np.where(gap > 0, (clipped - np.array(at)[below]) / np.where(gap > 0, gap, 1.0), 0.0)
