"""`litho fracture`: a mask file as shots or doses, with a table, figures, a picture and a layout."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litho.cells import Floats, Layer
from litho.commands import told_in_one_sentence
from litho.contour import join_holes
from litho.fracture import METHODS, Deviation, FractureSettings, bits_deviation, deviation, fracture
from litho.grid import Grid
from litho.io.atomic import atomic_path
from litho.io.write import write_oasis
from litho.layout import read_layout
from litho.multibeam import MOST_LEVELS, DoseMap, dose_map, written
from litho.outlines import area_nm2, united
from litho.outputs import LAST, MASK_LAYER, check_writable
from litho.polygons import subtract
from litho.raster import coverage
from litho.shots import greedy_rectangles
from litho.terminal import working
from litho.write_time import MultiBeamWriter, ShapedBeamWriter, mask_area_mm2

SHOT_LAYER: Layer = (30, 0)
"""Layer of the shots in `shots.oas`."""

WRITTEN_LAYER: Layer = (31, 0)
"""Layer of what a dose map writes."""

MULTIBEAM = "multibeam"
COMMAND_METHODS = (*METHODS, MULTIBEAM)
_COUNT_PIXEL_NM = 4.0


@dataclass(frozen=True)
class DoseSettings:
    """The pixels of a multi-beam writer, at wafer scale.

    Parameters
    ----------
    pixel_nm
        side of a pixel
    levels
        number of doses, 0 included
    blur_nm
        of beam and resist, by which the written outline is found
    """

    pixel_nm: float = 4.0
    levels: int = 16
    blur_nm: float = 4.0

    def __post_init__(self) -> None:
        for name in ("pixel_nm", "blur_nm"):
            length = getattr(self, name)
            if not (math.isfinite(length) and length > 0):
                raise ValueError(f"`{name}` must be a positive length, but got {length}.")
        if not 2 <= self.levels <= MOST_LEVELS:
            raise ValueError(f"`levels` must be in 2..{MOST_LEVELS}, but got {self.levels}.")


def run_fracture(
    mask: Path,
    method: str,
    out: Path,
    *,
    layer: str | None = None,
    settings: FractureSettings | None = None,
    doses: DoseSettings | None = None,
    shaped: ShapedBeamWriter | None = None,
    multi: MultiBeamWriter | None = None,
) -> int:
    """Fracture a mask file, write a folder, print a table, and return the exit code.

    Parameters
    ----------
    mask
        OASIS, GDS or GLP
    method
        one of `COMMAND_METHODS`
    out
        folder for `shots.oas` (or `doses.npz`), `shots.png` and, last, `metrics.json`
    layer
        of the mask; the one that `litho ilt` writes to if the file has it
    settings
        tolerance, grid, least side
    doses
        of the method "multibeam"
    shaped, multi
        writers that the time is told for
    """
    settings = FractureSettings() if settings is None else settings
    with told_in_one_sentence():
        check_writable(out)
        if method not in COMMAND_METHODS:
            raise ValueError(f"`method` must be one of {', '.join(COMMAND_METHODS)}, but got {method!r}.")
        polygons = mask_polygons(mask, layer)
        with working(f"{method} for {len(polygons)} polygons: a minute for each 10 µm² of curves, more if finer"):
            if method == MULTIBEAM:
                figures = _write_doses(polygons, doses or DoseSettings(), multi or MultiBeamWriter(), out)
            else:
                figures = _write_shots(polygons, method, settings, shaped or ShapedBeamWriter(), out)
    text = json.dumps({"mask": os.fspath(mask), **figures}, indent=2, allow_nan=False) + "\n"
    with atomic_path(out / LAST) as temporary:
        temporary.write_text(text, encoding="utf-8")
    _show(figures, out)
    return 0


def mask_polygons(path: Path, layer: str | None) -> list[Floats]:
    """Return the mask of a layout file, nm; of layer 2/0 if none is named and the file has it."""
    layout = read_layout(path)
    if layer is None and MASK_LAYER in layout.layers:
        layer = f"{MASK_LAYER[0]}/{MASK_LAYER[1]}"
    return united(layout.polygons(layer))


def _write_shots(
    polygons: Sequence[Floats], method: str, settings: FractureSettings, writer: ShapedBeamWriter, out: Path
) -> dict[str, Any]:
    chosen = next(name for name in METHODS if name == method)
    found = fracture(polygons, chosen, settings)
    off = deviation(found.shots, polygons, settings.grid_nm)
    out.mkdir(parents=True, exist_ok=True)
    layers: dict[Layer, Sequence[Floats]] = {MASK_LAYER: list(polygons), SHOT_LAYER: list(found.shots)}
    write_oasis(out / "shots.oas", layers, dbu_nm=0.1)
    area = mask_area_mm2(_box_nm2(polygons))
    figures = {
        "method": method,
        "count": found.count,
        "slivers": found.slivers,
        "exact": found.exact,
        "exposed_nm2": found.area_nm2,
        "write_time_s": writer.write_time_s(found.count, area),
        "writer": asdict(writer),
        "settings": asdict(settings),
    }
    _draw(
        polygons,
        found.shots,
        out / "shots.png",
        f"{found.count} {method}" if method != "overlapping" else f"{found.count} overlapping rectangles",
    )
    return figures | _common(polygons, off)


def _write_doses(
    polygons: Sequence[Floats], settings: DoseSettings, writer: MultiBeamWriter, out: Path
) -> dict[str, Any]:
    grid = _pixels(polygons, settings.pixel_nm, 4 * settings.blur_nm + settings.pixel_nm)
    doses = dose_map(polygons, grid, settings.levels)
    outlines = written(doses, settings.blur_nm)
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / "doses.npz") as temporary:
        np.savez_compressed(
            temporary, steps=doses.steps, levels=doses.levels, pixel_nm=grid.pixel_nm, origin_nm=grid.origin_nm
        )
    layers: dict[Layer, Sequence[Floats]] = {MASK_LAYER: list(polygons), WRITTEN_LAYER: join_holes(outlines)}
    write_oasis(out / "shots.oas", layers, dbu_nm=0.1)
    _draw_doses(polygons, doses, out / "shots.png")
    figures = {
        "method": MULTIBEAM,
        "count": doses.exposed,
        "write_time_s": writer.write_time_s(mask_area_mm2(_box_nm2(polygons))),
        "writer": asdict(writer),
        "settings": asdict(settings),
    }
    return figures | _common(polygons, _written_deviation(outlines, polygons, grid))


def _written_deviation(outlines: Sequence[Floats], polygons: Sequence[Floats], grid: Grid) -> Deviation:
    pixel = grid.pixel_nm[0] / max(1, round(grid.pixel_nm[0]))
    fine = grid.resampled(pixel)
    covered, inside = (coverage(p, fine) >= 0.5 for p in (outlines, polygons))
    return bits_deviation(covered, inside, pixel)


def _common(polygons: Sequence[Floats], off: Deviation) -> dict[str, Any]:
    """Return what every method tells: size of the mask, deviation, and the count of the literature."""
    grid = _pixels(polygons, _COUNT_PIXEL_NM / 4, _COUNT_PIXEL_NM)
    counted = greedy_rectangles(coverage(polygons, grid) >= 0.5, grid, _COUNT_PIXEL_NM)
    return {
        "mask_nm2": area_nm2(polygons),
        "deviation": asdict(off),
        "contest_shots": {"count": counted.count, "method": counted.method},
    }


def _pixels(polygons: Sequence[Floats], pixel_nm: float, margin_nm: float) -> Grid:
    x0, y0, x1, y1 = _bounds(polygons)
    step = _COUNT_PIXEL_NM if pixel_nm < _COUNT_PIXEL_NM else pixel_nm
    low = np.floor((np.array([x0, y0]) - margin_nm) / step) * step
    nx, ny = (int(n) for n in np.ceil((np.array([x1, y1]) + margin_nm - low) / step) * round(step / pixel_nm))
    if nx * ny > 8192**2:
        raise ValueError(f"`mask` must fit into {8192**2} pixels of {pixel_nm:g} nm, but needs {nx} x {ny}.")
    return Grid((ny, nx), (pixel_nm, pixel_nm), (float(low[0]), float(low[1])))


def _bounds(polygons: Sequence[Floats]) -> tuple[float, float, float, float]:
    low, high = np.min([p.min(0) for p in polygons], 0), np.max([p.max(0) for p in polygons], 0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _box_nm2(polygons: Sequence[Floats]) -> float:
    x0, y0, x1, y1 = _bounds(polygons)
    return (x1 - x0) * (y1 - y0)


def _draw(polygons: Sequence[Floats], shots: Sequence[Floats], path: Path, title: str) -> None:
    """Draw shots over the mask, and in another colour where their union differs from it."""
    from matplotlib.collections import PolyCollection

    from litho.plot_style import label_axes, legend, new_figure, set_title, swatch, write_figure
    from litho.scene import COLORS

    figure = new_figure(8, 8)
    axes = figure.add_subplot()
    set_title(axes, title)
    label_axes(axes, "x / nm", "y / nm")
    union = united(shots)
    axes.add_collection(PolyCollection(list(shots), facecolors="none", edgecolors=COLORS["mask"], linewidths=0.4))
    for part, color in ((subtract(union, polygons), "violation"), (subtract(polygons, union), "band")):
        axes.add_collection(PolyCollection(part, facecolors=COLORS[color], edgecolors="none"))
    axes.add_collection(PolyCollection(list(polygons), facecolors=COLORS["mask"], edgecolors="none", alpha=0.25))
    x0, y0, x1, y1 = _bounds(polygons)
    axes.set(xlim=(x0 - 20, x1 + 20), ylim=(y0 - 20, y1 + 20), aspect="equal")
    legend(axes, [swatch("mask", "mask", 0.25), swatch("violation", "beyond it", 1), swatch("band", "left out", 1)])
    write_figure(figure, path)


def _draw_doses(polygons: Sequence[Floats], doses: DoseMap, path: Path) -> None:
    """Draw the dose of each pixel with the outline of the mask."""
    from matplotlib.collections import PolyCollection

    from litho.plot_style import label_axes, new_figure, set_title, write_figure
    from litho.scene import COLORS

    figure = new_figure(8, 8)
    axes = figure.add_subplot()
    set_title(axes, f"{doses.levels} doses on pixels of {doses.grid.pixel_nm[0]:g} nm")
    label_axes(axes, "x / nm", "y / nm")
    x0, y0, x1, y1 = doses.grid.bounds_nm
    axes.imshow(doses.doses, origin="lower", extent=(x0, x1, y0, y1), cmap="gray_r", interpolation="nearest")
    axes.add_collection(PolyCollection(list(polygons), facecolors="none", edgecolors=COLORS["mask"], linewidths=0.5))
    write_figure(figure, path)


def _show(figures: Mapping[str, Any], out: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from litho.terminal import show_files

    off = figures["deviation"]
    rows = (
        ("pixels with a dose" if figures["method"] == MULTIBEAM else "shots", f"{figures['count']:,}"),
        ("slivers", str(figures.get("slivers", "none"))),
        ("beyond the mask, nm", f"{off['outside_nm']:.1f}"),
        ("left out of the mask, depth in nm", f"{off['inside_nm']:.1f}"),
        ("area that differs, nm²", f"{off['area_nm2']:,.0f}"),
        (f"shots by {figures['contest_shots']['method']}", f"{figures['contest_shots']['count']:,}"),
        ("write time of the stated writer, s", f"{figures['write_time_s']:.4g}"),
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"fractured by {figures['method']}")
    table.add_column("", justify="right")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
    show_files([out])
