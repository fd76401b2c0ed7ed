"""Plots of a verification: hot spots and broken mask rules on the layout, and how edge placement is spread."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from litho.hotspots import KINDS
from litho.metrology import Verification
from litho.pictures import draw_edges, draw_outlines
from litho.plot_style import label_axes, legend, new_figure, set_title, stroke, write_figure
from litho.result import ClipResult
from litho.rule_set import RULES
from litho.scene import COLORS, scene_of

KIND_COLORS = {
    "open": "#b00020",
    "bridge": "#d0105a",
    "pinch": "#8a3fb0",
    "edge placement": "#c25a00",
    "band": "#8a6d00",
    "side lobe": "#2f6fd0",
    "assist feature": "#007a8a",
    "dimple": "#5b6675",
}
RULE_COLORS = {
    "width": "#b00020",
    "space": "#c25a00",
    "corner": "#8a6d00",
    "notch": "#8a3fb0",
    "assist distance": "#007a8a",
    "opening": "#d0105a",
    "closing": "#3d4fc4",
    "radius": "#5b6675",
    "area": "#00865f",
    "hole": "#7a4a12",
}
CORNER_COLORS = ("#1c2430", "#2f6fd0", "#b5600a", "#00865f", "#8a3fb0")
BINS = 41
MOST_NUMBERED = 20
"""Hot spots whose rank is written beside them."""


def draw_verification(verification: Verification, result: ClipResult, folder: str | os.PathLike[str]) -> list[Path]:
    """Write `hotspots.png` and `edge_placement.png` into an existing folder."""
    return [
        write_figure(hotspots_figure(verification, result), Path(folder, "hotspots.png")),
        write_figure(placement_figure(verification), Path(folder, "edge_placement.png")),
    ]


def hotspots_figure(verification: Verification, result: ClipResult) -> Figure:
    """Return the hot spots on the layout."""
    figure = new_figure(6.3, 5.9)
    draw_hotspots(figure.add_subplot(), verification, result)
    return figure


def rules_figure(result: ClipResult) -> Figure:
    """Return the places on the mask that break a rule."""
    figure = new_figure(6.3, 5.9)
    draw_violations(figure.add_subplot(), result)
    return figure


def placement_figure(verification: Verification) -> Figure:
    """Return the spread of edge placement, beside that of the band's width if there is a band."""
    banded = bool(np.isfinite(verification.band_nm).any())
    figure = new_figure(11.8 if banded else 6.3, 4.5)
    draw_placement(figure.add_subplot(1, 2 if banded else 1, 1), verification)
    if banded:
        draw_band(figure.add_subplot(1, 2, 2), verification)
    return figure


def draw_hotspots(axes: Axes, verification: Verification, result: ClipResult) -> None:
    """Draw every hot spot over target and nominal print, the worst with their rank."""
    count = len(verification.hotspots)
    draw_edges(axes, scene_of(result), f"{count} hot spot{'' if count == 1 else 's'}")
    handles: list[Artist] = []
    for kind in KINDS:
        spots = [s for s in verification.hotspots if s.kind == kind]
        if not spots:
            continue
        color = KIND_COLORS[kind]
        place = ([s.x_nm for s in spots], [s.y_nm for s in spots])
        axes.plot(*place, "o", markersize=11, markeredgewidth=2, fillstyle="none", color=color, zorder=5)
        mark = Line2D([], [], marker="o", markersize=7, linestyle="none", fillstyle="none", markeredgewidth=2)
        mark.set(color=color, label=f"{kind} ({len(spots)})")
        handles.append(mark)
    for rank, spot in enumerate(verification.hotspots[:MOST_NUMBERED], 1):
        _numbered(axes, rank, spot.x_nm, spot.y_nm, KIND_COLORS[spot.kind])
    if not handles:
        handles = [stroke(COLORS["print"], "nominal print"), stroke(COLORS["ink"], "target", (4.0, 2.0))]
    legend(axes, handles[:4])


