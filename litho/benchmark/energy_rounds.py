"""Counters of this machine, and the energy of what was timed: measured where they can be read, else modelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from litho.benchmark.energy import (
    IDLE_SHARE,
    Counter,
    Energy,
    added,
    energy_ratio,
    idle_watts,
    measured,
    modelled,
    unavailable,
)
from litho.benchmark.nvml import BoardCounter, board_counter, bus_id_of_cuda
from litho.benchmark.opponents import Opponent
from litho.benchmark.rapl import CounterError, rapl_counter
from litho.benchmark.rounds import Round
from litho.benchmark.workers import WorkerError


@dataclass(frozen=True)
class Tdp:
    """Thermal design power that stands in for a counter.

    Parameters
    ----------
    watts
        of all packages of the machine, or of the share that it may use
    source
        where the number is from
    idle_share
        lower end of the power, as a share
    """

    watts: float
    source: str
    idle_share: float = IDLE_SHARE

    def __post_init__(self) -> None:
        modelled(1.0, self.watts, self.source, self.idle_share)


@dataclass
class EnergyMeters:
    """What counts energy here; made by `energy_meters`.

    Parameters
    ----------
    cpu, gpu
        counters, or why there is none
    tdp
        for the host where it has no counter
    idle_w
        power of each counter's idle machine, by scope
    """

    cpu: Counter | str
    gpu: Counter | str
    tdp: Tdp | None = None
    idle_w: dict[str, float] = field(default_factory=dict)

    def take_idle(self, window_s: float) -> None:
        """Measure what the machine takes while it does nothing."""
        for counter in (self.cpu, self.gpu):
            if not isinstance(counter, str):
                self.idle_w[counter.scope] = idle_watts(counter, window_s)

    def take(self, done: Round, window_s: float | None) -> None:
        """Give each timed result of our way its energy; the fastest of each device is measured, if that is asked for.

        Each gets a list: of a GPU the board, the host, and both together; of a host one value.
        """
        counted = {done.fastest(way="litho", device="cpu"), done.fastest(way="litho", device="gpu")}
        kept: dict[str, Energy] = {}
        for opponent, result in done.timed.items():
            window = window_s if opponent in counted else None
            values = self._values(done, opponent, float(result["timing"]["median_s"]), window)
            result["energy"] = [value.as_dict(done.case.area_um2) for value in values]
            if opponent in counted:
                kept[opponent.device] = values[-1] if values[-1].low_j is not None else values[0]
        if set(kept) == {"cpu", "gpu"}:
            best = done.fastest(way="litho", device="gpu")
            assert best is not None
            done.results[best]["energy_ratio"] = energy_ratio(kept["cpu"], kept["gpu"])

    def _values(self, done: Round, opponent: Opponent, seconds: float, window_s: float | None) -> list[Energy]:
        repeat: Callable[[float], tuple[int, float]] = lambda least: done.repeat(opponent, least)  # noqa: E731
        if opponent.device == "cpu":
            return [self._host(repeat, seconds, window_s)]
        board = self._counted(self.gpu, "board", repeat, window_s)
        host = self._host(repeat, seconds, window_s)
        return [board, host, added(board, host)]

    def _host(self, repeat: Callable[[float], tuple[int, float]], seconds: float, window_s: float | None) -> Energy:
        if isinstance(self.cpu, str) and self.tdp is not None:
            return modelled(seconds, self.tdp.watts, self.tdp.source, self.tdp.idle_share)
        return self._counted(self.cpu, "package", repeat, window_s)

    def _counted(
        self, counter: Counter | str, scope: str, repeat: Callable[[float], tuple[int, float]], window_s: float | None
    ) -> Energy:
        if isinstance(counter, str):
            return unavailable(scope, counter)
        if window_s is None:
            return unavailable(counter.scope, "no window was measured for this opponent")
        try:
            return measured(counter, repeat, self.idle_w.get(counter.scope), window_s)
        except (CounterError, WorkerError) as error:
            return unavailable(counter.scope, str(error))

    def gpu_figures(self) -> dict[str, Any]:
        """Return what the board's counter says of driver and clocks; nothing where there is none."""
        return self.gpu.figures() if isinstance(self.gpu, BoardCounter) else {}

    def missing(self) -> list[str]:
        """Return why energy is not measured, a sentence for each counter that is not there."""
        told = []
        if isinstance(self.cpu, str):
            instead = "it is modelled from a TDP" if self.tdp else "give --cpu-tdp-w and --tdp-source to model it"
            told.append(f"Energy of the CPU is not measured: {self.cpu}; {instead}.")
        if isinstance(self.gpu, str):
            told.append(f"Energy of a GPU is not measured: {self.gpu}.")
        return told

    def as_dict(self) -> dict[str, Any]:
        """Return what a record says of the counters."""
        found = {
            name: {"problem": counter}
            if isinstance(counter, str)
            else {"method": counter.method, "scope": counter.scope}
            for name, counter in (("cpu", self.cpu), ("gpu", self.gpu))
        }
        return {**found, "idle_w": self.idle_w, "tdp": None if self.tdp is None else vars(self.tdp)}


def energy_meters(gpu: bool, tdp: Tdp | None = None) -> EnergyMeters:
    """Return the counters of this machine; `gpu` says whether a GPU takes part."""
    return EnergyMeters(_or_why(rapl_counter), _or_why(_board) if gpu else "no GPU takes part", tdp)


def _board() -> Counter:
    return board_counter(bus_id_of_cuda())


def _or_why(make: Callable[[], Counter]) -> Counter | str:
    try:
        return make()
    except CounterError as error:
        return str(error)
