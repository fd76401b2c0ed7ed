"""The whole benchmark: case after case, each saved when it is done, so that nothing finished is lost."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from litho.benchmark.cases import KERNEL_COUNT, Case, write_scene
from litho.benchmark.energy_rounds import EnergyMeters
from litho.benchmark.fft_libraries import PACKAGES, installed
from litho.benchmark.machine import machine_record
from litho.benchmark.opponents import WAYS, Opponent, takes_part
from litho.benchmark.projection import Rate, projection
from litho.benchmark.rounds import Effort, Round, strongest_fft
from litho.benchmark.workers import COMMAND, Worker, WorkerError

SCHEMA = 1
"""Version of the record's form; see docs/howto/bench.md."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Parameters
    ----------
    cases
        in this order
    opponents
        who may take part
    effort
        how long
    devices
        how many share the work of the projection
    command
        what starts an opponent's process
    """

    cases: tuple[Case, ...]
    opponents: tuple[Opponent, ...]
    effort: Effort
    devices: int = 1
    command: Sequence[str] = COMMAND


def all_opponents(cores: int, gpu: bool) -> tuple[Opponent, ...]:
    """Return the textbook's way and ours on one core and on all, ours with every transform, and both on a GPU."""
    counts = (1,) if cores == 1 else (1, cores)
    ours = [Opponent("litho", "cpu", count, fft) for count in counts for fft in installed()]
    theirs = [Opponent("full grid", "cpu", count, "scipy") for count in counts]
    on_gpu = [Opponent(way, "gpu", cores, "cufft") for way in WAYS]
    on_gpu.append(Opponent("litho", "gpu", cores, "cufft", graph=True))
    return (*theirs, *ours, *(on_gpu if gpu else []))


