"""What a computation costs in energy, and how well that is known.

Every value has joules, a scope (board, package, package+dram), a method and a quality: *measured* by a counter over a
window of at least 5 s, *modelled* as an interval from a stated thermal design power (TDP), or *unavailable*. A modelled
value is an interval wherever it is shown, and a ratio of two values is shown with the labels of both.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

LEAST_WINDOW_S = 5.0
"""Counters are refreshed some ten times a second: a shorter window would be uncertain by more than two per cent."""

IDLE_SHARE = 0.1
"""Lower end of a modelled power, as a share of TDP, if no other is given: an assumption, not a measurement."""

WATTS_PER_MEGAWATT = 1e6


class Counter(Protocol):
    """An energy counter: `litho.benchmark.rapl.RaplCounter` or `litho.benchmark.nvml.BoardCounter`."""

    @property
    def method(self) -> str:
        """How it counts."""

    @property
    def scope(self) -> str:
        """What it counts."""

    @property
    def longest_window_s(self) -> float:
        """Time in which its readings stay unambiguous."""

    def read(self) -> Any:
        """Return what it shows."""

    def joules(self, before: Any, after: Any) -> float:
        """Return what was used between two readings."""


@dataclass(frozen=True)
class Energy:
    """Energy of one computation.

    Parameters
    ----------
    low_j, high_j
        J; the same if measured, the ends of an interval if modelled, None if unavailable
    scope
        "board", "package", "package+dram", or both sides of a plus
    method
        "nvml_total_energy", "rapl", "tdp_x_time", or "none"
    quality
        "measured", "modelled" or "unavailable"
    note
        source of a TDP, why there is no value, or how the window was
    idle_j
        what the idle machine would have used in the same time; part of the value, not taken off; None if not known
    """

    low_j: float | None
    high_j: float | None
    scope: str
    method: str
    quality: str
    note: str
    idle_j: float | None = None

    def __post_init__(self) -> None:
        if self.quality not in ("measured", "modelled", "unavailable"):
            raise ValueError(f"`quality` must be measured, modelled or unavailable, but got {self.quality!r}.")
        ends = (self.low_j, self.high_j)
        if (self.quality == "unavailable") != (ends == (None, None)) or (None in ends and ends != (None, None)):
            raise ValueError(f"`low_j` and `high_j` must both be given unless unavailable, but got {ends}.")
        if self.quality == "measured" and self.low_j != self.high_j:
            raise ValueError(f"a measured value must be one number, but got {ends}.")

    @property
    def label(self) -> str:
        """Such as "measured, board, nvml_total_energy"."""
        return ", ".join([self.quality, *([self.scope, self.method] if self.quality != "unavailable" else [])])

    @property
    def net_j(self) -> float | None:
        """The measured value without what the idle machine would have used; None if either is not known."""
        return None if self.idle_j is None or self.low_j is None else self.low_j - self.idle_j

    def as_dict(self, area_um2: float) -> dict[str, Any]:
        """Return what a record says: the value, and what it means for an area in um^2."""
        found: dict[str, Any] = {
            "quality": self.quality,
            "scope": self.scope,
            "method": self.method,
            "note": self.note,
        }
        if self.low_j is None or self.high_j is None:
            return {**found, "joules": None}
        values = {"joules": (self.low_j, self.high_j), "j_per_um2": (self.low_j / area_um2, self.high_j / area_um2)}
        rates = [area_um2 / j * WATTS_PER_MEGAWATT if j > 0 else math.inf for j in (self.high_j, self.low_j)]
        for name, ends in {**values, "um2_per_s_per_mw": (rates[0], rates[1])}.items():
            found[name] = ends[0] if self.quality == "measured" else list(ends)
        return found | {"idle_joules": self.idle_j, "net_joules": self.net_j}


def unavailable(scope: str, why: str) -> Energy:
    """Return that there is no value, and why."""
    return Energy(None, None, scope, "none", "unavailable", why)


def modelled(seconds: float, tdp_w: float, source: str, idle_share: float = IDLE_SHARE) -> Energy:
    """Return the energy of a processor's package without a counter, as an interval.

    Parameters
    ----------
    seconds
        how long it computed
    tdp_w
        thermal design power of all packages
    source
        where that number is from
    idle_share
        of the TDP, that the package takes at least

    Returns
    -------
    Energy
        idle_share x TDP x time to TDP x time
    """
    if not (math.isfinite(tdp_w) and tdp_w > 0):
        raise ValueError(f"`tdp_w` must be a positive number of watts, but got {tdp_w}.")
    if not source.strip():
        raise ValueError("`source` must say where the TDP is from, but got nothing.")
    if not 0 <= idle_share <= 1:
        raise ValueError(f"`idle_share` must be in 0..1, but got {idle_share}.")
    note = f"{idle_share:g} to 1 of a TDP of {tdp_w:g} W ({source.strip()})"
    most = tdp_w * seconds
    return Energy(idle_share * most, most, "package", "tdp_x_time", "modelled", note)


def added(board: Energy, host: Energy) -> Energy:
    """Return what a GPU's board and its host take together; unavailable unless both are known."""
    scope = f"{board.scope}+{host.scope}"
    if board.low_j is None or board.high_j is None or host.low_j is None or host.high_j is None:
        return unavailable(scope, board.note if board.low_j is None else host.note)
    both = board.quality == host.quality == "measured"
    idle = None if board.idle_j is None or host.idle_j is None else board.idle_j + host.idle_j
    return Energy(
        board.low_j + host.low_j,
        board.high_j + host.high_j,
        scope,
        f"{board.method}+{host.method}",
        "measured" if both else "modelled",
        f"board: {board.note}; host: {host.note}",
        idle if both else None,
    )


