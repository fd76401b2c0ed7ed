"""Plots of a record: time against size, speed-up, energy per area, and the roofline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litho.benchmark.record import best_steps, cases_of, cores, fastest, ratio_of, timed
from litho.plot_style import label_axes, new_figure, set_title, write_figure
from litho.scene import COLORS

Record = Mapping[str, Any]

KINDS = {
    "image": "aerial image, 1 nm pixels",
    "gradient": "loss and gradient, three corners, 4 nm pixels",
    "ilt": "correction",
}


def write_plots(record: Record, folder: Path) -> list[Path]:
    """Write the plots of what was measured into a folder, and return their paths."""
    figures = {
        "time.png": time_plot(record),
        "speedup.png": speedup_plot(record),
        "energy.png": energy_plot(record),
        "roofline.png": roofline_plot(record),
    }
    return [write_figure(figure, folder / name) for name, figure in figures.items() if figure is not None]


def time_plot(record: Record) -> Figure | None:
    """Return time against the size of single clips, one panel each for images and gradients."""
    kinds = [kind for kind in ("image", "gradient") if cases_of(record, kind, single=True)]
    if not kinds:
        return None
    figure = new_figure(5.6 * len(kinds), 4.6)
    for number, kind in enumerate(kinds):
        axes = figure.add_subplot(1, len(kinds), number + 1)
        for label, way, device, threads, style in _curves(record):
            _curve(axes, record, kind, label, (way, device, threads), style)
        _log_sizes(axes, [case["size_nm"] for case in cases_of(record, kind, single=True)])
        axes.set_yscale("log")
        label_axes(axes, "field, µm", "time, s: median and quartiles")
        set_title(axes, KINDS[kind], pad=10)
        axes.legend(fontsize=8, frameon=False)
    return figure


def _curve(
    axes: Axes, record: Record, kind: str, label: str, who: tuple[str, str, int | None], style: Mapping[str, Any]
) -> None:
    points = [(case["size_nm"], fastest(record, case, *who)) for case in cases_of(record, kind, single=True)]
    found = [(size * 1e-3, result["timing"]) for size, result in points if result is not None]
    if not found:
        return
    sizes, times = zip(*found, strict=True)
    middle = [t["median_s"] for t in times]
    below = [t["median_s"] - t["low_s"] for t in times]
    above = [t["high_s"] - t["median_s"] for t in times]
    axes.errorbar(sizes, middle, yerr=[below, above], label=label, marker="o", markersize=4, capsize=2, **style)


def _curves(record: Record) -> list[tuple[str, str, str, int | None, dict[str, Any]]]:
    many = cores(record)
    curves: list[tuple[str, str, str, int | None, dict[str, Any]]] = [
        ("full grid, 1 core", "full grid", "cpu", 1, {"color": COLORS["target"], "linestyle": "--"}),
        ("litho, 1 core", "litho", "cpu", 1, {"color": COLORS["mask"]}),
    ]
    if many > 1:
        curves.append((f"litho, {many} cores", "litho", "cpu", many, {"color": COLORS["print"]}))
    curves.append(("full grid, GPU", "full grid", "gpu", None, {"color": COLORS["band"], "linestyle": "--"}))
    curves.append(("litho, GPU", "litho", "gpu", None, {"color": COLORS["violation"]}))
    return curves


def speedup_plot(record: Record) -> Figure | None:
    """Return how much faster ours is than the textbook's way on one core, and a GPU than the strongest CPU."""
    many, rows = cores(record), []
    for case in cases_of(record):
        full, one = fastest(record, case, "full grid", threads=1), fastest(record, case, "litho", threads=1)
        every, gpu = fastest(record, case, "litho", threads=many), fastest(record, case, "litho", "gpu")
        if many > 1:
            rows.append((case["name"], f"1 core / {many} cores", ratio_of(one, every), "print"))
        rows.append((case["name"], "full grid / litho, 1 core", ratio_of(full, one), "mask"))
        rows.append((case["name"], "CPU / GPU", ratio_of(fastest(record, case, "litho"), gpu), "violation"))
    return _bars([(name, label, _ends(found), color) for name, label, found, color in rows], "times as fast")


