"""Plots of a process window: intensity on cut lines, Bossung curves, exposure-defocus window, latitude over focus."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import PercentFormatter

from litho.cells import Floats
from litho.metrology import MeasuredCut, MeasuredWindow
from litho.plot_style import label_axes, legend, new_figure, set_title, stroke, write_figure
from litho.process_window import runs, spline
from litho.scene import COLORS
from litho.window_fit import Window

CUT_COLORS = ("#2f6fd0", "#00865f", "#b5600a", "#8a3fb0", "#d0105a", "#5b6675")
"""One for each cut line; they repeat."""

SHAPE_DASHES: dict[str, tuple[float, float] | None] = {"ellipse": None, "rectangle": (4.0, 2.0)}

MOST_CUTS = 12
"""Cut lines that get plots of their own; the tables have all."""

_WIDTH, _HEIGHT = 5.6, 4.3
_ROOM = 0.06  # above and below curves


def draw_window(window: MeasuredWindow, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the plots of a process window as PNG.

    Parameters
    ----------
    window
        of one clip
    folder
        existing folder that gets `cuts.png` and, if there is more than one focus, `window.png`
    """
    paths = [write_figure(cuts_figure(window), Path(folder, "cuts.png"))]
    if window.curves:
        paths.append(write_figure(window_figure(window), Path(folder, "window.png")))
    return paths


def cuts_figure(window: MeasuredWindow) -> Figure:
    """Return the intensity on each cut line beside its Bossung curves."""
    shown = window.cuts[:MOST_CUTS]
    figure = new_figure(2.1 * _WIDTH, _HEIGHT * len(shown))
    for row, cut in enumerate(shown):
        draw_profile(figure.add_subplot(len(shown), 2, 2 * row + 1), cut)
        draw_bossung(figure.add_subplot(len(shown), 2, 2 * row + 2), cut, window)
    return figure


def window_figure(window: MeasuredWindow) -> Figure:
    """Return the exposure-defocus window beside exposure latitude over depth of focus."""
    figure = new_figure(2.1 * _WIDTH, 1.1 * _HEIGHT)
    draw_exposure_window(figure.add_subplot(1, 2, 1), window)
    draw_latitude(figure.add_subplot(1, 2, 2), window)
    return figure


def draw_profile(axes: Axes, cut: MeasuredCut) -> None:
    """Draw the intensity along a cut line at best focus and at both ends, with the threshold and the feature."""
    series = cut.series
    best = int(np.argmin(np.abs(series.foci_nm)))
    set_title(axes, f"{series.line.name}: intensity")
    handles: list[Artist] = []
    last = len(series.foci_nm) - 1
    for k in dict.fromkeys((0, last, best)):
        profile, color = series.profiles[k], COLORS["mask"] if k == best else COLORS["band"]
        places = np.linspace(0, profile.length_nm, 601)
        dashes = (4.0, 2.0) if k == last != best else None
        (line,) = axes.plot(places, profile(places), color=color, linewidth=2 if k == best else 1.2)
        line.set_linestyle("solid" if dashes is None else (0, dashes))
        handles.append(
            stroke(color, f"{series.foci_nm[k]:+g} nm" if k != best else f"defocus {series.foci_nm[k]:g} nm", dashes)
        )
    feature = series.nominal
    axes.axhline(series.threshold, color=COLORS["muted"], linewidth=1)
    axes.plot([feature.left_nm, feature.right_nm], [series.threshold] * 2, color=COLORS["print"], linewidth=3.5)
    handles.append(stroke(COLORS["print"], f"CD {feature.cd_nm:.2f} nm, NILS {feature.nils:.2f}"))
    axes.set_xlim(0, series.line.length_nm)
    axes.set_ylim(0, None)
    label_axes(axes, "distance from the start of the cut / nm", "intensity, relative to the clear field")
    legend(axes, [*handles[::-1][:1], *handles[-2::-1]])


def draw_bossung(axes: Axes, cut: MeasuredCut, window: MeasuredWindow) -> None:
    """Draw CD over focus, one curve per dose, with the tolerance and the isofocal CD."""
    series, settings = cut.series, window.settings
    doses = np.array(settings.doses)
    widths = series.cd_nm(doses)
    set_title(axes, f"{series.line.name}: Bossung curves")
    low, high = cut.goal_nm * (1 - settings.tolerance), cut.goal_nm * (1 + settings.tolerance)
    axes.axhspan(low, high, color=COLORS["print"], alpha=0.1, linewidth=0)
    nominal = int(np.argmin(np.abs(doses - 1)))
    for k, dose in enumerate(doses):
        color = colormaps["plasma"](0.05 + 0.8 * k / max(1, len(doses) - 1))
        wide = 2.6 if k == nominal else 1.3
        axes.plot(series.foci_nm, widths[:, k], "o", color=color, markersize=2.5)
        axes.plot(*_smooth(series.foci_nm, widths[:, k]), color=color, linewidth=wide)
        ends = np.flatnonzero(np.isfinite(widths[:, k]))
        if len(ends):
            place = (series.foci_nm[ends[-1]], widths[ends[-1], k])
            text = axes.annotate(f"{dose:g}", place, xytext=(5, 0), textcoords="offset points", fontsize=8, color=color)
            text.set_verticalalignment("center")
    handles: list[Artist] = [stroke(COLORS["print"], f"{cut.goal_nm:.1f} nm ± {100 * settings.tolerance:g} %")]
    _room(axes, [*widths[np.isfinite(widths)], low, high])
    if cut.isofocal is not None:
        dose, width = cut.isofocal
        axes.axhline(width, color=COLORS["muted"], linewidth=1, linestyle=(0, (4.0, 2.0)))
        handles.append(stroke(COLORS["muted"], f"isofocal: dose {dose:.3f}, CD {width:.1f} nm", (4.0, 2.0)))
    label_axes(axes, "defocus / nm", "CD / nm")
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.06 * (right - left))  # for the doses at the ends of the curves
    legend(axes, handles)