def idle_watts(
    counter: Counter, window_s: float = LEAST_WINDOW_S, sleep: Callable[[float], None] = time.sleep
) -> float:
    """Return the power of a machine that does nothing for a window, W."""
    check_window(counter, window_s)
    begin, before = time.perf_counter(), counter.read()
    sleep(window_s)
    after = counter.read()
    return counter.joules(before, after) / max(time.perf_counter() - begin, window_s)


def measured(
    counter: Counter,
    repeat: Callable[[float], tuple[int, float]],
    idle_w: float | None,
    window_s: float = LEAST_WINDOW_S,
) -> Energy:
    """Measure the energy of one call of a computation.

    Parameters
    ----------
    counter
        what to read
    repeat
        takes seconds, computes for at least so long, and returns how many calls that were and how long they took
    idle_w
        power of the idle machine; None if not known
    window_s
        at least `LEAST_WINDOW_S`
    """
    check_window(counter, window_s)
    before = counter.read()
    calls, seconds = repeat(window_s)
    joules = counter.joules(before, counter.read())
    if seconds > counter.longest_window_s:
        why = f"{seconds:.0f} s are more than the {counter.longest_window_s:.0f} s after which the counter is ambiguous"
        return unavailable(counter.scope, why)
    note = f"{calls} calls in a window of {seconds:.1f} s"
    idle = None if idle_w is None else idle_w * seconds / calls
    return Energy(joules / calls, joules / calls, counter.scope, counter.method, "measured", note, idle)


def check_window(counter: Counter, window_s: float) -> None:
    """Refuse windows that are too short to count in, or too long to be unambiguous."""
    if not LEAST_WINDOW_S <= window_s <= counter.longest_window_s:
        most = counter.longest_window_s
        raise ValueError(f"`window_s` must be {LEAST_WINDOW_S:g} to {most:g} s, but got {window_s:g}.")


def energy_ratio(cpu: Energy, gpu: Energy) -> dict[str, Any] | None:
    """Return CPU over GPU energy as an interval, with the labels of both; None if either is unavailable."""
    if None in (cpu.low_j, cpu.high_j, gpu.low_j, gpu.high_j):
        return None
    assert cpu.low_j is not None and cpu.high_j is not None and gpu.low_j is not None and gpu.high_j is not None
    if min(gpu.low_j, gpu.high_j) <= 0:
        return None
    return {"low": cpu.low_j / gpu.high_j, "high": cpu.high_j / gpu.low_j, "cpu": cpu.label, "gpu": gpu.label}
