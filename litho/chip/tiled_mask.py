"""The mask of a correction as windows see it: by the tiles around them, whose keys stand for what they hold.

A window's key is made of those keys, so that nobody reads a mask to find out which windows are equal; the worker that
measures a window takes the polygons of its tiles from the store, the same that are written to the mask's file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from litho.chip.keys import content_digest
from litho.chip.passes import ChipCorrection
from litho.chip.tiles import Tile
from litho.chip.whole_verify import DRAWN, MaskPart


@dataclass(frozen=True, eq=False)
class TiledMask:
    """What a correction left, once all of its passes have ended.

    Parameters
    ----------
    correction
        with its keys
    """

    correction: ChipCorrection

    def part(self, window: Tile) -> MaskPart:
        """Return the mask in the field of a window of `litho.chip.window_check.window_plan`."""
        plan, tiles = self.correction.tiles, {}
        for tile in self._seen(window):
            held = self._held.get((tile.column, tile.row))
            if held is not None:
                tiles[f"{tile.column - window.column} {tile.row - window.row}"] = held
        payload: dict[str, Any] = {"tiles": tiles, "core_nm": list(plan.core_nm)}
        return MaskPart(content_digest(payload), payload, not tiles)

    def _seen(self, window: Tile) -> Iterator[Tile]:
        """Yield the tiles whose core meets a window's field."""
        plan, (x0, y0, x1, y1) = self.correction.tiles, window.field_nm
        (x, y), (width, height) = plan.origin_nm, plan.core_nm
        columns = range(max(0, int((x0 - x) // width)), min(plan.counts[0], int((x1 - x) // width) + 1))
        rows = range(max(0, int((y0 - y) // height)), min(plan.counts[1], int((y1 - y) // height) + 1))
        for row in rows:
            for column in columns:
                yield plan.tile(column, row)

    @cached_property
    def _held(self) -> dict[tuple[int, int], str]:
        """Key of the polygons of each tile that has any, or that its target stands for them."""
        lost, found = self.correction.lost_places(), {}
        for tile in self.correction.tiles.tiles():
            place = tile.column, tile.row
            key = self.correction.final_key(tile)
            if key is not None:
                found[place] = key
            elif place in lost:
                found[place] = DRAWN
        return found
