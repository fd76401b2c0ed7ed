"""The picture of a source-mask optimisation: both sources, the process window of each, latitude over depth of focus."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import PercentFormatter

from litho.plot_style import label_axes, legend, new_figure, set_title, stroke, write_figure
from litho.process_window import ExposureWindow
from litho.scene import COLORS, INTENSITY_COLORS
from litho.source import Source
from litho.window_fit import latitude_curve

WINDOW_COLORS = {"before": COLORS["target"], "after": COLORS["mask"]}
PIXELS = 101
"""Of the picture of a source, on either side."""

_WIDTH, _HEIGHT = 5.0, 4.3


def draw_smo(
    sources: tuple[Source, Source],
    windows: Mapping[str, ExposureWindow],
    placement_nm: float,
    latitude: float,
    path: str | os.PathLike[str],
) -> Path:
    """Write the picture as PNG.

    Parameters
    ----------
    sources
        before and after
    windows
        "before" and "after"
    placement_nm
        distance that edges may be off in the windows
    latitude
        exposure latitude (a share) at which the depth of focus is told
    path
        of the file
    """
    return write_figure(smo_figure(sources, windows, placement_nm, latitude), Path(path))


def smo_figure(
    sources: tuple[Source, Source], windows: Mapping[str, ExposureWindow], placement_nm: float, latitude: float
) -> Figure:
    """Return the figure; arguments as in `draw_smo`."""
    figure = new_figure(4 * _WIDTH, 1.05 * _HEIGHT)
    for column, (source, name) in enumerate(zip(sources, ("Source before", "Source after"), strict=True), 1):
        draw_source(figure.add_subplot(1, 4, column), source, name)
    draw_windows(figure.add_subplot(1, 4, 3), windows, placement_nm)
    draw_latitudes(figure.add_subplot(1, 4, 4), windows, latitude)
    return figure


def draw_source(axes: Axes, source: Source, title: str) -> None:
    """Draw the brightness of a source over the pupil."""
    set_title(axes, title)
    axes.imshow(
        source.to_map(PIXELS), origin="lower", extent=(-1, 1, -1, 1), cmap=INTENSITY_COLORS, interpolation="nearest"
    )
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor="white", linewidth=1))
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    label_axes(axes, "direction sine / NA, x", "y")


def draw_windows(axes: Axes, windows: Mapping[str, ExposureWindow], placement_nm: float) -> None:
    """Draw the doses that keep all edges in their place, over focus."""
    set_title(axes, "Process window")
    handles: list[Artist] = []
    for name, window in windows.items():
        fine, color = window.refined(), WINDOW_COLORS[name]
        axes.fill_between(fine.foci_nm, fine.low, fine.high, color=color, alpha=0.14, linewidth=0)
        for limit in (fine.low, fine.high):
            axes.plot(fine.foci_nm, limit, color=color, linewidth=1.6)
        handles.append(stroke(color, name))
    label_axes(axes, "defocus / nm", f"dose, edges within {placement_nm:g} nm")
    legend(axes, handles)


def draw_latitudes(axes: Axes, windows: Mapping[str, ExposureWindow], latitude: float) -> None:
    """Draw the exposure latitude of the largest ellipses over their depth of focus."""
    set_title(axes, "Exposure latitude over depth of focus")
    handles: list[Artist] = []
    for name, window in windows.items():
        curve = latitude_curve(window, "ellipse")
        depth = np.append(0.0, curve.dof_nm) if len(curve) else np.zeros(1)
        height = np.append(curve.latitude[0], curve.latitude) if len(curve) else np.zeros(1)
        axes.plot(depth, height, color=WINDOW_COLORS[name], linewidth=2)
        handles.append(
            stroke(WINDOW_COLORS[name], f"{name}: {curve.depth_of_focus_nm(latitude):.0f} nm at {100 * latitude:g} %")
        )
    axes.axhline(latitude, color=COLORS["muted"], linewidth=1)
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(True, color=COLORS["grid"], linewidth=0.8)
    label_axes(axes, "depth of focus / nm", "exposure latitude")
    legend(axes, handles)
