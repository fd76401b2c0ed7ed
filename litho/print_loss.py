"""The loss of prints straight from aerial images, with its gradient in the images: the inner part of every step.

    images per focus -> exposed intensity per corner -> prints -> loss per clip, and back to images_bar

What `process.expose`, `resist.develop` and `losses` say one after the other is said here at once, pixel by pixel: none
of the many arrays between is ever whole. On a host it goes in strips that fit into a cache.
"""

from __future__ import annotations

from collections.abc import Iterator

from litho.backend import Array, array_module
from litho.cuda import dense, empty, fused, program
from litho.losses import PrintCost, loss_of_prints
from litho.process import Process

STRIP_PIXELS = 2**15
"""Pixels of a strip: a dozen arrays of them fit into the cache of a core."""

PIXELS_OF_A_THREAD = 4
LARGEST_BLOCKS = 512
"""On a GPU each clip has as many blocks as give every thread a few pixels, up to a limit."""


def print_loss(intensity: Array, cost: PrintCost) -> tuple[Array, Array]:
    """Loss of what aerial images print.

    Parameters
    ----------
    intensity : (foci, clips, ny, nx) real
        one image per entry of `cost.process.foci_nm`, at dose 1
    cost
        see `PrintCost`

    Returns
    -------
    value : (clips,) real
        nm^2
    intensity_bar : (foci, clips, ny, nx) real
        gradient of the sum of all values
    """
    if fused(intensity):
        return _print_loss_fused(dense(intensity), cost)
    xp = array_module(intensity)
    intensity_bar = xp.empty_like(intensity)
    values = []
    for clip in range(intensity.shape[1]):
        parts = []
        for rows in _strips(intensity.shape[-2], intensity.shape[-1]):
            part, bars = _strip(intensity[:, clip, rows, :], cost.part(clip, rows))
            parts.append(part)
            for focus, bar in enumerate(bars):
                intensity_bar[focus, clip, rows, :] = bar
        values.append(xp.sum(xp.stack(parts)))
    return xp.stack(values), intensity_bar


def _strips(ny: int, nx: int) -> Iterator[slice]:
    """Yield rows that hold `STRIP_PIXELS` at most, one row at least."""
    rows = max(1, STRIP_PIXELS // nx)
    for start in range(0, ny, rows):
        yield slice(start, min(start + rows, ny))


def _strip(images: Array, cost: PrintCost) -> tuple[Array, list[Array]]:
    """Return the loss of some rows of a clip, and the gradient in each of their images, (foci, rows, nx)."""
    process = cost.process
    slope = 0.5 * process.resist.sign * process.resist.steepness
    printed = [
        _print(images[focus, ...], slope * corner.dose, slope * process.resist.threshold)
        for corner, focus in zip(process.corners, process.focus_of_corner, strict=True)
    ]
    value, bars = loss_of_prints(printed, cost)
    return value, _images_bar(printed, bars, process)


def _print(image: Array, slope: float, offset: float) -> Array:
    """Return 1 / (1 + exp(-2 (slope image - offset))) as a tanh, which cannot overflow."""
    argument = image * slope
    argument -= offset
    printed = array_module(image).tanh(argument)
    printed *= 0.5
    printed += 0.5
    return printed


def _images_bar(printed: list[Array], bars: list[Array], process: Process) -> list[Array]:
    """Return the gradient in each focus from those in the prints of its corners; `printed` is used up."""
    slope, found = process.resist.sign * process.resist.steepness, dict[int, Array]()
    for corner, focus, here, bar in zip(process.corners, process.focus_of_corner, printed, bars, strict=True):
        rest = 1.0 - here
        rest *= here
        rest *= bar
        rest *= slope * corner.dose
        if focus in found:
            found[focus] += rest
        else:
            found[focus] = rest
    return [found[focus] for focus in range(len(process.foci_nm))]


def _print_loss_fused(intensity: Array, cost: PrintCost) -> tuple[Array, Array]:
    """Return what `print_loss` does, by one pass over all pixels and one over the sums of its blocks."""
    process, (clips, ny, nx) = cost.process, intensity.shape[1:]
    resist, pixels = process.resist, ny * nx
    kernels = program("print_loss", intensity, **_defines(process))
    blocks = min(LARGEST_BLOCKS, -(-pixels // (kernels.threads * PIXELS_OF_A_THREAD)))
    partial, value = empty((clips, blocks), intensity), empty((clips,), intensity)
    intensity_bar = empty(intensity.shape, intensity)
    even, wrong = (cost.wrong, None) if isinstance(cost.wrong, float) else (0.0, dense(cost.wrong))
    arrays = intensity, dense(cost.target), wrong, None if cost.lobes is None else dense(cost.lobes)
    numbers = even, cost.spread_nm2, 0.5 * resist.sign * resist.steepness, float(resist.threshold), clips, pixels
    kernels.launch("print_loss", (blocks * kernels.threads, clips), *arrays, intensity_bar, partial, *numbers)
    kernels.launch("sum_blocks", (kernels.threads, clips), partial, value, blocks)
    return value, intensity_bar


def _defines(process: Process) -> dict[str, int | str]:
    """Return what the source must know of the corners when it is compiled."""
    return {
        "CORNERS": len(process.corners),
        "FOCI": len(process.foci_nm),
        "FOCUS_OF_CORNER": "{" + ", ".join(str(focus) for focus in process.focus_of_corner) + "}",
        "DOSE_OF_CORNER": "{" + ", ".join(repr(float(corner.dose)) for corner in process.corners) + "}",
    }
