"""What `litho opc` does: edge-based correction of layouts, with the same options and files as `litho ilt`."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from litho.commands import STOPPED, Request, folder_of, told_in_one_sentence, write_all
from litho.opc_flow import OpcUpdate, check_targets, correct_edges
from litho.progress import Interrupt
from litho.terminal import show_files, show_results
from litho.uncorrected import with_uncorrected


class OpcProgress:
    """A bar over the clips of a job, with what is done to the present one."""

    def __init__(self, clips: int) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("making the table of biases", total=clips)

    def __enter__(self) -> Self:
        if not self._bar.disable:
            self._bar.start()
        return self

    def __exit__(self, *what: object) -> None:
        if not self._bar.disable:
            self._bar.stop()

    def show(self, update: OpcUpdate, stopping: bool) -> bool:
        """Show where a correction stands; return whether it is to stop."""
        text = "stopping" if stopping else f"clip {update.clip + 1}, {update.doing}, step {update.step}"
        self._bar.update(self._task, completed=update.clip, description=f"{text}, {update.loss:,.0f} nm²")
        return stopping

    def say(self, text: str) -> None:
        """Show what else is being done."""
        self._bar.update(self._task, description=text)


def run_opc(request: Request) -> int:
    """Correct the edges of layouts, write their folders, and return the exit code."""
    with told_in_one_sentence():
        job, device = request.prepare()
        check_targets(job)
    with Interrupt() as interrupt, OpcProgress(len(job.clips)) as progress:
        results = correct_edges(job, device, lambda update: progress.show(update, interrupt.asked))
        written = write_all(with_uncorrected(results, job, device), request.out, job, progress.say)
    show_results(written, len(job.clips))
    show_files([folder_of(entry["clip"], request.out, job) for entry in written])
    return STOPPED if interrupt.asked else 0
