"""The map of a chip: edge placement, process-variation band and run time of every tile, as a picture.

Each tile is a square of its own colour. Tiles whose mask was taken over from an equal one carry a dot in the map of run
times; tiles that were set aside are crossed out in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.chip_result import REUSED, SET_ASIDE, ChipResult
from litho.chip.placement_tally import BIN_NM, PlacementTally
from litho.chip.tiles import TilePlan
from litho.plot_style import label_axes, legend, new_figure, set_title, stroke, write_figure
from litho.scene import COLORS

Panel = tuple[Floats, str, str, str]
"""A number per tile (rows, columns), its colours, title and unit."""

EPE_COLORS, BAND_COLORS, TIME_COLORS = "viridis", "cividis", "magma"

MOST_DOTS = 4000
"""With more tiles than this, those taken over are told in numbers only."""

_PANEL = 5.2
_BINS = 61


def write_map(result: ChipResult, path: Path) -> Path:
    """Write the map as PNG, whole or not at all."""
    return write_figure(map_figure(result), path)


def map_figure(result: ChipResult) -> Figure:
    """Return the maps side by side: those that anything is known for."""
    numbers = result.numbers
    reused = int(np.count_nonzero(numbers.origin == REUSED))
    panels: list[Panel] = [
        (numbers.epe_rms_nm, EPE_COLORS, "Edge placement error", "rms / nm"),
        (numbers.band_nm, BAND_COLORS, "PV band", "mean width / nm"),
        (numbers.seconds, TIME_COLORS, "Run time", "s" if not reused else f"s, dots: {reused:,} tiles taken over"),
    ]
    figure, drawn = tile_maps(result.tiles, numbers.origin, panels)
    if "Run time" in drawn and 0 < reused <= MOST_DOTS:
        _mark(drawn["Run time"], result.tiles, numbers.origin == REUSED, ".", "white", 2.5)
    return figure


def tile_maps(tiles: TilePlan, origin: NDArray[np.uint8], panels: Sequence[Panel]) -> tuple[Figure, dict[str, Axes]]:
    """Return maps side by side, those that anything is known for, and their axes by title.

    Parameters
    ----------
    tiles
        where tiles lie
    origin : (rows, columns)
        tiles that are `SET_ASIDE` in it are crossed out
    panels
        the maps
    """
    known = [panel for panel in panels if np.isfinite(panel[0]).any()]
    across, (x0, y0, x1, y1) = max(1, len(known)), tiles.box_nm
    figure = new_figure(_PANEL * across, 0.75 * _PANEL * min(1.6, max(0.35, (y1 - y0) / (x1 - x0))) + 0.9)
    drawn: dict[str, Axes] = {}
    for column, (values, colors, title, unit) in enumerate(known, 1):
        drawn[title] = axes = figure.add_subplot(1, across, column)
        draw_tiles(axes, tiles, values, colors, unit)
        _mark(axes, tiles, origin == SET_ASIDE, "x", COLORS["violation"], 7)
        set_title(axes, title, pad=12)
    if not known:
        label_axes(figure.add_subplot(), "x / µm", "y / µm")
    return figure, drawn


def draw_tiles(axes: Axes, tiles: TilePlan, values: Floats, colors: str, unit: str) -> None:
    """Draw one number (rows, columns) per tile, with its scale; what is not known stays grey."""
    x0, y0, x1, y1 = (v / 1000 for v in tiles.box_nm)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    axes.set_facecolor(COLORS["grid"])
    drawn = np.ma.masked_invalid(values)
    image = axes.imshow(drawn, cmap=colors, origin="lower", extent=(x0, x1, y0, y1), vmin=low, vmax=max(high, low))
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.025, 0, 0.035, 1)))
    bar.set_label(unit, color=COLORS["ink"], fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=COLORS["muted"])
    bar.outline.set_visible(False)
    label_axes(axes, "x / µm", "y / µm")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def _mark(axes: Axes, tiles: TilePlan, chosen: NDArray[np.bool_], marker: str, color: str, size: float) -> None:
    """Mark the middle of every tile that is chosen, (rows, columns)."""
    rows, columns = np.nonzero(chosen)
    (x, y), (width, height) = tiles.origin_nm, tiles.core_nm
    places = (x + (columns + 0.5) * width) / 1000, (y + (rows + 0.5) * height) / 1000
    marks = Line2D(*places, marker=marker, linestyle="none", color=color, markersize=size, markeredgewidth=1.6)
    axes.add_artist(marks)


def seam_figure(interior: PlacementTally, seams: PlacementTally, limit_nm: float) -> Figure:
    """Return how edge placement errors are spread along seams and in the interior, each as a share of its sites."""
    figure = new_figure(11.8, 4.5)
    draw_spread(figure.add_subplot(1, 2, 1), interior, seams, limit_nm)
    draw_tail(figure.add_subplot(1, 2, 2), interior, seams, limit_nm)
    return figure


def draw_spread(axes: Axes, interior: PlacementTally, seams: PlacementTally, limit_nm: float) -> None:
    """Draw the density of the signed errors."""
    set_title(axes, "Edge placement error", pad=56)
    reach = 1.1 * max(0.5, *(tally.quantile_nm(0.995) or 0.0 for tally in (interior, seams)))
    edges = np.linspace(-reach, reach, _BINS + 1)
    handles: list[Artist] = []
    for tally, name, color in _both(interior, seams):
        half = len(tally.counts) // 2
        places = (np.arange(len(tally.counts)) - half) * BIN_NM
        counts, _ = np.histogram(places, edges, weights=tally.counts)
        share = 100 * counts / max(1, tally.measured)
        axes.stairs(share, edges, color=color, linewidth=2, fill=False)
        rms = "" if tally.rms_nm is None else f", rms {tally.rms_nm:.2f} nm"
        handles.append(stroke(color, f"{name}: {tally.sites:,} sites{rms}"))
    if limit_nm < reach:
        for sign in (-1, 1):
            axes.axvline(sign * limit_nm, color=COLORS["violation"], linewidth=1.2, linestyle=(0, (4.0, 2.0)))
    axes.set_xlim(-reach, reach)
    label_axes(axes, "error / nm, positive: printed larger than drawn", "share of sites / %")
    legend(axes, handles, columns=1)


def draw_tail(axes: Axes, interior: PlacementTally, seams: PlacementTally, limit_nm: float) -> None:
    """Draw which share of the sites is off by more than a size: where seams differ, their line leaves the other."""
    set_title(axes, "Sites off by more than a size", pad=56)
    handles: list[Artist] = []
    for tally, name, color in _both(interior, seams):
        if not tally.measured:
            continue
        above = 100 * (1 - np.cumsum(tally.sizes) / tally.measured)
        last = int(np.searchsorted(-above, -1e-9)) + 2
        axes.plot(BIN_NM * (np.arange(len(above[:last])) + 0.5), above[:last], color=color, linewidth=2)
        handles.append(stroke(color, f"{name}: 99 % within {tally.quantile_nm(0.99):.2f} nm"))
    axes.axvline(limit_nm, color=COLORS["violation"], linewidth=1.2, linestyle=(0, (4.0, 2.0)))
    handles.append(stroke(COLORS["violation"], f"limit {limit_nm:g} nm", (4.0, 2.0)))
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 110)
    axes.set_xlim(left=0)
    axes.grid(True, which="major", color=COLORS["grid"], linewidth=0.8)
    label_axes(axes, "size of the error / nm", "share of sites / %")
    legend(axes, handles, columns=1)


def _both(interior: PlacementTally, seams: PlacementTally) -> list[tuple[PlacementTally, str, str]]:
    return [(interior, "interior", COLORS["target"]), (seams, "along seams", COLORS["mask"])]
