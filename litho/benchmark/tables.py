"""The record in the terminal: times and ratios, steps beside their floors, energy, the projection, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from litho.benchmark.counts import Count
from litho.benchmark.record import best_steps, cases_of, cores, fastest, over_floor, problems, ratio_of

WIDTH = 132
"""Columns where the output is not a terminal."""

Record = Mapping[str, Any]


def show_record(record: Record) -> None:
    """Print everything that a record says."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    machine = record["machine"]
    load = machine["load_average"][0]
    gpu = machine["gpu"]["name"] if machine["gpu"] else f"no GPU: {machine['gpu_problem'] or 'not asked for'}"
    console.print(escape(f"{machine['cpu']}, {machine['cores']} cores (load {load:.1f} before); {gpu}"))
    for table in (_times(record), _steps(record), _energy(record)):
        if table.row_count:
            console.print(table)
    tdp = record["energy_counters"]["tdp"]
    if tdp is not None:
        share = f"{tdp['idle_share']:g} to 1 of {tdp['watts']:g} W"
        console.print(escape(f"Modelled energy: time x {share}, the TDP according to {tdp['source']}."), soft_wrap=True)
    for text in _projection(record):
        console.print(escape(text), soft_wrap=True)
    for text in record["missing"]:
        console.print(escape(f"Missing: {text}"), soft_wrap=True)
    for text in problems(record):
        console.print(escape(text), style="bold red", soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=column != "how it is known")
    return table


def _times(record: Record) -> Table:
    """Return a row per case: the textbook on one core, ours on one and on all, the GPU, and ratios."""
    many, on_gpu = cores(record), any(o["device"] == "gpu" for o in record["opponents"])
    title = "Median time ± half the quartiles' distance, with the fastest of the transforms s(cipy), m(kl), f(ftw)"
    columns = ["case", "full grid, 1 core", "litho, 1 core", *([f"litho, {many} cores"] if many > 1 else [])]
    columns += ["full grid / litho", *(["litho, GPU", "CPU / GPU"] if on_gpu else []), "x floor", "difference"]
    table = _table(title, *columns)
    for case in record["cases"]:
        full, one = fastest(record, case, "full grid", threads=1), fastest(record, case, "litho", threads=1)
        cells = [_time_cell(full), _time_cell(one)]
        if many > 1:
            cells.append(_time_cell(fastest(record, case, "litho", threads=many)))
        cells.append(_ratio_cell(ratio_of(full, one)))
        if on_gpu:
            gpu = fastest(record, case, "litho", "gpu")
            cells += [_time_cell(gpu), _ratio_cell(ratio_of(fastest(record, case, "litho"), gpu))]
        best = fastest(record, case, "litho", "gpu") or fastest(record, case, "litho")
        times = over_floor(record, case, best)
        cells.append("" if times is None else f"{times:.2g}")
        table.add_row(case["name"], *cells, _difference_cell(case))
    return table


