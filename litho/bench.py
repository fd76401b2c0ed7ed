"""`litho bench`: quality and speed on public benchmarks, beside what others report.

What computes is imported inside the functions, so that the help of the command line appears at once.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from litho.config import Recipe
    from litho.job import Job

bench_app = typer.Typer(help="Quality and speed on public benchmarks, beside what others report.", no_args_is_help=True)

CLIPS = tuple(f"M1_test{number}" for number in range(1, 11))

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


def contest_files(data: Path | None) -> tuple[list[Path], Path]:
    """Return the layouts of the contest and its kernel file in a folder `data`, which holds `iccad13/`.

    Raises
    ------
    ValueError
        in one sentence that names the first file that is missing
    """
    where = "set LITHO_DATA or --data to the folder that holds iccad13/ with glp/M1_test*.glp and optical_kernels.npz"
    if data is None:
        raise ValueError(f"`data` must name the contest's files, but none was given: {where}.")
    layouts = [data / "iccad13" / "glp" / f"{clip}.glp" for clip in CLIPS]
    kernels = data / "iccad13" / "optical_kernels.npz"
    missing = [str(file) for file in (*layouts, kernels) if not file.is_file()]
    if missing:
        raise ValueError(f"`data` must hold the contest's files, but {missing[0]} is missing: {where}.")
    return layouts, kernels


@bench_app.callback()
def _bench() -> None:
    pass


@bench_app.command()
def iccad13(
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="LITHO_DATA", help="Folder that holds iccad13/ with clips and kernels."),
    ] = None,
    recipe: Annotated[str, typer.Option("--recipe", help="A recipe's name or a TOML file.")] = "iccad13",
    method: Annotated[
        str | None, typer.Option("--method", help="pixel, level-set, spline or opc; the recipe's if left out.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or gpu.")] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write all figures to this file.")] = None,
) -> None:
    """Correct the ten clips of the ICCAD-2013 contest, and show the scores beside the published ones."""
    from litho.backend import resolve_device
    from litho.commands import told_in_one_sentence
    from litho.config import load_recipe
    from litho.io.atomic import atomic_path
    from litho.job import prepare

    with ExitStack() as stack:
        with told_in_one_sentence():
            layouts, kernels = contest_files(data)
            job = prepare(layouts, with_method(load_recipe(recipe), method), kernels=kernels)
            device = resolve_device(device)
            file = None if json_file is None else stack.enter_context(atomic_path(json_file))
        begin = time.perf_counter()
        figures = _corrected(job, device, method)
        seconds = (time.perf_counter() - begin) / len(figures)
        _show(figures, seconds, method or job.recipe.method)
        if file is not None:
            file.write_text(json.dumps(_record(job, figures, seconds), indent=1) + "\n", encoding="utf-8")


def average(figures: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return L2, PVB, EPE and shots, averaged over clips, and how many of the masks keep the rules."""
    mean = {name: sum(float(f[name]) for f in figures) / len(figures) for name in ("L2", "PVB", "EPE")}
    shots = sum(f["shots"]["count"] for f in figures) / len(figures)
    return {**mean, "shots": shots, "clean": sum(f["rules"]["clean"] for f in figures)}


def with_method(recipe: Recipe, method: str | None) -> Recipe:
    """Return a recipe with another method, "opc" aside, which is none of a recipe's."""
    if method is None or method == "opc":
        return recipe
    known = ("pixel", "level-set", "spline")
    if method not in known:
        raise ValueError(f"`method` must be one of {', '.join(known)} or opc, but got {method!r}.")
    return recipe.model_copy(update={"method": method})


def _corrected(job: Job, device: str, method: str | None) -> list[dict[str, Any]]:
    """Return what is known of each corrected clip, as in `metrics.json`."""
    from litho.flow import correct
    from litho.opc_flow import correct_edges
    from litho.outputs import figures
    from litho.progress import CorrectionProgress, Interrupt
    from litho.spline_flow import correct_splines

    if method == "opc":
        return [figures(result) for result in correct_edges(job, device)]
    correction = correct_splines if job.recipe.method == "spline" else correct
    with Interrupt() as interrupt, CorrectionProgress(job, device) as progress:
        found: list[dict[str, Any]] = []
        for result in correction(job, device, lambda update: progress.show(update, interrupt.asked)):
            progress.say(f"scoring {result.name}")
            found.append(figures(result))
    if interrupt.asked:
        raise typer.Exit(130)
    return found


def _record(job: Job, figures: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    others = [asdict(entry) | {"average": entry.average} for entry in published()]
    mean = {**average(figures), "seconds": seconds}
    record = {"benchmark": "iccad13", "recipe": job.recipe.as_dict(), "average": mean}
    return record | {"clips": list(figures), "published": others}


def _show(figures: Sequence[Mapping[str, Any]], seconds: float, method: str) -> None:
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
