"""What is seen while a chip is corrected: tiles, area per second, remaining time, what was reused, what failed.

On a terminal it is a bar; without one, a line every `INTERVAL_S` seconds, so that a log tells where a run stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

INTERVAL_S = 10.0
"""Time between the lines of a run without a terminal."""

LEAST_TILES = 3
"""Tiles after which a rate is told: the first ones build tables that the others share."""


@dataclass(frozen=True)
class PassSize:
    """One pass over the tiles.

    Parameters
    ----------
    name
        such as "correct"
    tasks
        distinct tasks
    tiles
        tiles that these stand for
    weight
        expected time of one task of this pass, in any unit that all passes share
    """

    name: str
    tasks: int
    tiles: int
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.tasks <= self.tiles:
            raise ValueError(f"`tasks` must be at least 0 and at most `tiles` ({self.tiles}), but got {self.tasks}.")
        if not self.weight > 0:
            raise ValueError(f"`weight` must be positive, but got {self.weight}.")


@dataclass
class Tally:
    """Counts of a run, and what follows from them; knows neither clocks nor terminals.

    Parameters
    ----------
    area_um2
        of the layout: every pass goes over all of it once
    planned
        the passes, in order
    """

    area_um2: float
    planned: list[PassSize]
    begun_s: float = 0.0
    current: int = -1
    done: int = 0
    whole: int = 0
    failed: int = 0
    _spent_s: list[float] = field(default_factory=list)
    _computed: list[int] = field(default_factory=list)

    def begin(self, size: PassSize, now_s: float) -> None:
        """Start the next pass, whose real size is known now."""
        self._end(now_s)
        self.current += 1
        self.planned[self.current : self.current + 1] = [size]
        self.begun_s, self.done, self.whole = now_s, 0, 0

    def count(self, failed: bool, whole: bool) -> None:
        """Count one finished task of the pass; `whole` if an earlier run had left its result."""
        self.done += 1
        self.whole += whole
        self.failed += failed

    def _end(self, now_s: float) -> None:
        if self.current >= 0:
            self._spent_s.append(now_s - self.begun_s)
            self._computed.append(self.computed)

    @property
    def size(self) -> PassSize:
        """The pass that runs."""
        return self.planned[self.current]

    @property
    def computed(self) -> int:
        """Tasks of the pass that were computed in this run."""
        return self.done - self.whole

    @property
    def reused(self) -> float:
        """Share of the pass's tiles that nothing is computed for: equal to others, or whole from an earlier run."""
        return 1 - (self.size.tasks - self.whole) / self.size.tiles if self.size.tiles else 0.0

    @property
    def tiles_done(self) -> int:
        """Tiles of the pass that are finished; equal ones are, as soon as the first of them is."""
        return round(self.size.tiles * self.done / self.size.tasks) if self.size.tasks else self.size.tiles

    def rate_um2_per_s(self, now_s: float) -> float | None:
        """Return the area that the pass finishes in a second, None before `LEAST_TILES` are computed."""
        passed_s = now_s - self.begun_s
        if self.computed < min(LEAST_TILES, self.size.tasks - self.whole) or passed_s <= 0 or self.computed == 0:
            return None
        return self.area_um2 * self.computed / self.size.tasks / passed_s

    def remaining_s(self, now_s: float) -> float | None:
        """Return the time that this pass and those after it will take, None while that is not known."""
        done = [s.weight * n for s, n in zip(self.planned, self._computed, strict=False)]
        computed = sum(done) + self.size.weight * self.computed
        spent_s = sum(self._spent_s) + now_s - self.begun_s
        waiting = self.size.weight * (self.size.tasks - self.done)
        waiting += sum(later.weight * later.tasks for later in self.planned[self.current + 1 :])
        if waiting == 0:
            return 0.0
        known = sum(self._computed) + self.computed
        return spent_s * waiting / computed if known >= LEAST_TILES and computed > 0 else None


class ChipProgress:
    """Shows where a run stands, on stderr.

    Parameters
    ----------
    area_um2
        of the layout
    planned
        the passes, in order; `begin` tells the real size of each
    dashboard
        address of Dask's dashboard, if there is one
    console
        stderr if not given
    interval_s
        between two lines where there is no terminal
    clock
        seconds, rising
    """

    def __init__(
        self,
        area_um2: float,
        planned: Sequence[PassSize],
        dashboard: str | None = None,
        *,
        console: Console | None = None,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = Tally(area_um2, list(planned))
        self._console = Console(stderr=True, highlight=False) if console is None else console
        self._clock, self._interval_s, self._told_s = clock, interval_s, clock()
        self._dashboard = dashboard
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("reading", total=1, figures="")

    def __enter__(self) -> Self:
        if not self._bar.disable:
            self._bar.start()
        if self._dashboard is not None:
            self._console.print(f"Dask's dashboard: {escape(self._dashboard)}", soft_wrap=True)
        return self

    def __exit__(self, *what: object) -> None:
        if not self._bar.disable:
            self._bar.stop()

    def begin(self, size: PassSize) -> None:
        """Start the next pass."""
        self.tally.begin(size, self._clock())
        self._bar.reset(self._task, total=max(1, size.tasks))
        self._show(force=size.tasks > 0)

    def count(self, failed: bool = False, whole: bool = False) -> None:
        """Count one finished task; `whole` if an earlier run had left its result."""
        self.tally.count(failed, whole)
        self._show()

    def say(self, text: str) -> None:
        """Show what else is being done."""
        self._bar.update(self._task, description=text)
        if self._bar.disable:
            self._console.print(escape(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Leave a line that stays."""
        self._console.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)

    def _show(self, force: bool = False) -> None:
        now_s = self._clock()
        figures = figures_text(self.tally, now_s)
        name = f"{self.tally.size.name} ({self.tally.current + 1} of {len(self.tally.planned)})"
        self._bar.update(self._task, completed=self.tally.done, description=name, figures=figures)
        if self._bar.disable and (force or now_s - self._told_s >= self._interval_s):
            self._told_s = now_s
            self._console.print(f"{name}: {figures}", soft_wrap=True)


def figures_text(tally: Tally, now_s: float) -> str:
    """Return the counts of a run in one line."""
    rate, left = tally.rate_um2_per_s(now_s), tally.remaining_s(now_s)
    parts = [f"{tally.tiles_done:,} of {tally.size.tiles:,} tiles"]
    if rate is not None:
        parts.append(f"{rate:.3g} µm²/s")
    if left is not None:
        parts.append(f"{duration(left)} left")
    parts.append(f"{100 * tally.reused:.0f} % reused")
    parts.append(f"{tally.failed} failed")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time for people: "45 s", "3 min 05 s", "2 h 10 min", "5 d 03 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"
