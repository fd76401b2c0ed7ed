"""What is noted while a chip is corrected, and what it comes to: numbers of every tile, tiles that were set aside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from litho.chip.chip_result import COMPUTED, EMPTY, REUSED, SET_ASIDE, ChipResult, SetAside
from litho.chip.executors import Outcome
from litho.chip.manifest import Failure, Manifest
from litho.chip.passes import ChipCorrection
from litho.chip.plan import ChipPlan
from litho.chip.progress import ChipProgress, PassSize
from litho.chip.store import TileStore
from litho.chip.tiles import TilePlan
from litho.chip.whole_verify import PASS, VerifyPass
from litho.info import environment

Place = tuple[int, int]


@dataclass
class RunLog:
    """What was done in this run; tells it to whoever watches.

    Parameters
    ----------
    progress
        who watches, if anyone does
    """

    progress: ChipProgress | None = None
    computed: set[str] = field(default_factory=set)
    passes: dict[str, dict[str, float]] = field(default_factory=dict)

    def plan(self, sizes: Iterable[PassSize]) -> None:
        """Note the passes that will come."""
        if self.progress is not None:
            self.progress.tally.planned[:] = sizes

    def begin(self, size: PassSize) -> None:
        """Note that a pass begins."""
        self.passes[size.name] = {"tiles": size.tiles, "tasks": size.tasks, "computed": 0, "failed": 0, "seconds": 0.0}
        if self.progress is not None:
            self.progress.begin(size)

    def count(self, doing: str, outcome: Outcome) -> None:
        """Note how a task ended."""
        numbers, whole = self.passes[doing], outcome.tries == 0
        if not whole and outcome.error is None:
            self.computed.add(outcome.key)
        numbers["computed"] += not whole
        numbers["failed"] += outcome.error is not None
        numbers["seconds"] = round(numbers["seconds"] + outcome.seconds, 3)
        if self.progress is not None:
            if outcome.error is not None:
                self.progress.warn(f"{outcome.name} is set aside: {outcome.error}")
            self.progress.count(outcome.error is not None, whole)

    def say(self, text: str) -> None:
        """Tell what else is being done."""
        if self.progress is not None:
            self.progress.say(text)

    def timed(self, result: ChipResult, seconds: float, workers: int, device: str) -> ChipResult:
        """Return a result that tells how long it took, and on what."""
        spent = sum(numbers["seconds"] for numbers in self.passes.values())
        x0, y0, x1, y1 = result.tiles.layout_box_nm
        area = (x1 - x0) * (y1 - y0) / 1e6
        told = {
            "seconds": round(seconds, 3),
            "workers": workers,
            "tile_seconds": round(spent, 3),
            "overhead_share": round(1 - spent / (workers * seconds), 4) if spent > 0 else None,
            "um2_per_s": round(area / seconds, 4),
            "passes": self.passes,
        }
        return replace(result, info={**told, **environment(device)})


def chip_result(
    plan: ChipPlan,
    correction: ChipCorrection,
    checks: VerifyPass,
    store: TileStore,
    manifest: Manifest,
    log: RunLog,
    mask: Mapping[str, Any],
) -> ChipResult:
    """Return the result of a run whose passes have all ended.

    Parameters
    ----------
    plan
        what was to be done
    correction, checks
        passes over tiles, and over the windows of the verification
    store, manifest
        of the folder
    log
        of this run
    mask
        figures of the mask's file
    """
    sums = checks.gathered(store)
    numbers = sums.numbers(tile_seconds(correction, manifest), origins(correction, log.computed))
    failed = [*set_aside(manifest.failures(), correction.tiles, correction), *unmeasured(manifest.failures(), checks)]
    figures = {key: value for key, value in mask.items() if key != "largest_contour_step_nm"}
    return ChipResult(
        name=layout_name(plan.layout),
        tiles=correction.tiles,
        numbers=numbers,
        verification=sums.verification(),
        set_aside=tuple(failed),
        contour_step_nm=mask["largest_contour_step_nm"],
        figures={"plan": plan.figures(), "mask": figures},
        recipe=correction.setup.recipe.as_dict(),
    )


def layout_name(path: str) -> str:
    """Return a file's name without its endings."""
    name = Path(path).name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def tile_seconds(correction: ChipCorrection, manifest: Manifest) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the time that the passes of every tile took, in this run or an earlier one, (rows, columns)."""
    columns, rows = correction.tiles.counts
    found = np.full((rows, columns), math.nan)
    for doing in correction.passes:
        known = manifest.seconds(doing)
        for (column, row), key in correction.keys(doing).items():
            if key in known:
                found[row, column] = known[key] + (0.0 if math.isnan(found[row, column]) else found[row, column])
    return found


def origins(correction: ChipCorrection, computed: set[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return how every tile came by its mask, (rows, columns)."""
    columns, rows = correction.tiles.counts
    found = np.full((rows, columns), EMPTY, np.uint8)
    seen: set[str] = set()
    for (column, row), key in correction.keys(correction.passes[0]).items():
        found[row, column] = COMPUTED if key in computed and key not in seen else REUSED
        seen.add(key)
    for column, row in correction.lost_places():
        found[row, column] = SET_ASIDE
    return found


def set_aside(failures: Iterable[Failure], tiles: TilePlan, correction: ChipCorrection) -> list[SetAside]:
    """Return the tiles that are drawn as their target, with the pass that failed and why."""
    found = []
    for failure in failures:
        if failure.doing == PASS:
            continue
        for column, row in correction.places(failure.key):
            found.append(_placed(tiles, column, row, failure))
    return found


def unmeasured(failures: Iterable[Failure], checks: VerifyPass) -> list[SetAside]:
    """Return the windows of the verification that could not be measured."""
    lost = {failure.key: failure for failure in failures if failure.doing == PASS}
    return [
        _placed(checks.windows, column, row, lost[key]) for (column, row), key in checks.keys.items() if key in lost
    ]


def _placed(tiles: TilePlan, column: int, row: int, failure: Failure) -> SetAside:
    tile = tiles.tile(column, row)
    x0, y0, x1, y1 = tile.core_nm
    return SetAside(tile.name, (x0 + x1) / 2, (y0 + y1) / 2, failure.doing, failure.error)
