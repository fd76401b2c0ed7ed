"""What `litho opc` does: edge-based correction of layouts, with the same options and files as `litho ilt`."""

from __future__ import annotations

from typing import Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from litho.commands import STOPPED, Request, folder_of, told_in_one_sentence
from litho.opc_flow import OpcUpdate, check_targets, correct_edges
from litho.opc_settings import OpcSettings
from litho.outputs import figures, write_result, write_summary
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


def run_opc(request: Request, settings: OpcSettings | None = None) -> int:
    """Correct the edges of layouts, write their folders, and return the exit code.

    Parameters
    ----------
    request
        what was typed
    settings
        the recipe's if not given
    """
    with told_in_one_sentence():
        job, device = request.prepare()
        check_targets(job, settings)
    written: list[dict[str, Any]] = []
    with Interrupt() as interrupt, OpcProgress(len(job.clips)) as progress:
        results = correct_edges(job, device, lambda update: progress.show(update, interrupt.asked), settings)
        for result in with_uncorrected(results, job, device):
            progress.say(f"drawing {result.name}")
            try:
                write_result(result, folder_of(result.name, request.out, job))
            except OSError as error:
                reason = f"{error.filename or request.out}: {error.strerror or error}"
                typer.echo(f"litho: `out` must be a folder that can be written in, but {reason}.", err=True)
                raise typer.Exit(2) from None
            written.append(figures(result))
    if len(job.clips) > 1 and written:
        write_summary(written, request.out / "summary.json")
    show_results(written, len(job.clips))
    show_files([folder_of(entry["clip"], request.out, job) for entry in written])
    return STOPPED if interrupt.asked else 0
