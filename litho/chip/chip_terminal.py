"""What people read in a terminal of a chip: its plan, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from litho.chip.chip_result import ChipResult, ChipVerification
from litho.chip.plan import ChipPlan
from litho.chip.progress import duration


def show_plan(plan: ChipPlan, console: Console | None = None) -> None:
    """Print the plan as a table."""
    console = Console(highlight=False) if console is None else console
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in plan_rows(plan):
        table.add_row(name, escape(text))
    console.print(table)


def plan_rows(plan: ChipPlan) -> list[tuple[str, str]]:
    """Return the lines of the table."""
    tiles, estimate = plan.tiles, plan.estimate
    x0, y0, x1, y1 = tiles.layout_box_nm
    layers = [f"{a}/{b}: {n:,}" for (a, b), n in sorted(plan.counts.items())]
    (columns, rows), (width, height) = tiles.counts, tiles.core_nm
    distinct = "" if plan.distinct is None else f", {plan.distinct:,} of them different"
    counted = plan.distinct is not None or plan.repeats
    how = "about" if counted else "less where tiles are equal, which was not looked for: at most about"
    at_once = "" if estimate.batch == 1 else f", for up to {estimate.batch} fields at once"
    found = [
        ("layout", f"{plan.layout}, cell {plan.cell}, database unit {plan.dbu_nm:g} nm"),
        ("shapes", ", ".join(layers[:12]) + (", ..." if len(layers) > 12 else "")),
        ("layer", f"{plan.layer[0]}/{plan.layer[1]}, {(x1 - x0) / 1000:,.4g} x {(y1 - y0) / 1000:,.4g} µm"),
        ("tiles", f"{columns} x {rows} = {tiles.count:,}{distinct}"),
        ("core", f"{width:g} x {height:g} nm" + (", whole pitches of an array" if plan.repeats else "")),
        ("halo", f"{tiles.halo_nm:g} nm, of which light reaches {plan.ambit_nm:.0f} nm"),
        ("workers", f"{estimate.workers}, {estimate.bytes_per_worker / 2**30:.2f} GiB each{at_once}"),
        ("time", f"{how} {duration(estimate.seconds)}; {estimate.basis}"),
    ]
    return found


def show_chip(result: ChipResult, console: Console | None = None) -> None:
    """Print what a run comes to."""
    console = Console(highlight=False) if console is None else console
    found = result.verification
    if found is not None:
        console.print(_placement_table(found))
        rules = "kept" if not found.violations else f"broken at {len(found.violations):,} places"
        spots = ", ".join(f"{kind} {count:,}" for kind, count in found.hotspot_counts().items()) or "none"
        console.print(f"Mask rules: {rules}. Hot spots: {spots}.", soft_wrap=True)
    if result.contour_step_nm is not None:
        console.print(f"Largest step of an outline where two tiles meet: {result.contour_step_nm:.3g} nm.")
    if "seconds" in result.info:
        speed = f"{duration(float(result.info['seconds']))}, {result.info['um2_per_s']:g} µm²/s"
        console.print(f"{speed} with {result.info['workers']} workers.", soft_wrap=True)
    for tile in result.set_aside:
        told = f"{tile.name} at ({tile.x_nm:.0f}, {tile.y_nm:.0f}) nm is set aside in {tile.doing}: {tile.error}"
        console.print(f"[yellow]{escape(told)}[/]", soft_wrap=True)


def show_prints(told: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what a mask prints at every corner."""
    console = Console(highlight=False) if console is None else console
    for label, area in told["printed_um2"].items():
        console.print(f"{escape(label)}: {area:,.6g} µm² printed")
    if told["pv_band_um2"] is not None:
        console.print(f"PV band: {told['pv_band_um2']:,.6g} µm²")
    console.print(f"{duration(float(told['seconds']))} with {told['workers']} workers.")
    for failure in told["set_aside"]:
        console.print(f"[yellow]set aside: {escape(failure)}[/]", soft_wrap=True)


def _placement_table(found: ChipVerification) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("edge placement")
    for name in ("sites", "beyond", "mean nm", "rms nm", "90 % nm", "99 % nm", "largest"):
        table.add_column(name, justify="right")
    places = (("interior", found.interior), ("along seams", found.seams), ("everywhere", found.everywhere))
    for name, tally in places:
        if not tally.sites:
            continue
        lengths = tally.mean_nm, tally.rms_nm, tally.quantile_nm(0.9), tally.quantile_nm(0.99)
        shown = ["none" if value is None else f"{value:.2f}" for value in (*lengths, tally.largest_nm)]
        table.add_row(name, f"{tally.sites:,}", f"{tally.beyond(found.limit_nm):,}", *shown)
    return table
