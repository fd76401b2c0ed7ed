"""What a mask prints over a whole layout: outlines at every process corner, tile by tile, as one file.

    figures = simulate_chip("mask.oas", load_recipe("chip"), "printed", local_processes(2))

Each tile is imaged with its surroundings and answers for its core; equal tiles are imaged once. The prints of two tiles
meet at their seam to within what lies beyond the halo. Of every tile it is known how much each corner prints, and how
large the process-variation band is.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import tomli_w
from numpy.typing import NDArray

from litho.cells import Floats, Layer
from litho.chip.chip_job import ChipChoice, ChipJob, prepare_chip, setup_of
from litho.chip.chip_result import COMPUTED, EMPTY, SET_ASIDE
from litho.chip.executors import Executor, Task, serial
from litho.chip.keys import code_version, content_digest, tile_key
from litho.chip.manifest import compute
from litho.chip.mask_loops import as_floats, cut_at, packed_loops, unpacked_loops, whole_loops
from litho.chip.progress import ChipProgress, PassSize
from litho.chip.run import MadeWhenAsked, begun_run
from litho.chip.run_figures import RunLog, layout_name
from litho.chip.store import DamagedTile, TileStore
from litho.chip.tile_cells import TileCell, write_cells
from litho.chip.tile_setup import TileSetup, read_setup
from litho.chip.tiles import Tile, TilePlan
from litho.chip.whole_mask import joined_over_seams
from litho.chip.whole_verify import STORE, Drawn, packed, unpacked
from litho.chip.window_check import pixel_of, window_corners
from litho.config import Recipe
from litho.contour import contours, simplify
from litho.info import environment
from litho.io.atomic import atomic_path
from litho.job import Job
from litho.layer_properties import LayerStyle, write_layer_properties
from litho.outputs import FIRST_PRINT_LAYER, LAST
from litho.polygons import Box
from litho.printability import band_between
from litho.raster import polygon_area_nm2
from litho.scene import COLORS

PASS = "print"
PRINTS_FILE = "prints.oas"

SAMPLES_NM = 2.0
"""Largest distance of the samples that outlines are taken from."""


@dataclass(frozen=True, eq=False)
class PrintNumbers:
    """What the tiles print, (rows, columns) each; NaN where a tile was set aside.

    Parameters
    ----------
    printed_um2 : (corners, rows, columns)
        area that every corner prints in a tile's core
    band_um2
        area that some but not all corners print, the nominal one left out; NaN everywhere if fewer than two are left
    origin
        `COMPUTED`, `EMPTY` or `SET_ASIDE`, see `litho.chip.chip_result`
    """

    printed_um2: Floats
    band_um2: Floats
    origin: NDArray[np.uint8]

    @classmethod
    def of_nothing(cls, tiles: TilePlan, corners: int) -> PrintNumbers:
        """Return the numbers of tiles that print nothing, to be filled in."""
        shape = tiles.counts[::-1]
        band = np.full(shape, 0.0 if corners > 2 else math.nan)
        return cls(np.zeros((corners, *shape)), band, np.full(shape, EMPTY, np.uint8))

    def figures(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the sums over all tiles."""
        areas = np.nansum(self.printed_um2, axis=(1, 2))
        banded = np.isfinite(self.band_um2).any()
        return {
            "printed_um2": {label: round(float(a), 6) for label, a in zip(labels, areas, strict=True)},
            "pv_band_um2": round(float(np.nansum(self.band_um2)), 6) if banded else None,
        }