def draw_exposure_window(axes: Axes, window: MeasuredWindow) -> None:
    """Draw the doses that keep each CD within its tolerance over focus, with the largest windows common to all."""
    set_title(axes, "Exposure-defocus window")
    handles: list[Artist] = []
    for number, cut in enumerate(window.cuts):
        fine, color = cut.window.refined(), CUT_COLORS[number % len(CUT_COLORS)]
        axes.fill_between(fine.foci_nm, fine.low, fine.high, color=color, alpha=0.14, linewidth=0)
        for limit in (fine.low, fine.high):
            axes.plot(fine.foci_nm, limit, color=color, linewidth=1.6)
        if number < 4:
            handles.append(stroke(color, cut.series.line.name))
    for shape, curve in window.curves.items():
        best = curve.largest()
        if best is not None:
            _draw_shape(axes, best)
            handles.append(stroke(COLORS["ink"], shape, SHAPE_DASHES[shape]))
    drawn = [v for c in window.cuts for v in (*c.window.low, *c.window.high) if np.isfinite(v)]
    # limits of a feature that hardly prints run away: what matters lies around the nominal dose
    _room(axes, np.clip(drawn, 0.5, 2.0) if drawn else [0.9, 1.1])
    label_axes(axes, "defocus / nm", "relative dose")
    if handles:
        legend(axes, handles)


def draw_latitude(axes: Axes, window: MeasuredWindow) -> None:
    """Draw the exposure latitude of the common window over its depth of focus."""
    set_title(axes, "Exposure latitude over depth of focus")
    handles: list[Artist] = []
    level = window.settings.latitude
    for shape, curve in window.curves.items():
        depth, height = (np.append(column[:1], column) for column in (curve.dof_nm, curve.latitude))
        depth[:1] = 0.0  # up to the first, deeper windows are as high as shallow ones
        (line,) = axes.plot(depth, height, color=COLORS["mask"], linewidth=2)
        dashes = SHAPE_DASHES[shape]
        line.set_linestyle("solid" if dashes is None else (0, dashes))
        found = curve.depth_of_focus_nm(level)
        axes.plot([found], [level], "o", color=COLORS["mask"], markersize=5)
        handles.append(stroke(COLORS["mask"], f"{shape}: {found:.0f} nm at {100 * level:g} %", dashes))
    axes.axhline(level, color=COLORS["muted"], linewidth=1)
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(True, color=COLORS["grid"], linewidth=0.8)
    label_axes(axes, "depth of focus / nm", "exposure latitude")
    legend(axes, handles)


def _draw_shape(axes: Axes, best: Window) -> None:
    height, dashes = best.latitude * best.dose, SHAPE_DASHES[best.shape]
    centre = (best.focus_nm, best.dose)
    patch = (
        Ellipse(centre, best.dof_nm, height)
        if best.shape == "ellipse"
        else Rectangle((centre[0] - best.dof_nm / 2, centre[1] - height / 2), best.dof_nm, height)
    )
    patch.set(fill=False, edgecolor=COLORS["ink"], linewidth=1.6)
    patch.set_linestyle("solid" if dashes is None else (0, dashes))
    axes.add_patch(patch)


def _smooth(foci: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """Return a curve through the widths that there are, with gaps where one is missing."""
    parts = [np.empty((2, 0))]
    for run in runs(np.isfinite(widths)):
        fine = np.linspace(foci[run][0], foci[run][-1], 20 * len(foci[run]))
        parts += [np.stack([fine, spline(foci[run], widths[run])(fine)]), np.full((2, 1), np.nan)]
    x, y = np.concatenate(parts, axis=1)
    return x, y


def _room(axes: Axes, values: object) -> None:
    """Set the limits in y to values, with some room."""
    found = np.asarray(values, dtype=np.float64)
    low, high = float(found.min()), float(found.max())
    room = _ROOM * max(high - low, 1e-3 * high)
    axes.set_ylim(low - room, high + room)
