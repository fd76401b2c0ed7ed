"""Pictures of a result: target, mask, aerial image, prints with PV band, convergence, and all on one page.

Drawn by matplotlib's objects, without its global state, so that any thread may draw.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from litho.grid import Grid
from litho.plot_style import (
    DASHES,
    box_ring,
    fill_rings,
    label_axes,
    legend,
    map_axes,
    new_figure,
    outline_rings,
    set_title,
    show_box,
    stroke,
    swatch,
    write_figure,
)
from litho.polygons import Box
from litho.result import ClipResult
from litho.scene import COLORS, INTENSITY_COLORS, Scene, scene_of

Drawing = Callable[[Axes, ClipResult, Scene], None]

_SIDE_INCHES = 5.6
_ON_IMAGE = {"print": "#ffffff", "target": "#a8d8ff", "detail": "#3df0ff"}  # the colours of lines on a dark image


def draw_all(result: ClipResult, folder: str | os.PathLike[str]) -> list[Path]:
    """Write every picture of a result as PNG.

    Parameters
    ----------
    result
        of one clip
    folder
        existing folder that gets `target.png`, `mask.png`, `aerial.png`, `prints.png`, `convergence.png` if the mask
        was optimised, and `overview.png`

    Returns
    -------
    paths
        the files, in this order
    """
    scene = scene_of(result)
    drawings: dict[str, Drawing] = {
        "target": draw_target,
        "mask": draw_mask,
        "aerial": draw_aerial,
        "prints": draw_prints,
    }
    if result.history:
        drawings["convergence"] = draw_convergence
    paths = []
    for name, drawing in drawings.items():
        figure = new_figure(1.12 * _SIDE_INCHES, _SIDE_INCHES)
        drawing(figure.add_subplot(), result, scene)
        paths.append(write_figure(figure, Path(folder, f"{name}.png")))
    return [*paths, write_figure(overview(result, scene), Path(folder, "overview.png"))]


def overview(result: ClipResult, scene: Scene | None = None) -> Figure:
    """Return mask, aerial image, prints and convergence (the target, if nothing was optimised) on one page."""
    scene = scene_of(result) if scene is None else scene
    figure = new_figure(2.12 * _SIDE_INCHES, 2.06 * _SIDE_INCHES)
    units = {"L2": " nm²", "PVB": " nm²", "EPE": ""}
    scores = [f"{name} {result.metrics[name]:,}{unit}" for name, unit in units.items() if name in result.metrics]
    title = figure.suptitle("    ".join([result.name, *scores]), x=0.01, ha="left", fontsize=16, fontweight="bold")
    title.set(color=COLORS["ink"], parse_math=False)
    last = draw_convergence if result.history else draw_target
    for place, drawing in enumerate((draw_mask, draw_aerial, draw_prints, last), 1):
        drawing(figure.add_subplot(2, 2, place), result, scene)
    return figure


def draw_target(axes: Axes, result: ClipResult, scene: Scene) -> None:
    """Draw the wanted shapes."""
    map_axes(axes, scene.focus_nm, "Target")
    fill_rings(axes, scene.target, COLORS["target"], alpha=0.35)
    outline_rings(axes, scene.target, COLORS["target"], 1.2)
    legend(axes, [swatch("target", "target", 0.35)])


def draw_mask(axes: Axes, result: ClipResult, scene: Scene) -> None:
    """Draw the mask's curves over the wanted shapes, as far as the mask reaches."""
    map_axes(axes, scene.region_nm, "Mask")
    fill_rings(axes, scene.mask, COLORS["mask"], alpha=0.28)
    outline_rings(axes, scene.mask, COLORS["mask"], 0.9)
    outline_rings(axes, scene.target, COLORS["ink"], 1.1, DASHES)
    legend(axes, [swatch("mask", "mask", 0.4), stroke(COLORS["ink"], "target", DASHES)])


def draw_aerial(axes: Axes, result: ClipResult, scene: Scene) -> None:
    """Draw the nominal aerial image with the contour of the resist's threshold."""
    map_axes(axes, scene.focus_nm, "Aerial image")
    part, (x0, y0, x1, y1) = _cut(result.intensity, result.grid, scene.focus_nm)
    image = axes.imshow(part, cmap=INTENSITY_COLORS, origin="lower", extent=(x0, x1, y0, y1), vmin=0)
    image.set_interpolation("bilinear")
    show_box(axes, scene.focus_nm)
    outline_rings(axes, scene.nominal, _ON_IMAGE["print"], 1.4)
    outline_rings(axes, scene.target, _ON_IMAGE["target"], 1.0, DASHES)
    if scene.detail_nm != scene.focus_nm:
        outline_rings(axes, [box_ring(scene.detail_nm)], _ON_IMAGE["detail"], 2.5)
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.025, 0, 0.035, 1)))
    bar.set_label("relative intensity", color=COLORS["ink"], fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=COLORS["muted"])
    bar.ax.axhline(result.threshold, color=_ON_IMAGE["print"], linewidth=1.6)
    bar.outline.set_visible(False)
    handles = [
        stroke(_ON_IMAGE["print"], f"threshold {result.threshold:g}"),
        stroke(_ON_IMAGE["target"], "target", DASHES),
    ]
    if scene.detail_nm != scene.focus_nm:
        handles.append(stroke(_ON_IMAGE["detail"], "detail shown of the print"))
    legend(axes, handles, frame="#3b1d5e")


