"""What handing out tiles costs, and what a second worker gains.

    python -m benchmarks.chip_scaling --json benchmarks/results/chip_scaling_cpu.json
        [--layout gcd_45nm.gds --layer 11/0 --window 0,0,8000,8000] [--rounds 3]

Toy tiles keep one core busy for a known number of turns, so that their own time is the same whoever computes them.
Each worker has one thread. Because a machine's second core is not always worth a whole one, the same turns are timed
in bare processes as well, one and two at a time: no executor can gain more than these do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from litho.chip.executors import Executor, Task, Work, serial
from litho.chip.processes import local_processes
from litho.chip.store import TileStore
from litho.commands import parse_window
from litho.info import environment

TASKS = {"empty": 200, "stored": 200, "busy": 24}
WORKERS = (1, 2)


def empty(task: Task) -> None:
    """Do nothing: what is left is what handing out costs."""


def stored(task: Task, folder: Path) -> None:
    """Write a tile file of 1 MB, flushed to the disk."""
    TileStore(folder).put(task.key, {"level": np.zeros((512, 512), np.float32)}, {})


def busy(task: Task) -> None:
    """Keep one core busy."""
    spin(task.payload["turns"])


def spin(turns: int) -> int:
    """Return a number that takes so many turns to find."""
    total = 0
    for turn in range(turns):
        total = (total * 1103515245 + turn) % 2147483648
    return total


def turns_per_second() -> float:
    """Return how many turns this machine takes in a second, one process alone."""
    begin = time.perf_counter()
    spin(2_000_000)
    return 2_000_000 / (time.perf_counter() - begin)


def tasks(count: int, **payload: Any) -> list[Task]:
    """Return tasks with distinct keys."""
    return [Task(f"{number:064x}", f"{number}", payload) for number in range(count)]


def wall_s(executor: Executor, work: Work, todo: list[Task]) -> tuple[float, float]:
    """Return wall time of tasks, and the sum of their own times, once workers have begun."""
    with closing(executor.run(empty, tasks(2 * executor.workers))) as first:
        list(first)  # processes start, modules are imported
    begin = time.perf_counter()
    outcomes = list(executor.run(work, todo))
    wall = time.perf_counter() - begin
    assert all(outcome.error is None for outcome in outcomes), outcomes
    return wall, sum(outcome.seconds for outcome in outcomes)


def bare_s(processes: int, turns: int, count: int) -> float:
    """Return the wall time of so many spins, shared by processes that do nothing else."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes) as pool:
        pool.map(spin, [1] * processes)
        begin = time.perf_counter()
        pool.map(spin, [turns] * count, chunksize=1)
        return time.perf_counter() - begin


def executors(cluster: bool) -> dict[str, Callable[[], Executor]]:
    """Return who is measured, by name."""
    found: dict[str, Callable[[], Executor]] = {"serial": serial}
    found |= {f"processes {count}": partial(local_processes, count) for count in WORKERS}
    if cluster:
        from litho.chip.dask_cluster import dask_cluster

        found |= {f"dask {count}": partial(dask_cluster, workers=count) for count in WORKERS}
    return found


def toys(rounds: int, busy_s: float, cluster: bool) -> dict[str, dict[str, float]]:
    """Return medians over rounds, in which all executors take turns."""
    turns = round(busy_s * turns_per_second())
    rows: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, make in executors(cluster).items():
            with tempfile.TemporaryDirectory() as folder, closing(make()) as executor:
                row = rows.setdefault(name, {})
                works: dict[str, Work] = {"empty": empty, "stored": partial(stored, folder=Path(folder)), "busy": busy}
                for kind, work in works.items():
                    wall, own = wall_s(executor, work, tasks(TASKS[kind], turns=turns))
                    row.setdefault(f"{kind}_s", []).append(wall)
                    row.setdefault(f"{kind}_overhead_ms", []).append(
                        1e3 * (wall * executor.workers - own) / TASKS[kind]
                    )
        for count in WORKERS:
            row = rows.setdefault(f"bare processes {count}", {})
            row.setdefault("busy_s", []).append(bare_s(count, turns, TASKS["busy"]))
    return {name: {key: round(statistics.median(v), 4) for key, v in row.items()} for name, row in rows.items()}


def chip(layout: Path, layer: str | None, window: str | None, rounds: int) -> dict[str, Any]:
    """Return wall times of a whole correction with one and with two workers, and the share that is no tile's time."""
    from litho.chip.run import correct_chip
    from litho.config import load_recipe

    box = None if window is None else parse_window(window)
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for count in WORKERS:
            with tempfile.TemporaryDirectory() as folder, local_processes(count) as executor:
                begin = time.perf_counter()
                correct_chip(layout, load_recipe("chip"), folder, executor, layer=layer, window_nm=box)
                wall = time.perf_counter() - begin
                noted = json.loads((Path(folder) / "manifest.json").read_text())["passes"]
            entries = [entry for one in noted.values() for entry in one["ended"].values()]
            own = sum(entry.get("seconds", 0.0) for entry in entries)
            row = {"wall_s": wall, "tiles_s": own, "tasks": len(entries), "overhead": 1 - own / (wall * count)}
            found.setdefault(f"processes {count}", []).append(row)
    medians = {
        name: {key: round(statistics.median(row[key] for row in rows), 4) for key in rows[0]}
        for name, rows in found.items()
    }
    return {"layout": layout.name, "window": window, **medians}


def gain(rows: dict[str, Any], name: str, key: str) -> float:
    """Return how much faster two workers are than one."""
    return round(float(rows[f"{name} 1"][key] / rows[f"{name} 2"][key]), 3)


def main() -> None:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy-s", type=float, default=0.25, help="time of a busy toy tile")
    parser.add_argument("--no-cluster", action="store_true", help="leave dask.distributed out")
    parser.add_argument("--layout", type=Path)
    parser.add_argument("--layer")
    parser.add_argument("--window")
    given = parser.parse_args()
    rows = toys(given.rounds, given.busy_s, not given.no_cluster)
    names = ["bare processes", "processes"] + ["dask"] * (not given.no_cluster)
    gains: dict[str, float] = {name: gain(rows, name, "busy_s") for name in names}
    record: dict[str, Any] = {"benchmark": "chip_scaling", **environment("cpu"), "toys": rows, "gain_of_two": gains}
    if given.layout is not None:
        record["chip"] = chip(given.layout, given.layer, given.window, given.rounds)
        gains["chip"] = gain(record["chip"], "processes", "wall_s")
    for name, row in rows.items():
        print(f"{name:18}", "  ".join(f"{key} {value:9.4f}" for key, value in row.items()))
    print("chip", record.get("chip"), "\ngain of two workers", gains)
    given.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