class SpeedRun:
    """A run of the benchmark; use it as a context, which ends the opponents' processes."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        meters: EnergyMeters,
        save: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        self.plan, self._folder, self._meters, self._save, self._say = plan, folder, meters, save, say
        self.rounds: list[Round] = []
        self._stack = ExitStack()
        self._workers = {o: self._stack.enter_context(Worker(o, plan.command)) for o in plan.opponents}
        self._double: Worker | None = None
        self._lost: str | None = None
        self.record: dict[str, Any] = {}

    def __enter__(self) -> SpeedRun:
        return self

    def __exit__(self, *what: object) -> None:
        self._stack.close()

    def run(self) -> dict[str, Any]:
        """Measure everything, and return the record."""
        gpu = any(o.device == "gpu" for o in self.plan.opponents)
        self.record = {
            "benchmark": "speed",
            "schema": SCHEMA,
            "started": _now(),
            "complete": False,
            "machine": machine_record(gpu, self._meters.gpu_figures()),
            "kernels": KERNEL_COUNT,
            "effort": asdict(self.plan.effort),
            "opponents": [o.as_dict() for o in self.plan.opponents],
            "missing": self.missing(),
            "energy_counters": self._meters.as_dict(),
            "cases": [],
        }
        self._save(self.record)
        self._start_double()
        for number, case in enumerate(self.plan.cases):
            self._say(f"{case.name}  ({number + 1} of {len(self.plan.cases)})")
            self._one(case)
        self._say("steps and ceilings")
        self.record["ceilings"] = self._of_devices("ceilings")
        self.record["steps"] = self._of_steps()
        self.record |= {
            "projection": self._projection(),
            "load_average_after": list(os.getloadavg()),
            "finished": _now(),
            "complete": True,
        }
        self._save(self.record)
        return self.record

    def missing(self) -> list[str]:
        """Return what cannot be measured here, a sentence each."""
        absent = [name for name in PACKAGES if name not in installed()]
        found = [f"Transforms of {name} are not installed (pip install 'litho[bench]')." for name in absent]
        if not any(o.device == "gpu" for o in self.plan.opponents):
            found.append("No GPU takes part: its times, its energy and every ratio to it remain unmeasured.")
        return [*found, *self._meters.missing()]

    def _start_double(self) -> None:
        cores = max(o.threads for o in self.plan.opponents)
        reference = Opponent("full grid", "cpu", cores, "scipy")
        self._double = self._workers.get(reference) or self._stack.enter_context(Worker(reference, self.plan.command))

    def _one(self, case: Case) -> None:
        taking = {o: self._workers[o] for o in self.plan.opponents if self._takes_part(case, o)}
        done = Round(case, taking, self._folder, self.plan.effort)
        if not done.scene.exists():
            write_scene(case.size_nm, done.scene)
        done.agree(self._double)
        self._check_device(done)
        if done.failed is None:
            done.take_times()
            self._check_device(done)
            self._meters.take(done, self.plan.effort.energy_window_s)
            done.close()
            self._check_device(done)
        self.rounds.append(done)
        self.record["cases"].append(done.as_dict())
        self._save(self.record)

    def _takes_part(self, case: Case, opponent: Opponent) -> bool:
        """Whether an opponent computes a case; long ones only with the transforms that were the strongest."""
        if not takes_part(case, opponent) or (opponent.device == "gpu" and self._lost is not None):
            return False
        if case.kind != "ilt" or opponent.device == "gpu" or opponent.way != "litho":
            return True
        return strongest_fft(self.rounds, opponent.threads, case) in (None, opponent.fft)

    def _check_device(self, done: Round) -> None:
        """After a GPU failed an opponent: see whether it is still there, and say so if not."""
        if done.lost is None or self._lost is not None:
            return
        gpu = next(o for o in self.plan.opponents if o.device == "gpu")
        given = {"case": asdict(done.case), "scene": str(done.scene)}
        try:
            self._workers[gpu].ask("memory", **given)
        except WorkerError:
            self._lost = f"The GPU was lost in {done.case.name} ({done.lost}); finished cases are kept."
            self.record["missing"].append(self._lost)
            self._say(self._lost)
        done.lost = None

    def _of_devices(self, what: str) -> list[dict[str, Any]]:
        """Ask one of our opponents on each device, with all its threads and with one."""
        found = []
        for opponent in self._ours_with("scipy"):
            try:
                found.append({"opponent": opponent.name, **self._workers[opponent].ask(what)})
            except WorkerError as error:
                found.append({"opponent": opponent.name, "reason": str(error)})
        return found

    def _of_steps(self) -> list[dict[str, Any]]:
        images = [case for case in self.plan.cases if case.kind == "image" and case.size_nm <= 2048]
        if not images:
            return []
        case, found = max(images, key=lambda c: (c.size_nm, -c.clips)), []
        scene = str(self._folder / f"scene_{case.size_nm:g}.npz")
        for opponent in (o for o in self.plan.opponents if o.way == "litho" and not (o.graph or self._gone(o))):
            try:
                steps = self._workers[opponent].ask("steps", case=asdict(case), scene=scene)["steps"]
                found.append({"opponent": opponent.name, "case": case.name, "steps": steps})
            except WorkerError as error:
                found.append({"opponent": opponent.name, "case": case.name, "reason": str(error)})
        return found

    def _ours_with(self, fft: str) -> list[Opponent]:
        found = [o for o in self.plan.opponents if o.way == "litho" and o.fft in (fft, "cufft") and not o.graph]
        return [o for o in found if not self._gone(o)]

    def _gone(self, opponent: Opponent) -> bool:
        return opponent.device == "gpu" and self._lost is not None

    def _projection(self) -> dict[str, Any] | None:
        """Return what the rates of the largest correction mean; None if there was none."""
        largest = sorted((r for r in self.rounds if r.case.kind == "ilt" and r.timed), key=lambda r: -r.case.area_um2)
        if not largest:
            return None
        rates, names = [], {}
        for device in ("cpu", "gpu"):
            best = largest[0].fastest(way="litho", device=device)
            if best is not None:
                rates.append(_rate(best, largest[0].results[best]))
                names[device] = best.name
        found = projection(rates, self.plan.devices, names.get("cpu"), names.get("gpu"))
        return found | {"case": largest[0].case.name}


def _rate(opponent: Opponent, result: dict[str, Any]) -> Rate:
    """Return an opponent's rate with the widest energy that is known of it: of a GPU never its host's alone."""
    scopes = ("board",) if opponent.device == "gpu" else ("package",)
    energy = [entry for entry in result.get("energy", []) if entry["scope"].startswith(scopes)]
    known = [entry for entry in energy if entry["quality"] != "unavailable"]
    if not known:
        return Rate(opponent.name, result["um2_per_s"])
    value = known[-1]["j_per_um2"]
    ends = (value, value) if known[-1]["quality"] == "measured" else (value[0], value[1])
    label = f"{known[-1]['quality']}, {known[-1]['scope']}, {known[-1]['method']}"
    return Rate(opponent.name, result["um2_per_s"], ends, label)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