@dataclass(frozen=True, eq=False)
class PrintPass:
    """The tiles of a mask and their tasks.

    Parameters
    ----------
    tiles
        where they lie
    mask
        that is imaged
    setup
        recipe and kernels
    """

    tiles: TilePlan
    mask: Drawn
    setup: TileSetup

    @cached_property
    def keys(self) -> dict[tuple[int, int], str]:
        """Key of each tile whose field holds anything, by column and row."""
        found = ((tile, self._task(tile)) for tile in self.tiles.tiles())
        return {(tile.column, tile.row): task.key for tile, task in found if task is not None}

    def distinct(self) -> Iterator[Task]:
        """Yield one task for each key."""
        for place in {key: place for place, key in reversed(self.keys.items())}.values():
            task = self._task(self.tiles.tile(*place))
            assert task is not None
            yield task

    def polygons_nm(self, store: TileStore, key: str) -> list[list[Floats]]:
        """Return what a tile prints in its core at every corner, nm from the core's corner."""
        arrays, dbu = store.get(key).arrays, self.setup.recipe.output.dbu_nm
        return [as_floats(unpacked_loops(arrays, f"print{k}"), dbu) for k in range(len(self.setup.process.corners))]

    def band_nm2(self, store: TileStore, key: str) -> float:
        """Return the area of the band in a tile's core; NaN if there are not two corners beside the nominal one."""
        band = store.get(key).info["band_nm2"]
        return math.nan if band is None else float(band)

    def groups(self) -> dict[str, NDArray[np.int64]]:
        """Return the places (m, 2), column and row, of the tiles of each key."""
        found: dict[str, list[tuple[int, int]]] = {}
        for place, key in self.keys.items():
            found.setdefault(key, []).append(place)
        return {key: np.array(places, np.int64) for key, places in found.items()}

    def _task(self, tile: Tile) -> Task | None:
        mask = self.mask.geometry(tile.field_nm)
        if not mask.rings and self.setup.recipe.mask.printed_tone == "bright":
            return None
        chosen = {"recipe": self.setup.recipe.as_dict(), "halo_nm": self.tiles.halo_nm}
        key = tile_key(mask, chosen, self._optics, code_version(), PASS)
        return Task(key, f"{tile.name} {PASS}", {"mask": packed(mask), "halo_nm": self.tiles.halo_nm})

    @cached_property
    def _optics(self) -> str:
        return content_digest(self.setup.kernels)


def print_task(task: Task, folder: Path) -> None:
    """Image one tile and write the outlines of its prints, in whole database units from its core's corner."""
    setup, halo = read_setup(folder), float(task.payload["halo_nm"])
    width, height = setup.field_nm
    grid = Tile(0, 0, (0, 0, 1, 1), (0.0, 0.0, width, height)).grid(pixel_of((width, height), SAMPLES_NM))
    job = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    dbu, tolerance = setup.recipe.output.dbu_nm, setup.recipe.output.contour_tolerance_nm
    box = (0, 0, round((width - 2 * halo) / dbu), round((height - 2 * halo) / dbu))
    arrays: dict[str, NDArray[Any]] = {}
    drawn: list[list[Floats]] = []
    for number, corner in enumerate(window_corners(unpacked(task.payload["mask"]).polygons_nm(), grid, job)):
        sign = 1.0 if corner.tone == "bright" else -1.0
        assert corner.samples is not None
        found = contours(sign * corner.samples, grid, sign * corner.threshold)
        rings = [simplify(ring, tolerance) - halo for ring in found]
        arrays |= packed_loops(cut_at(whole_loops(rings, dbu), box), f"print{number}")
        drawn.append(as_floats(unpacked_loops(arrays, f"print{number}"), dbu))
    band = sum(abs(polygon_area_nm2(polygon)) for polygon in band_between(drawn[1:])) if len(drawn) > 2 else None
    TileStore(folder / STORE).put(task.key, arrays, {"pass": PASS, "band_nm2": band})


def simulate_chip(
    mask: str | os.PathLike[str],
    recipe: Recipe,
    out: str | os.PathLike[str],
    executor: Executor | None = None,
    *,
    resume: bool = False,
    progress: ChipProgress | None = None,
    **choice: Unpack[ChipChoice],
) -> dict[str, Any]:
    """Image a mask over a whole layout, and write what it prints into a folder.

    Parameters
    ----------
    mask
        GDS or OASIS file
    recipe
        with optics and process corners
    out
        folder of the results
    executor
        who computes; one tile after the other in this process if not given
    resume, progress
        see `litho.chip.run.correct_chip`
    choice
        of the mask, see `litho.chip.chip_job.ChipChoice`

    Returns
    -------
    figures
        what `metrics.json` holds
    """
    executor = serial() if executor is None else executor
    job = prepare_chip(mask, recipe, out, workers=executor.workers, correct=False, **choice)
    return run_simulation(job, executor, resume=resume, progress=progress)


