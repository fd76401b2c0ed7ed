"""One case: everybody computes it, all must agree, and only then is it timed and its energy counted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.benchmark.agreement import Agreement, compared, judged, same_quality
from litho.benchmark.cases import Case, kernels, read_scene
from litho.benchmark.counts import Count, gradient_count, least_count
from litho.benchmark.machine import too_large
from litho.benchmark.opponents import Opponent
from litho.benchmark.workers import Worker, WorkerError


@dataclass(frozen=True)
class Effort:
    """How long is measured.

    Parameters
    ----------
    seconds
        about how long each opponent repeats a case
    most
        calls at most
    steps
        of each stage of a correction at most; those of the settings if not given
    energy_window_s
        how long energy is counted; None: not at all
    """

    seconds: float = 1.0
    most: int = 50
    steps: int | None = None
    energy_window_s: float | None = None

    def calls(self, first_s: float) -> dict[str, Any]:
        """Return what a worker is asked for, after a first call that took so long."""
        return {"seconds": self.seconds, "least": 3 if first_s < 10 else 2, "most": self.most}


LONG_S = 5.0
"""What takes longer is not computed a second time to compare the bits."""


class Round:
    """One case and what its opponents found; `agree`, then `take_times`."""

    def __init__(self, case: Case, workers: Mapping[Opponent, Worker], folder: Path, effort: Effort) -> None:
        self.case, self.effort = case, effort
        self.scene = folder / f"scene_{case.size_nm:g}.npz"
        self.results: dict[Opponent, dict[str, Any]] = {o: {"opponent": o.name, "status": "open"} for o in workers}
        self._workers, self._file = workers, folder / "result.npy"
        self._reference: NDArray[Any] | None = None
        self._reference_is = ""
        self.lost: WorkerError | None = None
        self.failed: str | None = None

    def agree(self, double: Worker | None) -> None:
        """Let everybody compute the case once, and compare.

        Parameters
        ----------
        double
            who computes images and gradients in double precision, if there is memory for it
        """
        if double is not None and self.case.kind != "ilt":
            self._take_reference(double)
        for opponent in self.results:
            self._computed(opponent)
        if self.case.kind == "ilt":
            self._compare_masks()
        wrong = [r for r in self.results.values() if r.get("agreement") and not r["agreement"]["holds"]]
        if wrong:
            told = "; ".join(f"{r['opponent']} is off by {r['agreement']['difference']:.2g}" for r in wrong)
            largest = wrong[0]["agreement"]["largest"]
            self.failed = f"{self.case.name}: results must agree to {largest:.2g}, but {told}"
            for result in self.ready.values():
                result["status"] = "not timed"

    def take_times(self) -> None:
        """Time everybody who agreed."""
        for opponent, result in self.ready.items():
            try:
                timing = self._workers[opponent].ask("time", **self.effort.calls(result["first_s"]))
                result |= {"timing": timing, "um2_per_s": self.case.area_um2 / timing["median_s"]}
                if opponent.device == "gpu":
                    result["transfers"] = self._workers[opponent].ask("transfers")
                self.results[opponent] = result | {"status": "timed"}
            except WorkerError as error:
                self._broke(opponent, error)

    def close(self) -> None:
        """Let everybody let go of the case; what was found stays."""
        for opponent in self.timed:
            try:
                self._workers[opponent].ask("close")
            except WorkerError as error:
                self.lost = error if error.kind == "device" else self.lost

    def repeat(self, opponent: Opponent, seconds: float) -> tuple[int, float]:
        """Let one opponent compute the case for at least so long; return calls and seconds."""
        found = self._workers[opponent].ask("repeat", seconds=seconds)
        return int(found["calls"]), float(found["seconds"])

    @property
    def _floor(self) -> Count | None:
        """What an image must move, and what a gradient is counted at; a correction has no such count."""
        shape, given = self.case.grid.shape, kernels(self.case.size_nm)
        if self.case.kind == "image":
            return least_count(shape[0] * shape[1]) * self.case.clips
        if self.case.kind == "ilt":
            return None
        one = given[0]
        return gradient_count(shape, one.radius, one.band_shape, len(one.weights), len(given)) * self.case.clips

    @property
    def ready(self) -> dict[Opponent, dict[str, Any]]:
        """Results of those that computed and agreed."""
        return {o: r for o, r in self.results.items() if r["status"] == "agrees"}

    @property
    def timed(self) -> dict[Opponent, dict[str, Any]]:
        """Results of those that were timed."""
        return {o: r for o, r in self.results.items() if r["status"] == "timed"}

    def fastest(self, **wanted: Any) -> Opponent | None:
        """Return who took the least time among those with such `way`, `device` or `threads`; None if nobody."""
        given = [o for o in self.timed if all(getattr(o, name) == value for name, value in wanted.items())]
        return min(given, key=lambda o: float(self.results[o]["timing"]["median_s"]), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return what a record says of the case."""
        return {
            **self.case.as_dict(),
            "reference": self._reference_is,
            "failed": self.failed,
            "floor": None if self._floor is None else asdict(self._floor),
            "results": list(self.results.values()),
        }

    def _take_reference(self, double: Worker) -> None:
        given = {"case": asdict(self.case), "scene": str(self.scene)}
        try:
            memory = double.ask("memory", **given)
            if 2 * memory["needed_bytes"] < memory["free_bytes"]:
                double.ask("double", **given, file=str(self._file))
                self._reference, self._reference_is = np.load(self._file), "full grid in double precision"
        except WorkerError as error:
            self._reference_is = f"no double precision: {error}"

    def _computed(self, opponent: Opponent) -> None:
        worker, result = self._workers[opponent], self.results[opponent]
        given = {"case": asdict(self.case), "scene": str(self.scene)}
        try:
            memory = worker.ask("memory", **given)
            result["memory"] = memory
            if not memory["fits"]:
                sizes = memory["needed_bytes"], memory["free_bytes"], memory.get("total_bytes")
                result |= {"status": "refused", "reason": too_large(self.case.name, opponent.device, *sizes)}
                return
            worker.ask("open", **given, steps=self.effort.steps)
            result |= worker.ask("result", file=str(self._file))
            found = np.load(self._file)
            if result["first_s"] < LONG_S:
                worker.ask("result", file=str(self._file))
                result["same_bits"] = bool(np.array_equal(found, np.load(self._file)))
            self._compare(opponent, found)
        except WorkerError as error:
            self._broke(opponent, error)

    def _compare(self, opponent: Opponent, found: NDArray[Any]) -> None:
        result = self.results[opponent]
        result["status"] = "agrees"
        if self.case.kind == "ilt":
            given = read_scene(self.case.size_nm, self.scene)
            result["l2_plus_pvb_nm2"] = judged(self.case, given, found)
            return
        if self._reference is None:
            self._reference, self._reference_is = found[:1], f"{opponent.name}; {self._reference_is or 'alone'}"
        self._told(opponent, compared(self.case, self._reference, found))

    def _compare_masks(self) -> None:
        ready = self.ready
        if ready:
            found = [result["l2_plus_pvb_nm2"] for result in ready.values()]
            self._reference_is = f"median of all, {statistics.median(found):,.0f} nm2"
            for opponent, agreement in zip(ready, same_quality(self.case, found), strict=True):
                self._told(opponent, agreement)

    def _told(self, opponent: Opponent, agreement: Agreement) -> None:
        entry = {"difference": agreement.difference, "largest": agreement.largest, "holds": agreement.holds}
        self.results[opponent]["agreement"] = entry
        if not agreement.holds:
            self.results[opponent]["status"] = "disagrees"

    def _broke(self, opponent: Opponent, error: WorkerError) -> None:
        """Note that an opponent's process ended, and whether its device is still there."""
        self.results[opponent] |= {"status": "failed", "reason": str(error)}
        if error.kind == "device":
            self.lost = error


def strongest_fft(rounds: Sequence[Round], threads: int, case: Case) -> str | None:
    """Return the transforms with which our way was fastest in the gradient most like a case; None if there was none.

    On many cores a batch is shared among processes and a single clip among threads, so each goes by its own kind; of
    these the field nearest in size counts.
    """

    def likeness(done: Round) -> tuple[bool, float]:
        apart = abs(math.log(done.case.size_nm / case.size_nm))
        return (done.case.clips > 1) == (case.clips > 1), -apart

    for done in sorted((r for r in rounds if r.case.kind == "gradient"), key=likeness, reverse=True):
        best = done.fastest(way="litho", device="cpu", threads=threads)
        if best is not None:
            return best.fft
    return None
