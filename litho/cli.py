"""The command line. What computes is imported inside the commands, so that help appears at once.

Exit codes: 0 done; 1 a limit of `litho verify` is broken, or memory ran out or a GPU failed; 2 wrong input, said in one
sentence on stderr; 3 a whole layout is done but for tiles that were set aside; 130 stopped by Ctrl-C (once: the best
masks so far are written; twice: nothing is; what `litho chip` finished is kept).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from litho.bench import bench_app
from litho.device_failures import sentence_of

app = typer.Typer(
    name="litho",
    help="Open computational lithography: what a photomask prints, and the mask that prints what was drawn.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


Layouts = Annotated[
    list[Path], typer.Argument(metavar="LAYOUT...", help="GDS, OASIS (both also as .gz) or GLP files, one clip each.")
]
LayerName = Annotated[str | None, typer.Option("--layer", help="Such as 1/0; needed if a file has several.")]
RecipeName = Annotated[str, typer.Option("--recipe", help="A recipe's name (see litho info) or a TOML file.")]
KernelFile = Annotated[Path | None, typer.Option("--kernels", help="Kernel file, for recipes that take one.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for results; one below it per clip if several.")]
DeviceName = Annotated[Device, typer.Option("--device", help="Where to compute; auto takes a GPU if there is one.")]
Window = Annotated[
    str | None, typer.Option("--window", metavar="X0,Y0,X1,Y1", help="Cut layouts at this box, in layout nm.")
]
MaskLayer = Annotated[
    str | None, typer.Option("--mask-layer", help="Layer of the mask's file; 2/0 in files of litho ilt.")
]
Repair = Annotated[bool, typer.Option("--repair", help="Fill self-crossing polygons instead of refusing them.")]


def _version(asked: bool) -> None:
    if asked:
        from litho.info import program_version

        typer.echo(f"litho {program_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


@app.command()
def ilt(
    layouts: Layouts,
    layer: LayerName = None,
    recipe: RecipeName = "default",
    kernels: KernelFile = None,
    out: OutFolder = Path("out"),
    device: DeviceName = Device.auto,
    window: Window = None,
    repair: Repair = False,
) -> None:
    """Correct layouts: find the curvilinear mask that prints what they draw.

    The recipe names the method: pixel, level-set or spline. Ctrl-C stops and writes the best masks so far.
    """
    from litho.commands import Request, run_ilt

    raise typer.Exit(run_ilt(Request(layouts, layer, recipe, kernels, out, device.value, window, repair)))


@app.command()
def opc(
    layouts: Layouts,
    layer: LayerName = None,
    recipe: RecipeName = "default",
    kernels: KernelFile = None,
    out: OutFolder = Path("out"),
    device: DeviceName = Device.auto,
    window: Window = None,
    repair: Repair = False,
) -> None:
    """Correct layouts by moving their edges, with assist features beside them: far fewer shots than litho ilt."""
    from litho.commands import Request
    from litho.opc_command import run_opc

    raise typer.Exit(run_opc(Request(layouts, layer, recipe, kernels, out, device.value, window, repair)))


@app.command()
def smo(
    layouts: Layouts,
    layer: LayerName = None,
    recipe: RecipeName = "smo",
    kernels: KernelFile = None,
    out: OutFolder = Path("out"),
    device: DeviceName = Device.auto,
    window: Window = None,
    repair: Repair = False,
) -> None:
    """Optimise the light source and the masks of layouts together, for the largest process window.

    One source serves all layouts. It is written as a picture and as a list of points.
    """
    from litho.commands import Request
    from litho.smo_command import run_smo

    raise typer.Exit(run_smo(Request(layouts, layer, recipe, kernels, out, device.value, window, repair)))


@app.command()
def simulate(
    layouts: Layouts,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", help="Mask to simulate (mask.npz, or a layout); the layout is then its target."),
    ] = None,
    mask_layer: MaskLayer = None,
    cut: Annotated[
        list[str],
        typer.Option(
            "--cut",
            metavar="X1,Y1,X2,Y2",
            help="Measure CD, NILS and process window on this line, in layout nm; repeat it for several. "
            "A fifth word, dark, measures the dark feature between two that print.",
        ),
    ] = [],  # noqa: B006 - typer makes a new list
    layer: LayerName = None,
    recipe: RecipeName = "default",
    kernels: KernelFile = None,
    out: OutFolder = Path("out"),
    device: DeviceName = Device.auto,
    window: Window = None,
    repair: Repair = False,
) -> None:
    """Show what masks print as they are: aerial image, resist contours, process window.

    Without --mask each layout is taken as the mask itself: what happens without correction. Cut lines, from --cut and
    from the recipe, are measured through dose and focus.
    """
    from litho.commands import Request, run_simulate

    request = Request(layouts, layer, recipe, kernels, out, device.value, window, repair)
    raise typer.Exit(run_simulate(request, [] if mask is None else [mask], mask_layer, cut))


@app.command()
def verify(
    layouts: Layouts,
    mask: Annotated[
        list[Path],
        typer.Option("--mask", help="Mask of a layout (mask.npz, or a layout); repeat it, one per layout, in order."),
    ] = [],  # noqa: B006 - typer makes a new list
    mask_layer: MaskLayer = None,
    layer: LayerName = None,
    recipe: RecipeName = "default",
    kernels: KernelFile = None,
    out: OutFolder = Path("out"),
    device: DeviceName = Device.auto,
    window: Window = None,
    repair: Repair = False,
) -> None:
    """Check masks: mask rules, and of what they print edge placement, process-variation band, side lobes, hot spots.

    Without --mask each layout is taken as the mask itself. The limits are those of the recipe's table `verify`; the
    exit code is 0 if all are kept, 1 if one is broken, and 2 if the input is wrong.
    """
    from litho.commands import Request, run_verify

    request = Request(layouts, layer, recipe, kernels, out, device.value, window, repair)
    raise typer.Exit(run_verify(request, mask, mask_layer))


@app.command()
def fracture(
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="GDS or OASIS file of a mask.")],
    method: Annotated[
        str, typer.Option("--method", help="rectangles, trapezoids, overlapping or multibeam.")
    ] = "rectangles",
    tolerance_nm: Annotated[
        float, typer.Option("--tolerance-nm", help="How far shots may be off the outlines of a curved mask.")
    ] = 6.0,
    layer: MaskLayer = None,
    out: OutFolder = Path("out"),
) -> None:
    """Cut a mask into the shots that write it, count them, and estimate the write time.

    Overlapping shots follow curves with the fewest rectangles; multibeam gives each pixel of the writer its dose.
    """
    from litho.commands import told_in_one_sentence
    from litho.fracture import FractureSettings
    from litho.fracture_command import run_fracture

    with told_in_one_sentence():
        settings = FractureSettings(tolerance_nm)
    raise typer.Exit(run_fracture(mask, method, out, layer=layer, settings=settings))


@app.command()
def chip(
    layout: Annotated[Path, typer.Argument(metavar="LAYOUT", help="GDS or OASIS file, also as .gz.")],
    layer: LayerName = None,
    recipe: RecipeName = "chip",
    out: Annotated[Path, typer.Option("--out", help="Folder for results.")] = Path("out"),
    method: Annotated[
        str | None, typer.Option("--method", help="ilt, or opc: edges are moved; ilt if left out.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes of this machine; one per core if left out.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Running Dask scheduler, such as tls://10.0.0.7:8786.")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option("--gpus", help="One worker per GPU: all, or as CUDA_VISIBLE_DEVICES names them.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="Fields a worker computes at once; 1 on a core, what fits on a GPU if left out."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that the folder holds.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, and stop.")] = False,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="MASK", help="Measure this mask instead of making one.")
    ] = None,
    mask_layer: MaskLayer = None,
    cell: Annotated[str | None, typer.Option("--cell", help="Needed if a file has several top cells.")] = None,
    window: Window = None,
    repair: Repair = False,
    tls_ca: Annotated[Path | None, typer.Option("--tls-ca", help="Certificate (PEM) of who signs.")] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Own certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key (PEM).")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Talk to schedulers on other hosts without certificates.")
    ] = False,
) -> None:
    """Correct a whole layout tile by tile, on many cores, GPUs or hosts; or measure a mask over all of it.

    What is finished is kept: --resume goes on after any end. The exit code is 0 if all is done, 1 if --verify finds a
    broken limit, 3 if tiles were set aside, and 130 after Ctrl-C.
    """
    from litho.chip_command import ChipRequest, run_chip

    request = ChipRequest(
        layout,
        layer=layer,
        recipe=recipe,
        out=out,
        workers=workers,
        scheduler=scheduler,
        gpus=gpus,
        batch=batch,
        resume=resume,
        dry_run=dry_run,
        cell=cell,
        window=window,
        repair=repair,
        tls_ca=tls_ca,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure=insecure,
        verify=verify,
        mask_layer=mask_layer,
        method=method,
    )
    raise typer.Exit(run_chip(request))


@app.command()
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show devices, libraries, recipes and sample layouts, and which backend would be used."""
    from litho.terminal import show_info

    show_info(as_json)


app.add_typer(bench_app, name="bench")


def main() -> None:
    """Run the command line; where memory or a GPU fails it, say so in one sentence, and end with exit code 1."""
    try:
        app()
    except Exception as error:
        told = sentence_of(error)
        if told is None:
            raise
        typer.echo(f"litho: {told}", err=True)
        raise SystemExit(1) from None