def run_simulation(
    job: ChipJob, executor: Executor, *, resume: bool = False, progress: ChipProgress | None = None
) -> dict[str, Any]:
    """Image what was planned, and write the folder; see `simulate_chip`."""
    begin, log = time.monotonic(), RunLog(progress)
    with begun_run(job, executor, resume, doing=PASS) as manifest:
        passes, store = PrintPass(job.plan.tiles, job.source, setup_of(job, resume)), TileStore(job.out / STORE)
        size = PassSize(PASS, len(set(passes.keys.values())), len(passes.keys))
        log.plan([size])
        log.begin(size)
        work = partial(print_task, folder=job.out)
        for outcome in compute(PASS, work, MadeWhenAsked(size.tasks, passes.distinct), executor, store, manifest):
            log.count(PASS, outcome)
        count, numbers = write_prints(passes, store, job.out / PRINTS_FILE)
        log.say("drawing")
        detail = _drawn(passes, store, numbers, job.out)
        told = {
            "layout": layout_name(job.plan.layout),
            "plan": job.plan.figures(),
            "print_polygons": count,
            **numbers.figures(job.recipe.process.labels()),
            "detail_nm": list(detail),
            "set_aside": [f"{failure.name}: {failure.error}" for failure in manifest.failures()],
            "seconds": round(time.monotonic() - begin, 3),
            "workers": executor.workers,
            "passes": log.passes,
            **environment(job.device),
        }
        _write_rest(job, told)
    return told


def write_prints(passes: PrintPass, store: TileStore, path: Path) -> tuple[int, PrintNumbers]:
    """Write the outlines of all tiles as OASIS, one layer for each corner; return their count, and numbers of tiles."""
    plan, dbu = passes.tiles, passes.setup.recipe.output.dbu_nm
    corners = len(passes.setup.process.corners)
    cells: list[TileCell] = []
    loose: dict[Layer, list[Floats]] = {(FIRST_PRINT_LAYER + k, 0): [] for k in range(corners)}
    numbers = PrintNumbers.of_nothing(plan, corners)
    for number, (key, places) in enumerate(passes.groups().items()):
        columns, rows = places.T
        try:
            printed, band = passes.polygons_nm(store, key), passes.band_nm2(store, key)
        except DamagedTile:  # set aside, and told as such
            numbers.printed_um2[:, rows, columns], numbers.band_um2[rows, columns] = math.nan, math.nan
            numbers.origin[rows, columns] = SET_ASIDE
            continue
        numbers.origin[rows, columns], numbers.band_um2[rows, columns] = COMPUTED, band / 1e6
        for k, (layer, polygons) in enumerate(zip(loose, printed, strict=True)):
            numbers.printed_um2[k, rows, columns] = sum(polygon_area_nm2(p) for p in polygons) / 1e6
            if len(places) > 1:
                cells.append(TileCell(f"print_{k}_{number}", polygons, plan.origin_nm, plan.core_nm, places, layer))
            else:
                loose[layer] += [p + plan.tile(columns[0], rows[0]).core_nm[:2] for p in polygons]
    joined = {layer: joined_over_seams(found, plan.origin_nm, plan.core_nm, dbu) for layer, found in loose.items()}
    return write_cells(path, cells, joined, dbu), numbers


def _drawn(passes: PrintPass, store: TileStore, numbers: PrintNumbers, folder: Path) -> Box:
    """Write the pictures, and return which part of the chip is shown enlarged."""
    from litho.chip.print_pictures import write_print_pictures  # matplotlib is slow to import

    return write_print_pictures(passes, store, numbers, folder)


def _write_rest(job: ChipJob, told: dict[str, Any]) -> None:
    """Write the recipe, colours for KLayout, and the figures last."""
    styles = [LayerStyle(job.plan.layer, "mask", COLORS["mask"], "dots")]
    styles += [
        LayerStyle((FIRST_PRINT_LAYER + k, 0), f"print at {label}", COLORS["band" if k else "print"], width=2 - (k > 0))
        for k, label in enumerate(job.recipe.process.labels())
        if (FIRST_PRINT_LAYER + k, 0) != job.plan.layer
    ]
    write_layer_properties(styles, job.out / "prints.lyp")
    for name, text in (
        ("recipe.toml", tomli_w.dumps(job.recipe.as_dict())),
        (LAST, json.dumps(told, indent=2, allow_nan=False) + "\n"),
    ):
        with atomic_path(job.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
