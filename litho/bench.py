"""`litho bench`: quality and speed on public benchmarks, beside what others report.

What computes is imported inside the functions, so that the help of the command line appears at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from litho.benchmark.contest import average, published, show_contest

if TYPE_CHECKING:
    from litho.config import Recipe
    from litho.job import Job

bench_app = typer.Typer(help="Quality and speed on public benchmarks, beside what others report.", no_args_is_help=True)

CLIPS = tuple(f"M1_test{number}" for number in range(1, 11))


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
    from litho.clip_memory import clips_at_once
    from litho.commands import told_in_one_sentence
    from litho.config import load_recipe
    from litho.io.atomic import atomic_path
    from litho.job import prepare

    with ExitStack() as stack:
        with told_in_one_sentence():
            layouts, kernels = contest_files(data)
            job = prepare(layouts, with_method(load_recipe(recipe), method), kernels=kernels)
            device = resolve_device(device)
            clips_at_once(job, device)  # refuses what does not fit
            file = None if json_file is None else stack.enter_context(atomic_path(json_file))
        begin = time.perf_counter()
        figures = _corrected(job, device, method)
        seconds = (time.perf_counter() - begin) / len(figures)
        show_contest(figures, seconds, method or job.recipe.method)
        if file is not None:
            file.write_text(json.dumps(_record(job, figures, seconds), indent=1) + "\n", encoding="utf-8")


@bench_app.command()
def speed(
    full: Annotated[
        bool, typer.Option("--full/--quick", help="Fields up to 8 um, which takes far longer; or a few minutes' cases.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or gpu: whether a GPU takes part.")] = "auto",
    out: Annotated[Path, typer.Option("--out", help="Folder for speed.json and the plots.")] = Path("bench"),
    only: Annotated[
        list[str], typer.Option("--only", help="image, gradient or ilt: only these cases; repeat it for several.")
    ] = [],  # noqa: B006 - typer makes a new list
    largest_nm: Annotated[float | None, typer.Option("--largest-nm", help="No field above this size.")] = None,
    energy: Annotated[
        bool, typer.Option("--energy/--no-energy", help="Count energy in windows of 5 s, where there are counters.")
    ] = True,
    cpu_tdp_w: Annotated[
        float | None, typer.Option("--cpu-tdp-w", help="TDP in watts, to model a CPU's energy without a counter.")
    ] = None,
    tdp_source: Annotated[str | None, typer.Option("--tdp-source", help="Where that TDP is from.")] = None,
    idle_share: Annotated[
        float, typer.Option("--idle-share", help="Lower end of the modelled power, as a share of the TDP.")
    ] = 0.1,
    devices: Annotated[int, typer.Option("--devices", help="How many share the work of the projection.")] = 1,
) -> None:
    """Time and energy of images, gradients and corrections: the textbook's way, ours on this CPU, ours on a GPU.

    Everybody must agree before anybody is timed. Exit code 1 if they do not, or if a device was lost.
    """
    from litho.benchmark.command import SpeedRequest, run_speed

    request = SpeedRequest(
        full, device, out, tuple(only), largest_nm, energy, cpu_tdp_w, tdp_source, idle_share, devices
    )
    raise typer.Exit(run_speed(request))


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
