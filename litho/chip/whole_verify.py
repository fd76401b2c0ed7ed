"""Verification of a mask over a whole layout: windows over all of it, each a task, and what they come to together.

    tasks = VerifyPass(tiles, target, mask, setup)
    for outcome in compute("verify", partial(verify_task, folder=folder), tasks.distinct(), executor, store, manifest):
        ...
    sums = tasks.gathered(store)

Windows that draw the same target and the same mask are measured once. A mask comes from a file, or from the tiles of a
correction (`litho.chip.tiled_mask`), which hold the polygons that are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from litho.cells import Floats
from litho.chip.chip_gather import Gathered
from litho.chip.executors import Task
from litho.chip.keys import TileGeometry, code_version, content_digest, tile_key
from litho.chip.mask_loops import unpacked_loops
from litho.chip.store import DamagedTile, TileStore
from litho.chip.tile_rings import Whole
from litho.chip.tile_setup import TileSetup, read_setup
from litho.chip.tiles import Tile, TilePlan
from litho.chip.window_check import arrays_of, check_of, check_window, lists_of, window_plan
from litho.job import Job
from litho.polygons import Box, merge

PASS = "verify"
"""Name of the pass."""

DRAWN = "drawn"
"""In place of a tile's key: its mask is its target."""

STORE = "tiles"
"""Folder of the store inside the output folder."""


class Drawn(Protocol):
    """Where polygons come from: `litho.chip.windows.LayoutWindows`."""

    @property
    def dbu_nm(self) -> float:
        """Database unit in nm."""
        ...

    def polygons(self, box_nm: Box) -> list[Floats]:
        """Return the merged polygons inside x0, y0, x1, y1, cut at its border."""
        ...

    def geometry(self, field_nm: Box) -> TileGeometry:
        """Return what is drawn in x0, y0, x1, y1, from its lower left corner."""
        ...


@dataclass(frozen=True, eq=False)
class MaskPart:
    """The mask in the field of a window.

    Parameters
    ----------
    digest
        hash of what it is made of
    payload
        for the worker: the geometry itself, or keys of the tiles that hold it
    empty
        whether nothing is there
    """

    digest: str
    payload: dict[str, Any]
    empty: bool


class Masks(Protocol):
    """Where masks come from."""

    def part(self, window: Tile) -> MaskPart:
        """Return the mask in the field of a window."""
        ...


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """A mask from a layout file.

    Parameters
    ----------
    source
        its layer
    """

    source: Drawn

    def part(self, window: Tile) -> MaskPart:
        """Return the mask in the field of a window."""
        geometry = self.source.geometry(window.field_nm)
        return MaskPart(geometry.digest, {"mask": packed(geometry)}, not geometry.rings)


@dataclass(frozen=True, eq=False)
class VerifyPass:
    """The windows of a chip and their tasks.

    Parameters
    ----------
    tiles
        that were corrected: their borders are the seams
    target
        what should print
    mask
        what is measured
    setup
        recipe and kernels
    seams
        whether the borders of tiles are seams of this mask; if not, all sites count as interior
    within_nm
        x0, y0, x1, y1 that hot spots and broken rules must lie in to be told; everywhere if not given
    """

    tiles: TilePlan
    target: Drawn
    mask: Masks
    setup: TileSetup
    seams: bool = True
    within_nm: Box | None = None

    @cached_property
    def windows(self) -> TilePlan:
        """Where windows lie."""
        return window_plan(self.tiles)

    @cached_property
    def keys(self) -> dict[tuple[int, int], str]:
        """Key of each window that holds anything, by column and row."""
        return {(w.column, w.row): task.key for w, task in self._tasks() if task is not None}

    def distinct(self) -> Iterator[Task]:
        """Yield one task for each key, for the first window that has it."""
        wanted = {key: place for place, key in reversed(self.keys.items())}
        for key, place in wanted.items():
            task = self._task(self.windows.tile(*place))
            assert task is not None and task.key == key
            yield task

    def gathered(self, store: TileStore) -> Gathered:
        """Return what all windows come to, in the order of the plan; windows that are missing are left out."""
        sums = Gathered(self.tiles, self.setup.recipe, self.seams)
        last = np.array(self.tiles.counts)
        groups: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
        for place, key in self.keys.items():
            # at the rim of the plan there are fewer tiles and seams around a window
            rim = tuple((np.array(place) == 0).tolist() + (np.array(place) == last).tolist())
            alone = place if self.within_nm is not None else None
            groups.setdefault((key, rim, alone), []).append(place)
        for (key, *_), places in groups.items():
            try:
                file = store.get(key)
            except DamagedTile:
                continue  # set aside, and told as such
            check = check_of(file.arrays, file.info, _corner(self.windows.tile(*places[0])))
            if self.within_nm is not None:
                check = check.within(self.within_nm)
            sums.add(check, np.array(places, np.int64) - places[0])
        return sums

    def _tasks(self) -> Iterator[tuple[Tile, Task | None]]:
        for window in self.windows.tiles():
            yield window, self._task(window)

    def _task(self, window: Tile) -> Task | None:
        """Return the task of a window; None if there is neither target nor mask."""
        target, mask = self.target.geometry(window.field_nm), self.mask.part(window)
        if not target.rings and mask.empty:
            return None
        chosen = {"recipe": self.setup.recipe.as_dict(), "halo_nm": self.tiles.halo_nm}
        key = tile_key(target, chosen, self._optics, code_version(), PASS, {"mask": mask.digest})
        payload = {"target": packed(target), "halo_nm": self.tiles.halo_nm, **mask.payload}
        return Task(key, f"{window.name} {PASS}", payload)

    @cached_property
    def _optics(self) -> str:
        return content_digest(self.setup.kernels)


