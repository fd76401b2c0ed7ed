"""What `litho bench speed` does: check what was asked for, measure, show."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from litho.backend import resolve_device
from litho.benchmark.cases import PIXELS_NM, Case, full_cases, quick_cases
from litho.benchmark.energy import LEAST_WINDOW_S
from litho.benchmark.energy_rounds import EnergyMeters, Tdp, energy_meters
from litho.benchmark.machine import gpu_state
from litho.benchmark.plots import write_plots
from litho.benchmark.rapl import CounterError
from litho.benchmark.record import has_failed, write_record
from litho.benchmark.rounds import Effort
from litho.benchmark.speed import Plan, SpeedRun, all_opponents
from litho.benchmark.tables import show_record
from litho.commands import STOPPED, told_in_one_sentence
from litho.info import usable_cpus
from litho.outputs import check_writable

QUICK, FULL = Effort(seconds=0.5, most=30), Effort(seconds=5.0, most=200)
FAILED = 1
"""Exit code where opponents disagree, or one could not finish."""


@dataclass(frozen=True)
class SpeedRequest:
    """Options of the command, as they were typed; see `litho bench speed --help`."""

    full: bool
    device: str
    out: Path
    only: Sequence[str]
    largest_nm: float | None
    energy: bool
    tdp_w: float | None
    tdp_source: str | None
    idle_share: float
    devices: int

    def cases(self) -> tuple[Case, ...]:
        """Return the cases that were asked for."""
        unknown = [kind for kind in self.only if kind not in PIXELS_NM]
        if unknown:
            raise ValueError(f"`only` must be of {', '.join(PIXELS_NM)}, but got {unknown[0]!r}.")
        every = full_cases() if self.full else quick_cases()
        largest = float("inf") if self.largest_nm is None else self.largest_nm
        wanted = [case for case in every if case.size_nm <= largest and case.kind in (self.only or PIXELS_NM)]
        if not wanted:
            raise ValueError(f"`largest_nm` must leave a case, but got {self.largest_nm:g}.")
        return tuple(wanted)

    def tdp(self) -> Tdp | None:
        """Return what stands in for a counter; a TDP without a source is refused."""
        if self.tdp_w is None and self.tdp_source is None:
            return None
        if self.tdp_w is None or not self.tdp_source:
            raise ValueError("`cpu_tdp_w` and `tdp_source` must be given together: a TDP counts only with its source.")
        return Tdp(self.tdp_w, self.tdp_source, self.idle_share)

    def use_gpu(self) -> bool:
        """Return whether a GPU takes part; refuse to ask for one that is not there, and say why."""
        if self.device == "gpu":
            state = gpu_state()
            if state is not None:
                raise ValueError(f"`device` must name a device that is there, but got 'gpu': {state}.")
        return resolve_device(self.device) == "gpu"

    def plan(self) -> Plan:
        """Return what is measured."""
        if self.devices < 1:
            raise ValueError(f"`devices` must be at least 1, but got {self.devices}.")
        effort = FULL if self.full else QUICK
        if self.energy:
            effort = Effort(effort.seconds, effort.most, effort.steps, LEAST_WINDOW_S)
        return Plan(self.cases(), all_opponents(usable_cpus(), self.use_gpu()), effort, self.devices)


def run_speed(request: SpeedRequest) -> int:
    """Measure, write the record and the plots, show the tables, and return the exit code."""
    with told_in_one_sentence():
        plan, tdp = request.plan(), request.tdp()
        check_writable(request.out)
        request.out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, highlight=False)
    meters = energy_meters(any(o.device == "gpu" for o in plan.opponents), tdp)
    if request.energy:
        _idle(meters, lambda text: console.print(escape(text)))
    record, stopped = _measured(plan, meters, request.out / "speed.json", lambda text: console.print(escape(text)))
    show_record(record)
    plots = write_plots(record, request.out)
    files = ["speed.json", *(plot.name for plot in plots)]
    Console(highlight=False).print(f"[bold]{escape(str(request.out))}[/]", "  " + "  ".join(files), sep="\n")
    if stopped:
        return STOPPED
    return FAILED if has_failed(record) else 0


def _measured(plan: Plan, meters: EnergyMeters, file: Path, say: Callable[[str], None]) -> tuple[dict[str, Any], bool]:
    """Return the record, and whether Ctrl-C ended it before its time; what was finished is in the file either way."""
    with tempfile.TemporaryDirectory() as folder:
        run = SpeedRun(plan, Path(folder), meters, lambda record: write_record(record, file), say)
        with run:
            try:
                return run.run(), False
            except KeyboardInterrupt:
                run.record["missing"].append("The run was stopped before its end.")
                write_record(run.record, file)
                return run.record, True


def _idle(meters: EnergyMeters, say: Callable[[str], None]) -> None:
    if not (isinstance(meters.cpu, str) and isinstance(meters.gpu, str)):
        say("idle machine")
        try:
            meters.take_idle(LEAST_WINDOW_S)
        except CounterError as error:
            say(f"The idle machine was not measured: {error}")
