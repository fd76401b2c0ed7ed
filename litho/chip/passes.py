"""The passes of a correction: which tasks there are, and which files each of them reads.

    chip = ChipCorrection(tiles, target, setup)
    for doing in chip.passes:
        for outcome in executor.run(partial(run_task, folder=folder), chip.tasks(doing)):
            if outcome.error is not None:
                chip.set_aside(outcome.key)
    chip.polygons_nm(store, tile)

A key is made of all that a result depends on, the keys of the files that its task reads included, so that no pass but
the first knows where a tile lies. A tile that is set aside is drawn as its target for all that come after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from litho.cells import Floats
from litho.chip.executors import Task
from litho.chip.keys import TileGeometry, code_version, content_digest, tile_key
from litho.chip.mask_loops import as_floats, cut_at, unpacked_loops, whole_loops
from litho.chip.seam_steps import Sides, largest_step_nm
from litho.chip.store import TileStore
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
            self._keys[doing] = {place: self._key(doing, place) for place in self._computed(doing)}
        return self._keys[doing]

    def tasks(self, doing: str) -> Iterator[Task]:
        """Yield one task for each key of a pass, for the first tile that has it."""
        seen = set()
        for place, key in self.keys(doing).items():
            if key not in seen and key not in self._lost:
                seen.add(key)
                yield self._task(doing, place, key)

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
    def _digests(self) -> dict[Place, str]:
        """Hash of the target of each tile that is not empty."""
        found = {}
        for tile in self.tiles.tiles():
            geometry = self._geometry(tile)
            if not is_empty(geometry, self.tiles, self.setup.margin_nm):
                found[tile.column, tile.row] = geometry.digest
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

    def _key(self, doing: str, place: Place) -> str:
        tile = self._tile(place)
        inputs = {**self._inputs(doing, place), "box": repr(box_of_plan(tile, self.tiles)), "device": self.device}
        # the digest of a field's target stands for the target
        geometry = _Digest(self._digests[place])
        return tile_key(geometry, self._shared, self._optics, code_version(), doing, inputs)  # type: ignore[arg-type]

    def _task(self, doing: str, place: Place, key: str) -> Task:
        tile, plan = self._tile(place), self.tiles
        payload = {
            "pass": doing,
            "geometry": packed(self._geometry(tile)),
            "box_nm": list(box_of_plan(tile, plan)),
            "core_nm": list(plan.core_nm),
            "halo_nm": plan.halo_nm,
            "overlap_nm": plan.overlap_nm,
            "device": self.device,
            "inputs": self._inputs(doing, place),
            "turn": turn_of(tile),
        }
        return Task(key, f"{tile.name} {doing}", payload)

    def _inputs(self, doing: str, place: Place) -> dict[str, str]:
        """Return what a task reads, by kind and offset such as "level -1 0": keys, or what is there instead."""
        kind = doing.split()[0]
        if kind == CORRECT:
            return {}
        around = {(dx, dy): (place[0] + dx, place[1] + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
        if kind in (SETTLE, CUT):
            before = self.passes.index(doing)
            found = {f"{MENDED} {dx} {dy}": self._mended(p) for (dx, dy), p in around.items()}
            return found | {f"{SETTLED} {dx} {dy}": self._settled(p, before) for (dx, dy), p in around.items()}
        stop = self.passes.index(doing) if kind == BORDER else self.passes.index(f"{MEND} 1")
        found = {f"level {dx} {dy}": self._level(p, stop) for (dx, dy), p in around.items()}
        if kind == MEND:
            for (dx, dy), p in around.items():
                if self._state(p) == "" and turn_of(self._tile(p)) < self._turn(doing):
                    found[f"{MENDED} {dx} {dy}"] = self._mended(p)
        return found

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

    def _level(self, place: Place, stop: int) -> str:
        """Return the key of a tile's newest level before a pass, or what is there instead."""
        if (state := self._state(place)) != "":
            return state
        for name in reversed(self.passes[:stop]):
            if (key := self._keys[name][place]) not in self._lost:
                return key
        raise AssertionError(f"no pass before {self.passes[stop]} has a level of {place}")

    def _mended(self, place: Place) -> str:
        """Return the key of a tile's outlines, or what is there instead."""
        if (state := self._state(place)) != "":
            return state
        key = self._keys[f"{MEND} {turn_of(self._tile(place)) + 1}"][place]
        return DRAWN if key in self._lost else key


@dataclass(frozen=True)
class _Digest:
    """Stands for a geometry whose hash is known."""

    digest: str