def draw_prints(axes: Axes, result: ClipResult, scene: Scene, title: str = "Print") -> None:
    """Draw the nominal print and the band between the other corners over the wanted shapes, and wrong edges."""
    map_axes(axes, scene.detail_nm, title if scene.detail_nm == scene.focus_nm else f"{title}, detail")
    fill_rings(axes, scene.target, COLORS["target"], alpha=0.14)
    fill_rings(axes, scene.band, COLORS["band"], alpha=0.9)
    outline_rings(axes, scene.target, COLORS["ink"], 1.0, DASHES)
    outline_rings(axes, scene.nominal, COLORS["print"], 0.8)
    handles: list[Artist] = [stroke(COLORS["print"], "nominal print")]
    if scene.band:
        handles.append(swatch("band", "PV band", 0.8))
    handles.append(stroke(COLORS["ink"], "target", DASHES))
    wrong = scene.sites.edge[scene.sites.violated]
    if len(wrong):
        circles = Line2D(*wrong.T, marker="o", markersize=10, markeredgewidth=2, linestyle="none", fillstyle="none")
        circles.set(color=COLORS["violation"], label="EPE violation", zorder=5)
        handles.append(axes.add_line(circles))
    legend(axes, handles)


def draw_edges(axes: Axes, scene: Scene, title: str) -> None:
    """Draw the wanted shapes and the nominal print, for marks to stand on."""
    map_axes(axes, scene.focus_nm, title)
    fill_rings(axes, scene.target, COLORS["target"], alpha=0.14)
    outline_rings(axes, scene.target, COLORS["ink"], 0.9, DASHES)
    outline_rings(axes, scene.nominal, COLORS["print"], 0.9)


def draw_outlines(axes: Axes, scene: Scene, title: str) -> None:
    """Draw the mask over the wanted shapes, for marks to stand on."""
    map_axes(axes, scene.region_nm, title)
    fill_rings(axes, scene.mask, COLORS["mask"], alpha=0.2)
    outline_rings(axes, scene.mask, COLORS["mask"], 0.8)
    outline_rings(axes, scene.target, COLORS["ink"], 0.7, DASHES)


def draw_convergence(axes: Axes, result: ClipResult, scene: Scene) -> None:
    """Draw the loss after each step; every stage has a curve of its own, for its grid and steepness are its own."""
    set_title(axes, "Convergence")
    axes.set_yscale("log")
    first = 0
    for number, entry in enumerate(result.history):
        values = np.asarray(entry.values)[:, 0]
        last = first + len(values) - 1
        axes.plot(np.arange(first, last + 1), values, color=COLORS["mask"], linewidth=2)
        axes.plot([last], values[-1:], "o", color=COLORS["mask"], markersize=4.5)
        if number % 2 == 0:
            axes.axvspan(first, last, color=COLORS["grid"], alpha=0.4, linewidth=0)
        label = f"{entry.stage.pixel_nm:g} nm\nresist {entry.stage.resist_steepness:g}"
        place = axes.get_xaxis_transform()
        text = axes.text((first + last) / 2, 1.01, label, transform=place, fontsize=8.5, color=COLORS["muted"])
        text.set(horizontalalignment="center", verticalalignment="bottom")
        first = last
    axes.set_xlim(0, max(first, 1))
    label_axes(axes, "step", "loss / nm²")
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.yaxis.set_minor_formatter(FuncFormatter(_short))
    axes.grid(True, which="both", axis="y", color=COLORS["grid"], linewidth=0.8)


def _cut(image: NDArray[np.float32], grid: Grid, region: Box) -> tuple[NDArray[np.float32], Box]:
    """Return the pixels that show in a region, and x0, y0, x1, y1 of what they cover."""
    (height, width), (x, y) = grid.pixel_nm, grid.origin_nm
    left, right = max(0, int((region[0] - x) / width) - 1), int((region[2] - x) / width) + 2
    low, high = max(0, int((region[1] - y) / height) - 1), int((region[3] - y) / height) + 2
    part = image[low:high, left:right]
    box = (x + left * width, y + low * height, x + (left + part.shape[1]) * width, y + (low + len(part)) * height)
    return part, box


def _short(value: float, position: int | None = None) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
