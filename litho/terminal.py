"""Tables that the command line shows at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from litho.info import summary
from litho.rule_report import broken_rules


def working(text: str) -> AbstractContextManager[Any]:
    """Show what is being done while the block runs, with its time, where there is a terminal."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task(escape(text), total=None)
    return bar


def show_results(results: Sequence[Mapping[str, Any]], asked: int) -> None:
    """Print the figures of each clip, and their average if there are several."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("clip")
    for name in ("L2 nm²", "PV band nm²", "L2 + PVB", "EPE", "sites", "shots", "seconds"):
        table.add_column(name, justify="right")
    for figures in results:
        table.add_row(escape(str(figures["clip"])), *_cells(figures))
    if len(results) > 1:
        names = ("L2", "PVB", "EPE", "sites", "seconds")
        average: dict[str, Any] = {n: sum(float(r[n]) for r in results) / len(results) for n in names}
        average["shots"] = {"count": sum(r["shots"]["count"] for r in results) / len(results)}
        table.add_section()
        table.add_row("average", *_cells(average, ".1f"), style="bold")
    console = Console()
    console.print(table)
    _show_rules(results, console)
    if any(r["stopped_early"] for r in results):
        left = asked - len(results)
        missing = f"; {left} of {asked} clips were not begun" if left else ""
        console.print(f"Stopped early: these are the best masks so far{missing}.", style="yellow")


def _cells(figures: Mapping[str, Any], counts: str = "d") -> list[str]:
    l2, pvb = float(figures["L2"]), float(figures["PVB"])
    epe, sites, shots = (format(n, counts) for n in (figures["EPE"], figures["sites"], figures["shots"]["count"]))
    return [f"{l2:,.0f}", f"{pvb:,.0f}", f"{l2 + pvb:,.0f}", epe, sites, shots, f"{figures['seconds']:.1f}"]


def show_windows(results: Sequence[Mapping[str, Any]]) -> None:
    """Print what the cut lines of each clip measured, and the window that they share."""
    console = Console(highlight=False)
    for figures in results:
        if "window" not in figures:
            continue
        found = figures["window"]
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column(f"cut lines of {escape(str(figures['clip']))}")
        for name in ("CD nm", "NILS", "contrast", "latitude %", "DOF nm", "isofocal dose"):
            table.add_column(name, justify="right")
        for cut in found["cuts"]:
            numbers = (cut["cd_nm"], cut["nils"], cut["contrast"])
            latitude = None if cut["exposure_latitude"] is None else 100 * cut["exposure_latitude"]
            rest = ((latitude, ".2f"), (cut["depth_of_focus_nm"], ".1f"), (cut["isofocal_dose"], ".4f"))
            shown = ["none" if value is None else format(value, form) for value, form in rest]
            table.add_row(escape(cut["name"]), *(f"{n:.3f}" for n in numbers), *shown)
        console.print(table)
        for shape, window in found["windows"].items():
            depth, level = window["depth_of_focus_nm"], 100 * window["at_exposure_latitude"]
            console.print(f"  {shape}: depth of focus {depth:.0f} nm at {level:g} % exposure latitude")


def show_verifications(results: Sequence[Mapping[str, Any]]) -> None:
    """Print whether each clip passed, its edge placement, the mask rules that it breaks, and its hot spots."""
    console = Console(highlight=False)
    for figures in results:
        found = figures["verify"]
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column(f"edge placement of {escape(str(figures['clip']))}")
        for name in ("sites", "lost", "beyond", "mean nm", "rms nm", "lowest nm", "highest nm"):
            table.add_column(name, justify="right")
        for label, row in found["edge_placement_nm"].items():
            lengths = [row[name] for name in ("mean_nm", "rms_nm", "lowest_nm", "highest_nm")]
            counts = [str(row[name]) for name in ("sites", "lost", "beyond")]
            table.add_row(escape(label), *counts, *("none" if n is None else f"{n:.2f}" for n in lengths))
        console.print(table)
        _show_broken(figures, console)
        listed = ", ".join(f"{kind} {count}" for kind, count in found["hotspots"].items()) or "no hot spots"
        verdict, style = ("passed", "bold green") if found["passed"] else ("failed", "bold red")
        console.print(
            f"[{style}]{verdict}[/]: {escape(str(figures['clip']))}, {listed}, {_rules_text(figures)}", soft_wrap=True
        )


def _show_rules(results: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print how many masks keep the mask rules, and what the others break."""
    known = [figures for figures in results if "rules" in figures]
    checked = [figures for figures in known if figures["rules"]["clean"] is not None]
    if checked:
        clean = sum(bool(figures["rules"]["clean"]) for figures in checked)
        console.print(f"Mask rules: {clean} of {len(checked)} masks clean.", highlight=False)
    for figures in known:
        if not figures["rules"]["clean"]:
            told = f"  {escape(str(figures['clip']))}: {_rules_text(figures)}"
            console.print(told, style="yellow", highlight=False, soft_wrap=True)


def _show_broken(figures: Mapping[str, Any], console: Console) -> None:
    """Print a table of the mask rules that a mask breaks."""
    rows = broken_rules(figures.get("rules", {}))
    if not rows:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"broken mask rules of {escape(str(figures['clip']))}")
    for name in ("places", "worst", "limit"):
        table.add_column(name, justify="right")
    for row in rows:
        unit = " nm²" if row.rule in ("area", "hole") else " nm"
        table.add_row(row.rule, str(row.places), f"{row.worst:,.4g}{unit}", f"{row.limit:,.4g}{unit}")
    console.print(table)


def _rules_text(figures: Mapping[str, Any]) -> str:
    """Return whether mask rules are kept, for the end of a line."""
    rules = figures.get("rules", {})
    if rules.get("clean") is None:
        return "mask rules not checked: pixels have no outlines"
    listed = ", ".join(f"{rule} {count}" for rule, count in rules["violations"].items())
    return f"mask rules broken: {listed}" if listed else "mask rules kept"


def show_files(folders: Sequence[Path]) -> None:
    """Print what was written: the same files into each of several folders."""
    if not folders:
        return
    console = Console(highlight=False)
    names = sorted(file.name for file in folders[0].iterdir() if file.is_file())
    console.print(*(f"[bold]{escape(str(folder))}[/]" for folder in folders), sep="\n", soft_wrap=True)
    console.print("  " + "  ".join(map(escape, names)))


def show_info(as_json: bool) -> None:
    """Print devices, libraries, recipes and samples."""
    found = summary()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("litho", found["versions"]["litho"])
    table.add_row("computes on", f"{found['device']} (with --device auto)")
    table.add_row("cpu", f"{found['cpu']}, {found['cpus']} usable, {found['memory_bytes'] / 2**30:.1f} GiB free")
    table.add_row("gpu", escape(found["gpu"] or f"none: {found['gpu_problem']}"))
    libraries = [f"{name} {version}" for name, version in found["versions"].items() if name != "litho"]
    table.add_row("libraries", ", ".join(libraries))
    table.add_row("recipes", ", ".join(found["recipes"]))
    table.add_row("samples", "\n".join(found["samples"]) or "none in this installation")
    Console().print(table, highlight=False)
