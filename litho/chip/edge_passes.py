"""The passes of edge-based correction: the twin of `litho.chip.passes`, with moves of fragments in place of levels.

A tile's result names the moves of its own fragments and its own bars; every later pass takes all others from their
owners. In the border passes all tiles move at once, in the turns that follow no two neighbours do, and what a turn
leaves keeps the mask's rules. A fragment whose owner was set aside does not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import gdstk
import numpy as np

from litho.cells import Floats
from litho.chip.edge_plan import check_edge_lengths
from litho.chip.edge_tasks import MOVES, RIM_NM, run_edge_task
from litho.chip.mask_loops import as_floats, unpacked_loops
from litho.chip.orientation import Orientation
from litho.chip.passes import TURNS, ChipCorrection, Place
from litho.chip.seam_steps import Sides
from litho.chip.store import TileStore
from litho.chip.symmetry import IDENTITY, Symmetry
from litho.chip.tile_finish import turn_of
from litho.chip.tile_tasks import BORDER, CORRECT, CUT, OUTSIDE, SETTLE
from litho.polygons import RESOLUTION, Box

__all__ = ["EdgeCorrection", "run_edge_task"]


@dataclass(frozen=True, eq=False)
class EdgeCorrection(ChipCorrection):
    """All passes over the tiles of a chip whose edges are moved; arguments as of `ChipCorrection`."""

    @cached_property
    def passes(self) -> tuple[str, ...]:
        """Names of the passes, in order; each begins when the one before it has ended."""
        borders = [f"{BORDER} {n + 1}" for n in range(self.setup.settings.border_passes)]
        return CORRECT, *borders, *(f"{SETTLE} {n + 1}" for n in range(TURNS)), CUT

    def largest_step_nm(self, store: TileStore, sides: Mapping[Place, Sides]) -> float | None:
        """Return by how much what a tile draws beyond a seam differs from what its neighbour has there.

        Edges of this mask may lie on a seam, or turn there, without any step.
        """
        if self.tiles.count == 1:
            return None
        largest, done = 0.0, dict[tuple[str | None, ...], float]()
        for place in self.keys(CUT):
            for step in ((1, 0), (0, 1), (-1, 0), (0, -1)):
                beside = place[0] + step[0], place[1] + step[1]
                if self._state(beside) == OUTSIDE or self.final_key(self._tile(place)) is None:
                    continue
                key = self.final_key(self._tile(place)), self.final_key(self._tile(beside)), repr(step)
                if key[1] is None or key not in done:  # what is drawn in place of a tile may differ from place to place
                    done[key] = self._step_nm(store, place, step)
                largest = max(largest, done[key])
        return largest

    def _step_nm(self, store: TileStore, place: Place, step: Place) -> float:
        """Return how far apart the masks of two neighbours are in the rim of one of them."""
        dbu, (width, height) = self.setup.recipe.output.dbu_nm, self.tiles.core_nm
        key = self.final_key(self._tile(place))
        assert key is not None
        drawn = as_floats(unpacked_loops(store.get(key).arrays, "rim"), dbu)
        there = np.array([step[0] * width, step[1] * height])
        beside = self.polygons_nm(store, self._tile((place[0] + step[0], place[1] + step[1])))
        x, y = (width, 0.0) if step[0] else (0.0, height)
        low = np.array([x, y]) if sum(step) > 0 else -RIM_NM * np.abs(step)
        high = low + np.where(np.array(step) != 0, RIM_NM, (width, height))
        rim: Box = (*low.tolist(), *high.tolist())
        return _largest_difference_nm(drawn, [p + there for p in beside], rim)

    def _check_lengths(self) -> None:
        plan, setup = self.tiles, self.setup
        if not plan.halo_nm <= min(plan.core_nm):
            raise ValueError(
                f"`tiles` must have cores at least as large as the halo ({plan.halo_nm:g} nm), not {plan.core_nm}."
            )
        check_edge_lengths(setup.recipe, setup.settings, plan.halo_nm, setup.unit_nm)

    def _computed(self, doing: str) -> list[Place]:
        places = [p for p in self._digests if self._state(p) == ""]
        if doing.startswith(SETTLE):
            return [p for p in places if turn_of(self._tile(p)) == self._turn(doing)]
        return places

    def _turn(self, doing: str) -> int:
        return int(doing.split()[1]) - 1

    def _oriented(self, doing: str, places: Sequence[Place]) -> dict[Place, Orientation]:
        return {place: Orientation() for place in places}

    def _inputs(self, doing: str, place: Place, turn: Symmetry = IDENTITY) -> dict[str, str]:
        if doing == CORRECT:
            return {}
        stop = self.passes.index(doing)
        around = {(dx, dy): (place[0] + dx, place[1] + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
        return {f"{MOVES} {dx} {dy}": self._newest(p, stop) for (dx, dy), p in around.items()}

    def _newest(self, place: Place, stop: int) -> str:
        """Return the key of a tile's newest moves before a pass, or what is there instead."""
        if (state := self._state(place)) != "":
            return state
        for name in reversed(self.passes[:stop]):
            key = self._keys[name].get(place)
            if key is not None and key not in self._lost:
                return key
        raise AssertionError(f"no pass before {self.passes[stop]} has moves of {place}")


def _largest_difference_nm(first: list[Floats], second: list[Floats], box: Box) -> float:
    """Return the smaller side of the largest part of a box that one of two masks covers alone."""
    frame = gdstk.rectangle(box[:2], box[2:])
    a, b = (
        gdstk.boolean([gdstk.Polygon(p.tolist()) for p in polygons], frame, "and", RESOLUTION)
        for polygons in (first, second)
    )
    sides = [np.ptp(np.array(p.bounding_box()), axis=0).min() for p in gdstk.boolean(a, b, "xor", RESOLUTION)]
    return float(max(sides, default=0.0))