def draw_violations(axes: Axes, result: ClipResult) -> None:
    """Draw every place that breaks a rule over the mask, the first with their number."""
    violations = result.violations or ()
    draw_outlines(axes, scene_of(result), f"{len(violations)} place{'' if len(violations) == 1 else 's'}")
    handles: list[Artist] = []
    for rule in RULES:
        places = [v for v in violations if v.rule == rule]
        if not places:
            continue
        color = RULE_COLORS[rule]
        axes.plot(
            [v.x_nm for v in places],
            [v.y_nm for v in places],
            "o",
            markersize=11,
            markeredgewidth=2,
            fillstyle="none",
            color=color,
            zorder=5,
        )
        mark = Line2D([], [], marker="o", markersize=7, linestyle="none", fillstyle="none", markeredgewidth=2)
        mark.set(color=color, label=f"{rule} ({len(places)})")
        handles.append(mark)
    for number, place in enumerate(violations[:MOST_NUMBERED], 1):
        _numbered(axes, number, place.x_nm, place.y_nm, RULE_COLORS[place.rule])
    legend(axes, handles[:5])


def draw_placement(axes: Axes, verification: Verification) -> None:
    """Draw how the edge placement errors are spread at each corner, with the limit."""
    set_title(axes, "Edge placement error", pad=29 + 13 * (len(verification.labels) - 1))
    limit = verification.settings.epe_nm
    errors = [p.error_nm[np.isfinite(p.error_nm)] for p in verification.placements]
    reach = 1.05 * max(1.3 * limit, *(float(np.abs(e).max()) for e in errors if len(e)), 0.0)
    edges = np.linspace(-reach, reach, BINS + 1)
    handles: list[Artist] = []
    for k, (label, error, statistics) in enumerate(
        zip(verification.labels, errors, verification.statistics, strict=True)
    ):
        color = CORNER_COLORS[k % len(CORNER_COLORS)]
        counts, _ = np.histogram(error, edges)
        axes.stairs(counts, edges, color=color, linewidth=2.2 if k == 0 else 1.4, fill=False)
        rms = "" if statistics.rms_nm is None else f": rms {statistics.rms_nm:.2f} nm"
        handles.append(stroke(color, f"{label}{rms}"))
    for sign in (-1, 1):
        axes.axvline(sign * limit, color=COLORS["violation"], linewidth=1.2, linestyle=(0, (4.0, 2.0)))
    axes.set_xlim(-reach, reach)
    label_axes(axes, "error / nm, positive: printed larger than drawn", "sites")
    legend(axes, handles, columns=1)


def draw_band(axes: Axes, verification: Verification) -> None:
    """Draw how the width of the process-variation band is spread over the sites, with the limit."""
    width = verification.band_nm[np.isfinite(verification.band_nm)]
    set_title(axes, "Width of the PV band", pad=29 + 13 * (len(verification.labels) - 1))
    limit = verification.settings.band_nm
    reach = 1.05 * max(limit, float(width.max()))
    counts, edges = np.histogram(width, np.linspace(0, reach, BINS + 1))
    axes.stairs(counts, edges, color=COLORS["band"], fill=True, alpha=0.7)
    axes.axvline(limit, color=COLORS["violation"], linewidth=1.2, linestyle=(0, (4.0, 2.0)))
    axes.set_xlim(0, reach)
    label_axes(axes, "width / nm", "sites")
    found = f"mean {width.mean():.2f} nm, largest {width.max():.2f} nm"
    legend(axes, [stroke(COLORS["band"], found), stroke(COLORS["violation"], f"limit {limit:g} nm", (4.0, 2.0))])


def _numbered(axes: Axes, number: int, x_nm: float, y_nm: float, color: str) -> None:
    text = axes.annotate(str(number), (x_nm, y_nm), xytext=(7, 5), textcoords="offset points", fontsize=8)
    text.set(color=color, fontweight="bold", clip_on=True)
