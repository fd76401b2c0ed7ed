"""What a worker does with a task of edge-based correction: the twin of `litho.chip.tile_tasks`.

Each tile corrects its field alone, then improves its own fragments among those of its neighbours, then moves back what
breaks rules, and at last draws what all of them found, cut at its core.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import gdstk
import numpy as np
from numpy.typing import NDArray

from litho.backend import single_threaded_blas
from litho.cells import Floats
from litho.chip.edge_tiles import (
    Offset,
    OwnedEdges,
    TileEdges,
    conflicting,
    owned_edges,
    owners,
    target_fragments,
    tile_edges,
)
from litho.chip.executors import Task
from litho.chip.mask_loops import Rectangle, Whole, cut_at, packed_loops, proper
from litho.chip.store import TileStore
from litho.chip.tile_setup import TileSetup, read_setup
from litho.chip.tile_tasks import BORDER, CORRECT, CUT, DRAWN, EMPTY, OUTSIDE, SETTLE, TileWork, turn_beside
from litho.chip.tile_work import one_clip_job
from litho.chip.whole_verify import STORE
from litho.edge_area import AreaLoss, area_loss, improve
from litho.edge_image import EdgeModel, edge_images, edge_model, lost_sites
from litho.edge_masks import corrected_mask
from litho.edge_moves import moved_outlines, moving_edges
from litho.edge_opc import correct_fragments
from litho.edge_placement import TargetSites
from litho.flow import probe_costs
from litho.fragments import Bits
from litho.grid import Grid
from litho.job import Job
from litho.move_limits import kept, snapped
from litho.opc_settings import OpcSettings
from litho.outlines import areas_nm2
from litho.polygons import RESOLUTION
from litho.rule_opc import BiasTable, bias_table
from litho.srafs import brightest

MOVES = "moves"
"""What a task reads: "moves 0 1" is of the tile above."""

STILL_SHARE = 0.25
"""Fragments nearer to the field's border than this share of the halo stay as they are drawn while a tile is alone."""

RIM_NM = 40.0
"""So far beyond its core a tile draws its mask too, to be held against its neighbours'."""


def run_edge_task(task: Task, folder: Path) -> None:
    """Compute the tile of a task and write it into the store of an output folder."""
    folder = Path(folder)
    work = EdgeWork(task.payload, read_setup(folder), TileStore(folder / STORE))
    kind = task.payload["pass"].split()[0]
    with single_threaded_blas():  # sums in one order, whatever number of threads there is
        arrays = {CORRECT: work.correct, BORDER: work.border, SETTLE: work.settle, CUT: work.cut}[kind]()
    TileStore(folder / STORE).put(task.key, arrays, {"pass": task.payload["pass"]})


@lru_cache(maxsize=2)
def _imaging(setup: TileSetup) -> tuple[EdgeModel, BiasTable]:
    """Return the model of all fields, and the table of biases that it makes; each process makes them once."""
    grid, rules = Grid.over((setup.field_nm[1], setup.field_nm[0]), setup.recipe.field.pixel_nm), setup.recipe.opc.rules
    model = edge_model(grid, setup.process, setup.kernels, setup.mask)
    return model, bias_table(model, rules.widths_nm, rules.spaces_nm)


