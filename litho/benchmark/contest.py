"""What others report on the ICCAD-2013 contest, and the tables that show it beside our own figures.

What computes or prints is imported inside the functions, so that the help of the command line appears at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 128
"""Columns of the tables where the output is not a terminal."""


@dataclass(frozen=True)
class Published:
    """What another program reaches on the ten clips of the contest.

    Parameters
    ----------
    name, how, source
        which program, who computed it, and where the figures are from
    comparable
        whether they were scored as this program scores its own masks: contest's kernels, exact raster of the target
    time
        in words, with the machine; empty if it is not known
    clips
        L2 in nm^2, PV band in nm^2 and EPE violations of each clip
    why
        what keeps them from being comparable
    """

    name: str
    how: str
    source: str
    comparable: bool
    time: str
    clips: tuple[tuple[float, float, float], ...]
    why: str = ""

    @property
    def label(self) -> str:
        """The name, with a star if it is not comparable."""
        return self.name if self.comparable else f"{self.name}*"

    @property
    def average(self) -> tuple[float, float, float]:
        """L2, PV band and EPE violations, averaged over the clips."""
        l2, pvb, epe = (sum(column) / len(self.clips) for column in zip(*self.clips, strict=True))
        return l2, pvb, epe


def published() -> tuple[Published, ...]:
    """Return what others reach on the contest's clips."""
    from litho.resources import path

    table = tomllib.loads(path("published.toml").read_text(encoding="utf-8"))
    return tuple(Published(**entry | {"clips": tuple(map(tuple, entry["clips"]))}) for entry in table["result"])


def average(figures: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return L2, PVB, EPE and shots, averaged over clips, and how many of the masks keep the rules."""
    mean = {name: sum(float(f[name]) for f in figures) / len(figures) for name in ("L2", "PVB", "EPE")}
    shots = sum(f["shots"]["count"] for f in figures) / len(figures)
    return {**mean, "shots": shots, "clean": sum(f["rules"]["clean"] for f in figures)}


def show_contest(figures: Sequence[Mapping[str, Any]], seconds: float, method: str) -> None:
    """Print every clip, then the averages with their sources."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(f"ICCAD-2013 contest, ten clips by method {method} on {figures[0]['device_name']}")
    console.print(_clip_table(figures), _average_table(figures, seconds))
    console.print(
        f"{average(figures)['clean']:.0f} of {len(figures)} masks keep the rules; {average(figures)['shots']:,.0f} "
        "rectangles a mask, greedy on 4 nm pixels."
    )
    console.print(
        "L2 and PV band in nm², EPE in violations, by the contest's kernels, corners and sites on the exact raster of "
        "the target.\n* not comparable: " + "; ".join(f"{p.name}: {p.why}" for p in published() if p.why) + "."
    )


def _clip_table(figures: Sequence[Mapping[str, Any]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="Clip by clip; of others L2 + PVB / EPE", title_justify="left")
    for name in ("clip", "L2", "PV band", "L2 + PVB", "EPE", "seconds"):
        table.add_column(name, justify="left" if name == "clip" else "right", no_wrap=True)
    for entry in published():
        table.add_column(entry.label.replace(" ", "\n"), justify="right", no_wrap=True, min_width=12)
    for number, figure in enumerate(figures):
        others = [f"{l2 + pvb:,} / {epe}" for l2, pvb, epe in (entry.clips[number] for entry in published())]
        ours = _cells(figure["L2"], figure["PVB"], figure["EPE"], "d")
        table.add_row(str(number + 1), *ours, f"{figure['seconds']:.1f}", *others)
    return table


def _average_table(figures: Sequence[Mapping[str, Any]], seconds: float) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="Average of the ten clips", title_justify="left")
    table.add_column("program")
    for name in ("L2", "PV band", "L2 + PVB", "EPE"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("time")
    table.add_column("source")
    mean = average(figures)
    machine = f"{figures[0]['cpus']} CPU cores"
    where = figures[0]["device_name"] if figures[0]["device"] == "gpu" else machine
    table.add_row(
        "litho",
        *_cells(mean["L2"], mean["PVB"], mean["EPE"]),
        f"{seconds:.1f} s a clip, {where}",
        "this run",
        style="bold",
    )
    for entry in published():
        table.add_row(entry.label, *_cells(*entry.average), entry.time, f"{entry.how}: {entry.source}")
    return table


def _cells(l2: float, pvb: float, epe: float, counts: str = ".1f") -> list[str]:
    return [f"{l2:,.0f}", f"{pvb:,.0f}", f"{l2 + pvb:,.0f}", format(epe, counts)]