def energy_plot(record: Record) -> Figure | None:
    """Return energy per area of the fastest opponents; measured values as points, modelled ones as intervals."""
    rows = []
    for case in cases_of(record):
        for name, result in timed(case):
            for value in result.get("energy", []):
                if value["quality"] != "unavailable" and _is_fastest(record, case, name):
                    ends = value["j_per_um2"]
                    low, high = ends if isinstance(ends, Sequence) else (ends, ends)
                    color = "violation" if "board" in value["scope"] else "mask"
                    label = f"{value['scope']}, {value['quality']}"
                    rows.append((f"{case['name']}, {name}", label, (low, high, high if low == high else None), color))
    return _bars(rows, "J per µm²: intervals are modelled, points measured")


def _is_fastest(record: Record, case: Mapping[str, Any], name: str) -> bool:
    best = (fastest(record, case, "litho", device) for device in ("cpu", "gpu"))
    return any(result is not None and result["opponent"] == name for result in best)


def _ends(found: Mapping[str, float] | None) -> tuple[float, float, float | None] | None:
    return None if found is None else (found["low"], found["high"], found["median"])


def _bars(rows: Sequence[tuple[str, str, tuple[float, float, float | None] | None, str]], unit: str) -> Figure | None:
    """Return intervals on a logarithmic axis, one line each, in one colour for each label."""
    known = [(name, label, ends, color) for name, label, ends, color in rows if ends is not None]
    if not known:
        return None
    names = list(dict.fromkeys(name for name, _, _, _ in known))
    figure = new_figure(8.4, 1.6 + 0.3 * len(names))
    axes = figure.add_subplot()
    shown: set[str] = set()
    for name, label, (low, high, middle), color in known:
        y = len(names) - names.index(name)
        alpha, told = 0.8 if middle is None else 0.45, "_" if label in shown else label
        axes.plot([low, high], [y, y], linewidth=5, alpha=alpha, color=COLORS[color], label=told)
        shown.add(label)
        if middle is not None:
            axes.plot([middle], [y], "o", markersize=5, color=COLORS[color])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_yticks(range(len(names), 0, -1), names)
    axes.grid(axis="x", color=COLORS["grid"], linewidth=0.6)
    label_axes(axes, unit, "")
    axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return figure


def roofline_plot(record: Record) -> Figure | None:
    """Return the steps over their operations per byte, under the measured bandwidth and matrix rate of each device."""
    shown = best_steps(record)
    if not shown:
        return None
    figure = new_figure(8.4, 5.4)
    axes = figure.add_subplot()
    colors = (COLORS["mask"], COLORS["print"], COLORS["violation"], COLORS["rule"])
    markers = "osD^vP"
    for color, (entry, ceiling) in zip(colors, shown, strict=False):
        slope, peak = ceiling["copy_bytes_per_s"], ceiling["matmul_flops_per_s"]
        xs = (0.1, peak / slope, 300.0)
        axes.plot(xs, [min(peak, slope * x) for x in xs], color=color, linewidth=1.4, label=entry["opponent"])
        for marker, step in zip(markers, entry["steps"], strict=True):
            x, y = step["flops"] / step["moved_bytes"], step["flops"] / step["median_s"]
            axes.plot([x], [y], marker, color=color, markersize=6, alpha=0.85)
    for marker, step in zip(markers, shown[0][0]["steps"], strict=True):
        axes.plot([], [], marker, color=COLORS["muted"], linestyle="none", label=step["name"])
    axes.set(xscale="log", yscale="log")
    label_axes(axes, "operations per byte, counted", "operations per second, measured")
    set_title(axes, f"Roofline, {shown[0][0]['case']}: measured copy bandwidth and matrix product", pad=10)
    axes.legend(fontsize=8, frameon=False, ncols=2)
    return figure


def _log_sizes(axes: Axes, sizes_nm: Sequence[float]) -> None:
    sizes = sorted({size * 1e-3 for size in sizes_nm})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_xticks([], minor=True)