def verify_task(task: Task, folder: Path) -> None:
    """Measure one window and write what was found into the store; where it lies is not known here."""
    setup, store = read_setup(folder), TileStore(folder / STORE)
    target = unpacked(task.payload["target"]).polygons_nm()
    width, height = setup.field_nm
    halo = float(task.payload["halo_nm"])
    window = Tile(0, 0, (halo, halo, width - halo, height - halo), (0.0, 0.0, width, height))
    job = Job(setup.recipe, (), setup.process, setup.mask, setup.kernels)
    check = check_window(window, target, _mask_of(task.payload, window, target, setup, store), job)
    store.put(task.key, arrays_of(check, (0.0, 0.0)), lists_of(check, (0.0, 0.0)))


def _mask_of(
    payload: Mapping[str, Any], window: Tile, target: list[Floats], setup: TileSetup, store: TileStore
) -> list[Floats]:
    """Return the mask's polygons in a window's field: as they were sent, or put together from tiles."""
    if "mask" in payload:
        return unpacked(payload["mask"]).polygons_nm()
    (width, height), dbu, halo = payload["core_nm"], setup.recipe.output.dbu_nm, window.core_nm[0]
    found: list[Floats] = []
    for offset, key in sorted(payload["tiles"].items()):
        column, row = map(int, offset.split())
        # windows begin half a core before the tile of their number
        corner = np.rint(np.array([halo + (column + 0.5) * width, halo + (row + 0.5) * height]) / dbu)
        if key == DRAWN:
            x, y = (corner * dbu).tolist()
            found += [np.rint(p / dbu) for p in merge(target, (x, y, x + width, y + height))]
        else:
            found += [loop.astype(np.float64) + corner for loop in unpacked_loops(store.get(key).arrays, "mask")]
    box = tuple(np.rint(np.array(window.field_nm) / dbu))
    return [p * dbu for p in merge(found, box)] if found else []


def packed(geometry: TileGeometry) -> dict[str, Any]:
    """Return a geometry as plain numbers and arrays."""
    points = np.concatenate([np.empty((0, 2), np.int64), *geometry.rings])
    counts = np.array([len(ring) for ring in geometry.rings], np.int64)
    return {"points": points, "counts": counts, "size": list(geometry.size), "dbu_nm": geometry.dbu_nm}


def unpacked(parts: dict[str, Any]) -> TileGeometry:
    """Return the geometry that `packed` took apart."""
    points: NDArray[np.int64] = np.asarray(parts["points"], np.int64).reshape(-1, 2)
    rings: tuple[Whole, ...] = tuple(np.split(points, np.cumsum(parts["counts"])[:-1])) if len(points) else ()
    width, height = parts["size"]
    return TileGeometry(rings, (int(width), int(height)), float(parts["dbu_nm"]))


def _corner(window: Tile) -> tuple[float, float]:
    return window.field_nm[0], window.field_nm[1]