def _time_cell(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return ""
    t, fft = result["timing"], result["opponent"].rpartition(", ")[2][0]
    unit, scale = ("ms", 1e3) if t["median_s"] < 1 else ("s", 1.0)
    spread = 50 * (t["high_s"] - t["low_s"]) / t["median_s"]
    return f"{t['median_s'] * scale:.3g} {unit} ±{spread:.0f}%" + ("" if fft == "G" else f" {fft}")


def _ratio_cell(found: Mapping[str, float] | None) -> str:
    return "" if found is None else f"{found['median']:.3g} ({found['low']:.3g}-{found['high']:.3g})"


def _difference_cell(case: Mapping[str, Any]) -> str:
    known = [r["agreement"] for r in case["results"] if "agreement" in r]
    if not known:
        return ""
    worst = max((a["difference"] for a in known if a["difference"] is not None), default=float("nan"))
    return f"{worst:.1e} of {known[0]['largest']:.0e}" if case["failed"] is None else f"{worst:.1e} FAILED"


def _steps(record: Record) -> Table:
    """Return the steps of one image and its adjoint: time, bytes, rates, and the floor by the measured ceilings."""
    shown = best_steps(record)
    name = shown[0][0]["case"] if shown else ""
    columns = ("step", "by", "time", "counted MB", "GB/s", "Gflop/s", "floor", "time / floor")
    table = _table(f"Steps of {name}, counted by shape; floors by the measured copy and matrix product", *columns)
    for entry, ceiling in shown:
        for step in entry["steps"]:
            floor = floor_s(step, ceiling)
            seconds = step["median_s"]
            rates = (step["moved_bytes"] / seconds * 1e-9, step["flops"] / seconds * 1e-9)
            table.add_row(
                step["name"],
                entry["opponent"],
                f"{1e3 * seconds:.3g} ms",
                f"{step['moved_bytes'] * 1e-6:.3g}",
                *(f"{rate:.3g}" for rate in rates),
                f"{1e3 * floor:.3g} ms",
                f"{seconds / floor:.2f}",
            )
    return table


def floor_s(step: Mapping[str, Any], ceiling: Mapping[str, Any]) -> float:
    """Return the least time of a step on a machine of such a copy bandwidth and matrix rate."""
    count = Count(step["moved_bytes"], step["flops"])
    return count.floor_s(ceiling["copy_bytes_per_s"], ceiling["matmul_flops_per_s"])


def _energy(record: Record) -> Table:
    """Return the energy of the fastest opponent of each device; the record has that of all."""
    table = _table("Energy of a computation", "case", "by", "J", "J / µm²", "µm²/s per MW", "idle J", "how it is known")
    for case in cases_of(record):
        best = [fastest(record, case, "litho", device) for device in ("cpu", "gpu")]
        for result in filter(None, best):
            for value in result.get("energy", []):
                if value["quality"] == "unavailable":
                    continue
                cells = (_interval(value[key]) for key in ("joules", "j_per_um2", "um2_per_s_per_mw"))
                idle = "" if value["idle_joules"] is None else f"{value['idle_joules']:.3g}"
                known = f"{value['quality']}, {value['scope']}, {value['method']}"
                table.add_row(case["name"], result["opponent"], *cells, idle, escape(known))
            found = result.get("energy_ratio")
            if found is not None:
                ends = f"CPU / GPU {_interval([found['low'], found['high']])}"
                table.add_row(case["name"], ends, "", "", "", "", f"CPU {found['cpu']}; GPU {found['gpu']}")
    return table


def _interval(value: Any) -> str:
    ends = value if isinstance(value, list | tuple) else (value, value)
    low, high = ("?" if end is None else f"{end:.3g}" for end in ends)
    return low if low == high else f"{low} to {high}"


def _projection(record: Record) -> Iterator[str]:
    """Yield what the rates mean, a line each, labelled."""
    found = record.get("projection")
    if not found:
        return
    yield f"Projection, not a measurement, from {found['case']}: {found['formula']}."
    for row in found["rows"]:
        text = f"  {row['device']}: {row['um2_per_s']:.3g} µm²/s; on {found['devices']} a 26 x 33 mm field takes "
        text += f"{row['field_hours']:,.3g} h, {found['layers']} of them {row['mask_set_hours']:,.4g} h"
        if row["field_kwh"] is not None:
            text += f"; {_interval(row['field_kwh'])} kWh a field ({row['energy']})"
        yield text
    if "cpus_one_gpu_replaces" in found:
        yield f"  One GPU does the work of {found['cpus_one_gpu_replaces']:.3g} of these CPUs; a mask set in "
        yield f"  {found['night_hours']:g} h takes {found['gpus_for_a_mask_set_overnight']:,} GPUs."
    claim = found["culitho"]
    yield f"  cuLitho, announced: {claim['announced']} ({claim['announced_source']})."
    yield f"  cuLitho, quoted: {claim['quoted']} ({claim['quoted_source']})."
