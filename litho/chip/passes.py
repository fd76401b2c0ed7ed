"""The passes of a correction: which tasks there are, and which files each of them reads.

    chip = ChipCorrection(tiles, target, setup)
    for doing in chip.passes:
        for outcome in executor.run(partial(run_task, folder=folder), chip.tasks(doing)):
            if outcome.error is not None:
                chip.set_aside(outcome.key)
    chip.polygons_nm(store, tile)

A key is made of all that a result depends on, the keys of the files that its task reads included, so that no pass but
the first knows where a tile lies. A tile that is set aside is drawn as its target for all that come after it.

Levels are found once for all tiles that are mirror images of each other, if light allows it: see
`litho.chip.orientation`. Outlines are not: two tiles have the same outline over their seam because both do the same
steps with the same numbers, which a mirror image would round another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.executors import Task
from litho.chip.keys import TileGeometry, code_version, content_digest, tile_key
from litho.chip.mask_loops import as_floats, cut_at, unpacked_loops, whole_loops
from litho.chip.orientation import Offset, Orientation, TurnedResult, alike_all_ways, names_after, oriented
from litho.chip.seam_steps import Sides, largest_step_nm
from litho.chip.store import TileStore
from litho.chip.symmetry import IDENTITY, Symmetry
from litho.chip.tile_finish import turn_of
from litho.chip.tile_setup import TileSetup
from litho.chip.tile_tasks import (
    BORDER,
    CORRECT,
    CUT,
    DRAWN,
    EMPTY,
    MEND,
    MENDED,
    OUTSIDE,
    SETTLE,
    SETTLED,
    run_task,
)
from litho.chip.tile_work import box_of_plan, is_empty
from litho.chip.tiles import Tile, TilePlan
from litho.chip.whole_verify import Drawn, packed

__all__ = ["ChipCorrection", "run_task"]

TURNS = 4
"""How many turns the rules are mended in, and how many settle what is left: no two neighbours have the same."""

Place = tuple[int, int]
"""column and row of a tile"""


@dataclass(frozen=True, eq=False)
class ChipCorrection:
    """All passes over the tiles of a chip.

    Parameters
    ----------
    tiles
        where they lie
    target
        what should print
    setup
        what all tiles share; its kernels are of the tiles' field
    device
        "cpu" or "gpu"
    """

    tiles: TilePlan
    target: Drawn
    setup: TileSetup
    device: str = "cpu"
    _keys: dict[str, dict[Place, str]] = field(default_factory=dict, init=False, repr=False)
    _lost: set[str] = field(default_factory=set, init=False, repr=False)
    _orientations: dict[str, dict[Place, Orientation]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.tiles.field_nm != self.setup.field_nm:
            raise ValueError(
                f"`setup` must have kernels of the field {self.tiles.field_nm} nm, not {self.setup.field_nm}."
            )
        self._check_lengths()

    def _check_lengths(self) -> None:
        """Refuse a plan whose tiles do not know enough of each other."""
        plan, context = self.tiles, self.setup.settings.context_nm
        most = min(plan.core_nm) - plan.overlap_nm - 2 * self.setup.pixel_nm
        if not max(plan.halo_nm, context) <= most:
            raise ValueError(
                f"`tiles` must have cores so large that halo ({plan.halo_nm:g} nm) and context ({context:g} nm) lie in "
                f"the next tiles, within {most:g} nm."
            )

    @cached_property
    def passes(self) -> tuple[str, ...]:
        """Names of the passes, in order; each begins when the one before it has ended."""
        borders = [f"{BORDER} {n + 1}" for n in range(self.setup.settings.border_passes)]
        turns = [f"{kind} {n + 1}" for kind in (MEND, SETTLE) for n in range(TURNS)]
        return CORRECT, *borders, *turns, CUT

    def keys(self, doing: str) -> dict[Place, str]:
        """Return the key of each tile that a pass computes; all passes before must have ended."""
        if doing not in self._keys:
            before = self.passes[: self.passes.index(doing)]
            for name in before:
                self.keys(name)
            places = self._computed(doing)
            if doing.split()[0] in (CORRECT, BORDER):
                self._orientations[doing] = self._oriented(doing, places)
            self._keys[doing] = {place: self._key(doing, place) for place in places}
        return self._keys[doing]

    def tasks(self, doing: str) -> Iterator[Task]:
        """Yield one task for each key of a pass, for the first tile that has it."""
        seen = set()
        for place, key in self.keys(doing).items():
            if key not in seen and key not in self._lost:
                seen.add(key)
                yield self._task(doing, place, key)

    def result(self, doing: str, place: Place) -> TurnedResult:
        """Return what a pass leaves of a tile, as it lies there."""
        key = self.keys(doing)[place]
        return self._orientation(doing, place).result(key)

    def level(self, store: TileStore, doing: str, place: Place) -> NDArray[np.float32]:
        """Return the level that a pass found for a tile, on its core and overlap, as it lies there: (ny, nx)."""
        found = self.result(doing, place)
        return np.asarray(found.turn.of_array(store.get(found.key).arrays["level"]), dtype=np.float32)

    def set_aside(self, key: str) -> None:
        """Do without the result of a task: tiles that have it are drawn as their target."""
        self._lost.add(key)

    def places(self, key: str) -> list[Place]:
        """Return columns and rows of the tiles that a key stands for."""
        return [place for keys in self._keys.values() for place, held in keys.items() if held == key]

    def lost_places(self) -> set[Place]:
        """Return columns and rows of the tiles that are drawn as their target in whole or in part."""
        return {place for keys in self._keys.values() for place, key in keys.items() if key in self._lost}

    def polygons_nm(self, store: TileStore, tile: Tile) -> list[Floats]:
        """Return the mask in a tile's core, nm from the core's lower left corner, holes joined by cuts.

        Tiles with equal keys of the last pass have equal polygons; see `final_key`.
        """
        dbu, key = self.setup.recipe.output.dbu_nm, self.final_key(tile)
        if key is not None:
            return as_floats(unpacked_loops(store.get(key).arrays, "mask"), dbu)
        width, height = self.tiles.core_nm
        loops = whole_loops(self.target.geometry(tile.core_nm).outlines_nm(), dbu)
        return as_floats(cut_at(loops, (0, 0, round(width / dbu), round(height / dbu))), dbu)

    def largest_step_nm(self, store: TileStore, sides: Mapping[Place, Sides]) -> float | None:
        """Return the largest step of an outline where two tiles meet; `sides` of all tiles with polygons."""
        return largest_step_nm(sides, self.tiles.counts)

    def final_key(self, tile: Tile) -> str | None:
        """Return the key of the file with a tile's polygons; None where the mask is the target as drawn, or empty."""
        key = self.keys(CUT).get((tile.column, tile.row))
        return None if key is None or key in self._lost else key

    @cached_property
    def _digests(self) -> dict[Place, dict[Symmetry, str]]:
        """Hash of the target of each tile that is not empty, as it lies and after every allowed map."""
        found, known = {}, dict[str, dict[Symmetry, str]]()
        for tile in self.tiles.tiles():
            geometry = self._geometry(tile)
            if not is_empty(geometry, self.tiles, self.setup.margin_nm):
                if geometry.digest not in known:
                    known[geometry.digest] = {s: geometry.turned(s).digest for s in self.setup.symmetries}
                found[tile.column, tile.row] = known[geometry.digest]
        return found

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What every key holds of recipe and plan."""
        plan = self.tiles
        lengths = {"core_nm": plan.core_nm, "halo_nm": plan.halo_nm, "overlap_nm": plan.overlap_nm}
        return {**self.setup.recipe.as_dict(), "chip": asdict(self.setup.settings), "plan": lengths}

    @cached_property
    def _optics(self) -> str:
        return content_digest(self.setup.kernels)

    def _computed(self, doing: str) -> list[Place]:
        """Return the tiles that a pass computes."""
        kind = doing.split()[0]
        places = [p for p in self._digests if self._state(p) == ""]
        if kind in (MEND, SETTLE):
            places = [p for p in places if turn_of(self._tile(p)) == self._turn(doing)]
        return [p for p in places if kind not in (SETTLE, CUT) or self._mended(p) != DRAWN]

    def _geometry(self, tile: Tile) -> TileGeometry:
        return self.target.geometry(tile.field_nm)

    def _tile(self, place: Place) -> Tile:
        return self.tiles.tile(*place)

    def _turn(self, doing: str) -> int:
        """Return which tiles a pass mends; those settle first that came last and found all around them closed."""
        kind, number = doing.split()
        return int(number) - 1 if kind == MEND else TURNS - int(number)

    def _oriented(self, doing: str, places: Sequence[Place]) -> dict[Place, Orientation]:
        """Return how tiles are computed: of all ways round that light allows, each in the one that reads smallest."""
        known: dict[object, Orientation] = {}
        found = {}
        for place in places:
            levels, box = self._levels(doing, place), box_of_plan(self._tile(place), self.tiles)
            situation = self._digests[place][IDENTITY], box, tuple(levels.items())
            if situation not in known:
                known[situation] = oriented(partial(self._description, place, levels), self.setup.symmetries)
            found[place] = known[situation]
        return found

    def _description(self, place: Place, levels: Mapping[Offset, TurnedResult], turn: Symmetry) -> tuple[Any, ...]:
        """Return all that the task of a tile is given, after a turn."""
        box = box_of_plan(self._tile(place), self.tiles, turn)
        return self._digests[place][turn], box, sorted(names_after(turn, levels).items())

    def _orientation(self, doing: str, place: Place) -> Orientation:
        return self._orientations[doing][place] if doing.split()[0] in (CORRECT, BORDER) else Orientation()

    def _key(self, doing: str, place: Place) -> str:
        way = self._orientation(doing, place)
        box = repr(box_of_plan(self._tile(place), self.tiles, way.turn))
        about = {"box": box, "device": self.device, "symmetries": repr(_words(way))}
        inputs = {**self._inputs(doing, place, way.turn), **about}
        # the digest of a field's target stands for the target
        geometry = _Digest(self._digests[place][way.turn])
        return tile_key(geometry, self._shared, self._optics, code_version(), doing, inputs)  # type: ignore[arg-type]

    def _task(self, doing: str, place: Place, key: str) -> Task:
        tile, plan, way = self._tile(place), self.tiles, self._orientation(doing, place)
        payload = {
            "pass": doing,
            "geometry": packed(self._geometry(tile).turned(way.turn)),
            "box_nm": list(box_of_plan(tile, plan, way.turn)),
            "core_nm": list(plan.core_nm),
            "halo_nm": plan.halo_nm,
            "overlap_nm": plan.overlap_nm,
            "device": self.device,
            "inputs": self._inputs(doing, place, way.turn),
            "symmetries": _words(way),
            "turn": turn_of(tile),
        }
        return Task(key, f"{tile.name} {doing}", payload)

    def _inputs(self, doing: str, place: Place, turn: Symmetry = IDENTITY) -> dict[str, str]:
        """Return what a task reads, by kind and offset such as "level -1 0": keys, or what is there instead.

        The names of levels are those after a turn of the tile with all around it.
        """
        kind, around = doing.split()[0], _around(place)
        if kind in (SETTLE, CUT):
            before = self.passes.index(doing)
            found = {f"{MENDED} {dx} {dy}": self._mended(p) for (dx, dy), p in around.items()}
            return found | {f"{SETTLED} {dx} {dy}": self._settled(p, before) for (dx, dy), p in around.items()}
        levels = self._levels(doing, place)
        found = {f"level {dx} {dy}": name for (dx, dy), name in names_after(turn, levels).items()}
        if kind == MEND:
            for (dx, dy), p in around.items():
                if self._state(p) == "" and turn_of(self._tile(p)) < self._turn(doing):
                    found[f"{MENDED} {dx} {dy}"] = self._mended(p)
        return found

    def _levels(self, doing: str, place: Place) -> dict[Offset, TurnedResult]:
        """Return the newest levels of a tile and around it, by offset; there are none before the first pass."""
        if doing == CORRECT:
            return {}
        stop = self.passes.index(doing if doing.startswith(BORDER) else f"{MEND} 1")
        return {offset: self._level(there, stop) for offset, there in _around(place).items()}

    def _settled(self, place: Place, stop: int) -> str:
        """Return the key of what a tile changed at last, or that it changed nothing before a pass."""
        if self._state(place) != "":
            return EMPTY
        name = f"{SETTLE} {TURNS - turn_of(self._tile(place))}"
        key = self._keys[name].get(place) if self.passes.index(name) < stop else None
        return EMPTY if key is None or key in self._lost else key

    def _state(self, place: Place) -> str:
        """Return what a tile is if it is not computed any more, else an empty text."""
        if not all(0 <= n < count for n, count in zip(place, self.tiles.counts, strict=True)):
            return OUTSIDE
        if place not in self._digests:
            return EMPTY
        return DRAWN if self._keys.get(CORRECT, {}).get(place) in self._lost else ""

    def _level(self, place: Place, stop: int) -> TurnedResult:
        """Return a tile's newest level before a pass, or what is there instead."""
        if (state := self._state(place)) != "":
            return alike_all_ways(state)
        for name in reversed(self.passes[:stop]):
            if self._keys[name][place] not in self._lost:
                return self.result(name, place)
        raise AssertionError(f"no pass before {self.passes[stop]} has a level of {place}")

    def _mended(self, place: Place) -> str:
        """Return the key of a tile's outlines, or what is there instead."""
        if (state := self._state(place)) != "":
            return state
        key = self._keys[f"{MEND} {turn_of(self._tile(place)) + 1}"][place]
        return DRAWN if key in self._lost else key


def _around(place: Place) -> dict[Offset, Place]:
    """Return a tile and the eight around it by offset."""
    return {(dx, dy): (place[0] + dx, place[1] + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}


def _words(way: Orientation) -> list[str]:
    return [symmetry.word for symmetry in way.group]


@dataclass(frozen=True)
class _Digest:
    """Stands for a geometry whose hash is known."""

    digest: str