@dataclass(frozen=True, eq=False)
class EdgeWork(TileWork):
    """One task of edge-based correction."""

    def correct(self) -> dict[str, NDArray[Any]]:
        """Return the moves of the tile's fragments, and its bars, as if its field were alone."""
        model, table = _imaging(self.setup)
        target = target_fragments(self._geometry, self.setup, self._plan, self._settings)
        still = replace(target, fixed=target.fixed | self._near_border(target.sites))
        if still.fixed.all():
            return self._edges().owned(self._plan).arrays()
        polygons = self._geometry.polygons_nm()
        settings, probes = self._settings, self._probes
        mask = corrected_mask(
            polygons, model, self._target, settings, probes=probes, table=table, fragments=still, refuse=False
        )
        bars = np.array(mask.bars, np.float64).reshape(-1, 4, 2)
        of = np.concatenate(
            [owners(target.sites.points_nm, self._plan), np.repeat(owners(bars.mean(axis=1), self._plan), 4, axis=0)]
        )
        edges = TileEdges(target, mask.bars, mask.moves_nm, of)
        return edges.without(~self._may_stand(edges.bar_outlines())).owned(self._plan).arrays()

    def border(self) -> dict[str, NDArray[Any]]:
        """Return the moves after a few more steps of the tile's own fragments, all others as their owners have them."""
        edges = self._edges()
        if not edges.own.any():
            return edges.owned(self._plan).arrays()
        # in an order that equal tiles share, wherever they lie: row by row
        edges = self._apart(edges, [3 * dy + dx for dx, dy in edges.bar_owner.tolist()])
        limits = edges.limits(self._settings)
        edges = replace(edges, moves_nm=np.clip(edges.moves_nm, *limits))
        edges = self._kept(replace(edges, moves_nm=self._improved(edges, limits)), limits)
        return edges.without(self._weak(edges)).owned(self._plan).arrays()

    def settle(self) -> dict[str, NDArray[Any]]:
        """Return moves that keep the rules among those of the neighbours, none of which moves at the same time."""
        edges, turn = self._edges(), self.payload["turn"]
        edges = self._apart(edges, [turn_beside(turn, (dx, dy)) for dx, dy in edges.bar_owner.tolist()])
        return self._kept(edges, edges.limits(self._settings)).owned(self._plan).arrays()

    def cut(self) -> dict[str, NDArray[Any]]:
        """Return the polygons in the core, and those in a rim around it."""
        edges, dbu = self._edges(), self.setup.recipe.output.dbu_nm
        corner = np.full(2, self._plan.halo_nm)
        drawn = [loop - corner for loop in moved_outlines(edges.fragments, edges.moves_nm)]
        loops = proper([_rounded(loop, dbu) for loop in drawn])
        (width, height), rim = (round(side / dbu) for side in self._plan.core_nm), round(RIM_NM / dbu)
        core: Rectangle = (0, 0, width, height)
        around: Rectangle = (-rim, -rim, width + rim, height + rim)
        return {**packed_loops(cut_at(loops, core), "mask"), **packed_loops(cut_at(loops, around), "rim")}

    def _improved(self, edges: TileEdges, limits: tuple[Floats, Floats]) -> Floats:
        """Return better moves within limits, by the whole print if the recipe looks at it, else by sites."""
        model, steps = _imaging(self.setup)[0], self.setup.settings.border_steps
        counted = edges.own & (np.arange(len(edges.moves_nm)) < len(edges.target))
        if self._settings.area.steps == 0:
            if not counted.any():
                return edges.moves_nm
            settings = replace(self._settings.edges, steps=min(steps, self._settings.edges.steps))
            free = replace(edges.fragments, fixed=np.zeros(len(edges.fragments), bool))
            return correct_fragments(
                free, model, settings, start_nm=edges.moves_nm, limits_nm=limits, counted=counted
            ).moves_nm
        found = improve(self._loss(edges, steps), edges.moves_nm, limits).moves_nm
        before, after = (self._lost(replace(edges, moves_nm=moves)) for moves in (edges.moves_nm, found))
        return found if after <= before else edges.moves_nm  # a print may get better by losing a shape

    def _loss(self, edges: TileEdges, steps: int) -> AreaLoss:
        settings = replace(self._settings.area, steps=steps)
        return area_loss(edges.fragments, _imaging(self.setup)[0], self._target, settings, self._probes)

    def _lost(self, edges: TileEdges) -> int:
        """Return how many of the tile's own sites have no printed edge in reach."""
        model, count = _imaging(self.setup)[0], len(edges.target)
        own, sites = edges.own[:count], edges.target.sites
        if not own.any():
            return 0
        images = edge_images(edges.moves_nm, moving_edges(edges.fragments), model)
        return lost_sites(TargetSites(sites.points_nm[own], sites.normals[own]), 0, images, model)

    def _kept(self, edges: TileEdges, limits: tuple[Floats, Floats]) -> TileEdges:
        """Return edges whose own moves can be written and keep the rules; own bars that cannot are gone."""
        rules = self._settings.limits
        moves = snapped(edges.moves_nm, edges.fragments, limits, rules)
        found = kept(moves, edges.fragments, limits, rules)
        edges = replace(edges, moves_nm=found.moves_nm)
        reach = rules.min_space_nm
        near = [
            bool(
                ((found.broken_nm > bar.min(axis=0) - reach) & (found.broken_nm < bar.max(axis=0) + reach)).all(1).any()
            )
            for bar in edges.bar_outlines()
        ]
        return edges.without(np.array(near, bool) & (edges.bar_owner == 0).all(axis=1))

    def _weak(self, edges: TileEdges) -> Bits:
        """Return which of the tile's own bars print at some corner, come within the margin of it, or are too small."""
        mine = (edges.bar_owner == 0).all(axis=1)
        if not mine.any():
            return np.zeros(len(edges.bars), bool)
        model, srafs = _imaging(self.setup)[0], self._settings.srafs
        process, drawn = model.process, edges.bar_outlines()
        images = edge_images(edges.moves_nm, moving_edges(edges.fragments), model).images
        at_corners = [images[focus] for focus in process.focus_of_corner]
        peaks = brightest(drawn, at_corners, [corner.dose for corner in process.corners])
        printing = peaks >= (1 - srafs.margin) * process.resist.threshold
        return np.asarray(mine & (printing | (areas_nm2(drawn) < srafs.rules.min_area_nm2)))

    def _edges(self) -> TileEdges:
        """Return all edges of the field, as their owners have them."""
        taken: dict[Offset, OwnedEdges] = {}
        for name, key in self.payload["inputs"].items():
            _, dx, dy = name.split()
            if key not in (OUTSIDE, EMPTY, DRAWN):
                taken[int(dx), int(dy)] = owned_edges(self.store.get(key).arrays)
        target = target_fragments(self._geometry, self.setup, self._plan, self._settings)
        run, limits = self._settings.fragments.run_nm, self._settings.limits
        still = max(limits.inwards_nm, limits.outwards_nm) + run
        return tile_edges(target, taken, self._plan, self.setup.settings.context_nm, run, still)

    def _apart(self, edges: TileEdges, order: list[int]) -> TileEdges:
        """Return edges without the bars that come too near to those of owners who come first."""
        return edges.without(conflicting(edges.bars, order, self._settings.srafs.rules.space_nm))

    def _may_stand(self, bars: list[Floats]) -> Bits:
        """Return which bars lie in the plan, and as near to the target as the mask may have shapes."""
        if not bars:
            return np.zeros(0, bool)
        polygons = [gdstk.Polygon(p.tolist()) for p in self._geometry.polygons_nm()]
        around = gdstk.offset(polygons, self.setup.margin_nm, "round", 64, RESOLUTION)
        x0, y0, x1, y1 = self._box
        free = gdstk.boolean(around, gdstk.rectangle((x0, y0), (x1, y1)), "and", RESOLUTION)
        beyond = [gdstk.boolean(gdstk.Polygon(bar.tolist()), free, "not", RESOLUTION) for bar in bars]
        return np.array([not parts for parts in beyond])

    def _near_border(self, sites: TargetSites) -> Bits:
        near, size = STILL_SHARE * self._plan.halo_nm, np.array(self.setup.field_nm)
        return np.asarray(((sites.points_nm < near) | (sites.points_nm > size - near)).any(axis=1))

    @cached_property
    def _settings(self) -> OpcSettings:
        return self.setup.recipe.opc.bound_by(self.setup.recipe.rules)

    @cached_property
    def _job(self) -> Job:
        return one_clip_job(self._geometry, self.setup)

    @cached_property
    def _target(self) -> Floats:
        return np.asarray(self._job.clips[0].coverage(), np.float64)

    @cached_property
    def _probes(self) -> Floats | None:
        if self._settings.area.weights.epe == 0:
            return None
        return np.asarray(probe_costs(self._target >= 0.5, self._job), np.float64)


def _rounded(loop: Floats, dbu_nm: float) -> Whole:
    """Return vertices in whole units, halves upwards: the same after a shift by whole units."""
    return np.floor(loop / dbu_nm + 0.5 + 1e-6).astype(np.int64)
