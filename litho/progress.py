"""What is seen and heard while masks are corrected: a bar with loss and remaining time, and Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

from litho.flow import Update
from litho.job import Job


class Interrupt:
    """Ctrl-C, while the block runs: `asked` becomes true the first time, the second time it stops the program."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *what: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


class CorrectionProgress:
    """A bar over all steps of a job; steps on finer grids count for more, as they take longer."""

    def __init__(self, job: Job, device: str) -> None:
        self._stages = [(stage.pixel_nm, stage.steps) for stage in job.recipe.inverse.stages]
        if job.recipe.method == "spline":
            curves = job.recipe.spline
            self._stages += [(curves.pixel_nm, curves.steps)] * len(curves.penalties_nm2)
        coarsest = max(pixel for pixel, _ in self._stages)
        self._weights = [1 + (coarsest / pixel) ** 2 for pixel, _ in self._stages]
        self._each = sum(weight * steps for weight, (_, steps) in zip(self._weights, self._stages, strict=True))
        self._done: dict[int, float] = {}
        console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            Remaining(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(f"starting on {device}", total=self._each * len(job.clips), loss="")

    def __enter__(self) -> Self:
        if not self._bar.disable:  # older versions of rich print an empty line for a bar that is not shown
            self._bar.start()
        return self

    def __exit__(self, *what: object) -> None:
        if not self._bar.disable:
            self._bar.stop()

    def show(self, update: Update, stopping: bool) -> bool:
        """Show where a correction stands; return whether it is to stop."""
        before = sum(w * steps for w, (_, steps) in zip(self._weights[: update.stage], self._stages, strict=False))
        done = before + self._weights[update.stage] * update.step
        pixel, _ = self._stages[update.stage]
        self._done[update.clips.start] = done * len(update.clips)
        self._bar.update(
            self._task,
            completed=sum(list(self._done.values())),
            description="stopping"
            if stopping
            else f"stage {update.stage + 1}/{len(self._stages)}, {pixel:g} nm, step {update.step}",
            loss=f"loss {float(update.losses.mean()):,.0f} nm²",
        )
        return stopping

    def say(self, text: str) -> None:
        """Show what else is being done."""
        self._bar.update(self._task, description=text)
