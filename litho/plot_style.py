"""How plots of this program look: figures, titles, axes and legends.

Drawn by matplotlib's objects, without its global state, so that any thread may draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import AutoMinorLocator, MaxNLocator

from litho.cells import Floats
from litho.io.atomic import atomic_path
from litho.polygons import Box
from litho.scene import COLORS

DPI = 160

DASHES = (4.0, 2.0)
"""Of the outline of what is drawn for comparison."""

_FULL_WIDTH_NM = 1200.0  # lines are of full width in regions up to this


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    engine = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=engine, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all, and return its path."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Software": "litho"})
    return path


def set_title(axes: Axes, text: str, pad: float = 29) -> None:
    """Set the title on the left, `pad` points above the axes: a legend in one line fits below it."""
    # a name may hold "$", which must not start a formula
    axes.set_title(text, loc="left", fontsize=12, fontweight="bold", color=COLORS["ink"], pad=pad, parse_math=False)


def label_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Label both axes, with quiet ticks and frame."""
    axes.set_xlabel(x_label, fontsize=9, color=COLORS["ink"])
    axes.set_ylabel(y_label, fontsize=9, color=COLORS["ink"])
    axes.tick_params(which="both", labelsize=8, colors=COLORS["muted"])
    for spine in axes.spines.values():
        spine.set(color=COLORS["muted"], linewidth=0.6)


def swatch(color: str, label: str, alpha: float) -> Patch:
    """Return an area for a legend, in one of `COLORS`."""
    return Patch(facecolor=COLORS[color], alpha=alpha, label=label)


def stroke(color: str, label: str, dashes: tuple[float, float] | None = None) -> Line2D:
    """Return a line for a legend."""
    return Line2D([], [], color=color, linewidth=1.6, label=label, linestyle="solid" if dashes is None else (0, dashes))


def legend(axes: Axes, handles: Sequence[Artist], frame: str | None = None, columns: int | None = None) -> Legend:
    """Put a legend between the title and the axes, where it hides nothing; in one line unless `columns` are fewer."""
    made = axes.legend(
        handles=list(handles),
        ncols=len(handles) if columns is None else columns,
        loc="lower left",
        bbox_to_anchor=(0, 1.005),
        borderaxespad=0,
        borderpad=0.4 if frame else 0.25,
        columnspacing=1.4,
        handlelength=1.8,
        fontsize=8.5,
        labelcolor="white" if frame else COLORS["ink"],
        frameon=frame is not None,
        facecolor=frame,
        edgecolor="none",
        framealpha=1,
    )
    for text in made.get_texts():  # a name may hold "$", which must not start a formula
        text.set_parse_math(False)
    return made


def map_axes(axes: Axes, region: Box, title: str) -> None:
    """Make axes a map in nm."""
    set_title(axes, title)
    axes.set_facecolor("#fbfcfd")
    label_axes(axes, "x / nm", "y / nm")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_minor_locator(AutoMinorLocator())
    show_box(axes, region)


def show_box(axes: Axes, region: Box) -> None:
    """Show x0, y0, x1, y1, lengths alike along both axes."""
    axes.set_aspect("equal")
    axes.set_xlim(region[0], region[2])
    axes.set_ylim(region[1], region[3])


def fill_rings(axes: Axes, rings: Sequence[Floats], color: str, alpha: float) -> None:
    """Fill closed rings, each (n, 2); those around holes run the other way."""
    # not add_patch, which measures every vertex for limits that are set already
    axes.add_artist(PathPatch(_path(rings), facecolor=color, edgecolor="none", alpha=alpha))


def outline_rings(
    axes: Axes, rings: Sequence[Floats], color: str, width: float, dashes: tuple[float, float] | None = None
) -> None:
    """Draw closed rings as lines, `width` points wide."""
    # thinner in a large region, where shapes are small
    left, right = axes.get_xlim()
    width *= min(1.0, max(0.45, _FULL_WIDTH_NM / (right - left)))
    patch = PathPatch(_path(rings), facecolor="none", edgecolor=color, linewidth=width, joinstyle="round")
    patch.set_linestyle("solid" if dashes is None else (0, dashes))
    axes.add_artist(patch)


def box_ring(box: Box) -> Floats:
    """Return the corners of a box as a ring, (4, 2)."""
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _path(rings: Sequence[Floats]) -> Outline:
    codes = [np.r_[Outline.MOVETO, np.full(len(ring) - 1, Outline.LINETO), Outline.CLOSEPOLY] for ring in rings]
    vertices = [np.concatenate([ring, ring[:1]]) for ring in rings]
    return Outline(np.concatenate([np.empty((0, 2)), *vertices]), np.concatenate([[], *codes]).astype(np.uint8))
