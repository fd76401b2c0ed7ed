"""What a worker does with a task of a correction: read files, compute one tile, write a file.

A task knows no places, only what lies around the tile: all lengths count from its field's or its core's corner. Tasks
that find levels may be a mirror image of the tile: neighbours, targets and boxes then come mirrored too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from litho.backend import single_threaded_blas
from litho.chip.blend import BlendShape, blended
from litho.chip.border import improved_level
from litho.chip.executors import Task
from litho.chip.keys import TileGeometry
from litho.chip.mask_loops import Whole, packed_loops, unpacked_loops
from litho.chip.mask_patches import Patch
from litho.chip.orientation import evened, read_name
from litho.chip.store import TileStore
from litho.chip.symmetry import Symmetry
from litho.chip.task_groups import batches_of
from litho.chip.tile_finish import Mended, mended, tile_polygons
from litho.chip.tile_outlines import outlined
from litho.chip.tile_setup import TileSetup, read_setup
from litho.chip.tile_work import corrected_level, corrected_levels, kept_part, start_level, tile_problem, together
from litho.chip.tiles import TilePlan
from litho.chip.whole_verify import STORE, unpacked
from litho.polygons import Box

CORRECT, BORDER, MEND, SETTLE, CUT = "correct", "border", "mend", "settle", "cut"
"""Kinds of passes."""

BATCHED = (CORRECT, BORDER)
"""Those that compute several fields at once, where they are given groups."""

MENDED, SETTLED = "mended", "settled"
"""What a task reads of those two passes."""

OUTSIDE, EMPTY, DRAWN = "outside", "empty", "drawn"
"""What may be around a tile in place of a result: nothing, for the plan ends; no target; a tile that was set aside."""

Taken: TypeAlias = dict[tuple[int, tuple[int, int]], Patch]


def run_task(task: Task, folder: Path) -> None:
    """Compute the tile of a task, or those of a group, and write each into the store of an output folder."""
    folder = Path(folder)
    setup, store = read_setup(folder), TileStore(folder / STORE)
    for tasks in batches_of(task):
        works = [TileWork(one.payload, setup, store) for one in tasks]
        with single_threaded_blas():  # sums in one order, whatever number of threads there is
            found = levels_at_once(works) if len(works) > 1 else [arrays_of(works[0])]
        for one, arrays in zip(tasks, found, strict=True):
            store.put(one.key, arrays, {"pass": one.payload["pass"]})


def arrays_of(work: TileWork) -> dict[str, NDArray[Any]]:
    """Return what is written for one tile."""
    does = {CORRECT: work.correct, BORDER: work.border, MEND: work.mend, SETTLE: work.settle, CUT: work.cut}
    return does[work.payload["pass"].split()[0]]()


def levels_at_once(works: Sequence[TileWork]) -> list[dict[str, NDArray[Any]]]:
    """Return what `correct` or `border` of each tile returns, to the last bit, from one batch of all their fields."""
    setup, plan, device = works[0].setup, works[0]._plan, works[0].payload["device"]
    fields = together([tile_problem(work._geometry, work._box, setup, device) for work in works])
    if works[0].payload["pass"] == CORRECT:
        levels = corrected_levels(fields, setup)
    else:
        levels = improved_level(np.stack([w._blend(plan.halo_nm) for w in works]), fields, setup, plan, device)
    return [{"level": work._evened(level)} for work, level in zip(works, levels, strict=True)]


@dataclass(frozen=True, eq=False)
class TileWork:
    """One task: what it was given, what all tiles share, and where results are."""

    payload: Mapping[str, Any]
    setup: TileSetup
    store: TileStore

    def correct(self) -> dict[str, NDArray[Any]]:
        """Return the level of the field optimised for itself, on core and overlap."""
        level = corrected_level(self._geometry, self._box, self.setup, self.payload["device"])
        return {"level": self._evened(level)}

    def border(self) -> dict[str, NDArray[Any]]:
        """Return the level after more steps from the blend of all levels, on core and overlap."""
        device, plan, setup = self.payload["device"], self._plan, self.setup
        problem = tile_problem(self._geometry, self._box, setup, device)
        level = improved_level(self._blend(plan.halo_nm), problem, setup, plan, device)
        return {"level": self._evened(level)}

    def _evened(self, level: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the part of a field's level that is kept; of a tile that is its own mirror image, as symmetric."""
        group = [Symmetry.named(word) for word in self.payload["symmetries"]]
        return evened(kept_part(level, self._plan, self.setup.pixel_nm), group)

    def mend(self) -> dict[str, NDArray[Any]]:
        """Return the outlines of the blend around the core, and what was changed in them to keep the rules."""
        context = self.setup.settings.context_nm
        loops = outlined(self._blend(context + 2 * self.setup.pixel_nm), self.setup, context)
        taken = self._taken(MENDED, context)
        return _arrays_of(self._mended(loops, _in_turns(taken), taken))

    def settle(self) -> dict[str, NDArray[Any]]:
        """Return what is changed where rules are broken yet, in the cores of neighbours too."""
        context = self.setup.settings.context_nm
        before, taken = self._taken(MENDED, context), self._taken(SETTLED, context)
        found = self._mended(self._own.loops, [*_in_turns(before), *_in_turns(taken)], taken)
        return _arrays_of(Mended((), found.patch))

    def cut(self) -> dict[str, NDArray[Any]]:
        """Return the polygons in the core."""
        patches = [patch for kind in (MENDED, SETTLED) for patch in _in_turns(self._taken(kind, 0.0))]
        return packed_loops(tile_polygons(self._own, patches, self.setup, self._plan), "mask")

    def _mended(self, loops: Sequence[Whole], patches: Sequence[Patch], passed: Taken) -> Mended:
        """Return what is changed in outlines with patches, but for the cores of those whose turn has passed."""
        targets = [p - self._plan.halo_nm for p in self._geometry.polygons_nm()]
        closed = [self._core_at(offset) for _, offset in sorted(passed)]
        return mended(loops, patches, targets, closed, self.setup, self._plan)

    @property
    def _own(self) -> Mended:
        return _mended_of(self.store.get(self.payload["inputs"][f"{MENDED} 0 0"]).arrays)

    def _taken(self, which: str, around_nm: float) -> Taken:
        """Return the patches of this tile and its neighbours that reach so near to the core, in order and by offset."""
        found = {}
        dbu, (width, height) = self.setup.recipe.output.dbu_nm, self._plan.core_nm
        low, high = -around_nm, (width + around_nm, height + around_nm)
        seen = (math.floor(low / dbu), math.floor(low / dbu), math.ceil(high[0] / dbu), math.ceil(high[1] / dbu))
        for name, key in self.payload["inputs"].items():
            kind, *numbers = name.split()
            if kind == which and key not in (OUTSIDE, EMPTY, DRAWN):
                dx, dy = map(int, numbers)
                by = dx * round(width / dbu), dy * round(height / dbu)
                turn = turn_beside(self.payload["turn"], (dx, dy))
                own = _mended_of(self.store.get(key).arrays)
                found[turn if which == MENDED else -turn, (dx, dy)] = own.patch.shifted(by).near(seen)
        return found

    def _blend(self, margin_nm: float) -> NDArray[np.float32]:
        """Return the level of the chip on the core and around it."""
        plan, pixel = self._plan, self.setup.pixel_nm
        shape = BlendShape(
            (round(plan.core_nm[1] / pixel), round(plan.core_nm[0] / pixel)), round(plan.overlap_nm / pixel)
        )
        levels: dict[tuple[int, int], NDArray[np.float32] | None] = {}
        for name, key in self.payload["inputs"].items():
            kind, *numbers = name.split()
            if kind == "level" and key != OUTSIDE:
                dx, dy = map(int, numbers)
                levels[dx, dy] = self._level(key, (dx, dy), shape)
        return blended(levels, shape, round(margin_nm / pixel), self.setup.background)

    def _level(self, key: str, offset: tuple[int, int], shape: BlendShape) -> NDArray[np.float32]:
        """Return the level of a neighbour, or of the tile itself, on its core and overlap."""
        if key == EMPTY:
            return np.full(shape.kept, self.setup.background, np.float32)
        if key == DRAWN:
            return self._drawn(offset, shape)
        file, turn = read_name(key)
        return np.asarray(turn.of_array(self.store.get(file).arrays["level"]), dtype=np.float32)

    def _drawn(self, offset: tuple[int, int], shape: BlendShape) -> NDArray[np.float32]:
        """Return the level of a neighbour whose mask is its target, as far as this tile's field shows it."""
        problem = tile_problem(self._geometry, self._box, self.setup)
        field, halo = start_level(problem, self.setup), round(self._plan.halo_nm / self.setup.pixel_nm)
        result = np.full(shape.kept, self.setup.background, np.float32)
        here, there = [], []
        for side, step, n, total in zip(offset[::-1], shape.core, shape.kept, field.shape, strict=True):
            start = halo + side * step - shape.overlap  # of the neighbour's level in this field
            low, high = max(start, 0), min(start + n, total)
            here.append(slice(low, high))
            there.append(slice(low - start, high - start))
        result[tuple(there)] = field[tuple(here)]
        return result

    def _core_at(self, offset: tuple[int, int]) -> Box:
        (width, height), (dx, dy) = self._plan.core_nm, offset
        return dx * width, dy * height, (dx + 1) * width, (dy + 1) * height

    @cached_property
    def _geometry(self) -> TileGeometry:
        return unpacked(self.payload["geometry"])

    @property
    def _box(self) -> Box:
        x0, y0, x1, y1 = self.payload["box_nm"]
        return x0, y0, x1, y1

    @cached_property
    def _plan(self) -> TilePlan:
        """Return a plan of this tile alone: it has the lengths of all."""
        p, halo = self.payload, float(self.payload["halo_nm"])
        width, height = p["core_nm"]
        return TilePlan((0.0, 0.0, width, height), (width, height), halo, p["overlap_nm"], (0.0, 0.0), (1, 1))


def turn_beside(turn: int, offset: tuple[int, int]) -> int:
    """Return the turn of a neighbour."""
    return (turn % 2 + offset[0]) % 2 + 2 * ((turn // 2 + offset[1]) % 2)


def _in_turns(taken: Mapping[tuple[int, tuple[int, int]], Patch]) -> list[Patch]:
    return [patch for _, patch in sorted(taken.items(), key=lambda item: item[0])]


def _arrays_of(found: Mended) -> dict[str, NDArray[Any]]:
    """Return outlines and patch as arrays of a tile file."""
    return {
        **packed_loops(found.loops, "outline"),
        **packed_loops(found.patch.region, "region"),
        **packed_loops(found.patch.content, "content"),
    }


def _mended_of(arrays: Mapping[str, NDArray[Any]]) -> Mended:
    """Return the outlines and the patch of `_arrays_of`."""
    outline, region, content = (tuple(unpacked_loops(arrays, name)) for name in ("outline", "region", "content"))
    return Mended(outline, Patch(region, content))
