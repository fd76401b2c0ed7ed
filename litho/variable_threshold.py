"""Variable-threshold resist: the threshold at each place depends on the image around it.

    threshold = constant + maximum_weight I_max + minimum_weight I_min + slope_weight |grad I|

with the largest and smallest intensity within a radius, and the slope of the image in place. Such models are compact:
their weights are fitted to measured widths (Cobb, Zakhor, Reihani, Jahansooz and Raghavan, "Experimental results on
optical proximity correction with variable-threshold resist model", Proc. SPIE 3051, 1997), and hold for what they were
fitted to. There the parameters are taken along a cut across the edge; here at every place and in all directions, so
that the model is a field, has a derivative, and needs no edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, complex_dtype, fft_of, positions
from litho.grid import Grid

FLAT_PER_NM = 1e-7
"""Slopes far below this count as none, so that the modulus of the slope has a derivative where an image is flat."""


@dataclass(frozen=True)
class VariableThreshold:
    """A resist whose threshold follows the image.

    Parameters
    ----------
    constant
        threshold of an image without any light around and without slope, relative to the clear field
    maximum_weight, minimum_weight
        of the largest and the smallest intensity within `radius_nm`
    slope_weight_nm
        of the image slope |grad I|, which is in 1/nm
    radius_nm
        how far to look: from the centre to the sides of an octagon, rounded to whole pixels
    steepness
        slope of the sigmoid's argument over intensity
    """

    constant: float = 0.3
    maximum_weight: float = 0.0
    minimum_weight: float = 0.0
    slope_weight_nm: float = 0.0
    radius_nm: float = 100.0
    steepness: float = 50.0

    def __post_init__(self) -> None:
        for name in ("constant", "maximum_weight", "minimum_weight", "slope_weight_nm"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"`{name}` must be finite, but got {getattr(self, name)}.")
        for name in ("radius_nm", "steepness"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{name}` must be a positive number, but got {value}.")


@dataclass(frozen=True)
class ThresholdField:
    """What `develop_variable` leaves behind.

    Parameters
    ----------
    threshold : (..., ny, nx) real
        at each place
    maximum, minimum, slope_per_nm : (..., ny, nx) real
        the parameters it was made of, to fit weights to
    printed : (..., ny, nx) real
    taken
        for the adjoint: where each largest, and each smallest, value was taken from
    gradient : (2, ..., ny, nx) real
        of the intensity along y and x, in 1/nm
    """

    threshold: Array
    maximum: Array
    minimum: Array
    slope_per_nm: Array
    printed: Array
    taken: tuple[Choices, Choices]
    gradient: Array


def develop_variable(intensity: Array, resist: VariableThreshold, grid: Grid) -> tuple[Array, ThresholdField]:
    """Printed fraction of each pixel, as a smooth step at the local threshold.

    Parameters
    ----------
    intensity : (..., ny, nx) real
        dose included
    resist
        weights, radius and steepness
    grid
        pixels of the intensity; they must resolve it

    Returns
    -------
    printed : (..., ny, nx) real, in 0..1
    saved
        the threshold and what it was made of, and what `develop_variable_adjoint` needs
    """
    if tuple(intensity.shape[-2:]) != grid.shape:
        raise ValueError(f"`intensity` must end in the grid's shape {grid.shape}, but got {tuple(intensity.shape)}.")
    xp = array_module(intensity)
    maximum, from_max = local_maximum(intensity, grid, resist.radius_nm)
    minimum, from_min = local_maximum(-intensity, grid, resist.radius_nm)
    gradient = image_gradient(intensity, grid)
    slope = xp.sqrt(gradient[0, ...] ** 2 + gradient[1, ...] ** 2 + FLAT_PER_NM**2)
    threshold = resist.constant + resist.maximum_weight * maximum - resist.minimum_weight * minimum
    threshold = threshold + resist.slope_weight_nm * slope
    printed = 0.5 + 0.5 * xp.tanh((0.5 * resist.steepness) * (intensity - threshold))
    return printed, ThresholdField(threshold, maximum, -minimum, slope, printed, (from_max, from_min), gradient)


def develop_variable_adjoint(printed_bar: Array, saved: ThresholdField, resist: VariableThreshold, grid: Grid) -> Array:
    """Gradient with respect to `intensity`, from the one with respect to `printed`."""
    intensity_bar = printed_bar * (resist.steepness * saved.printed * (1.0 - saved.printed))
    slope_bar = (-resist.slope_weight_nm) * intensity_bar / saved.slope_per_nm
    return (
        intensity_bar
        + local_maximum_adjoint((-resist.maximum_weight) * intensity_bar, saved.taken[0])
        + local_maximum_adjoint((-resist.minimum_weight) * intensity_bar, saved.taken[1])
        + image_gradient_adjoint(slope_bar[None, ...] * saved.gradient, grid)
    )


def image_gradient(intensity: Array, grid: Grid) -> Array:
    """Return the derivative along y and x, (2, ..., ny, nx) in 1/nm, exact for an image that the pixels resolve."""
    xp = array_module(intensity)
    fft, (ny, nx) = fft_of(xp), grid.shape
    rows, columns = positions(ny, intensity), positions(nx // 2 + 1, intensity)
    ky = xp.where(2 * rows < ny, rows, xp.where(2 * rows == ny, 0.0, rows - ny)) / grid.period_nm[0]
    kx = xp.where(2 * columns == nx, 0.0, columns) / grid.period_nm[1]
    spectrum = fft.rfftn(intensity, axes=(-2, -1))
    sides = (1j * xp.astype(2 * math.pi * k, complex_dtype(intensity)) for k in (ky[:, None], kx[None, :]))
    out = xp.stack([fft.irfftn(spectrum * side, s=grid.shape, axes=(-2, -1)) for side in sides])
    assert out.dtype == intensity.dtype
    return out


def image_gradient_adjoint(gradient_bar: Array, grid: Grid) -> Array:
    """Gradient with respect to `intensity`: a derivative is its own adjoint but for the sign."""
    along_y, along_x = (image_gradient(gradient_bar[axis, ...], grid)[axis, ...] for axis in (0, 1))
    return -(along_y + along_x)


Choices = tuple[tuple[Array | None, tuple[int, int]], ...]
"""Steps of a running maximum: how far the other field was moved (y, x), and where the unmoved one was larger."""


def local_maximum(field: Array, grid: Grid, radius_nm: float) -> tuple[Array, Choices]:
    """Largest value within an octagon around each place, regular if pixels are square.

    The octagon is made of four lines of pixels, one after the other, and the maximum along a line by doubling, so that
    the work grows with the logarithm of the radius only.

    Parameters
    ----------
    field : (..., ny, nx) real
    grid
        pixels of the field, which repeats
    radius_nm
        from its centre to its sides, rounded to whole pixels

    Returns
    -------
    maximum : (..., ny, nx) real
    taken
        what `local_maximum_adjoint` needs
    """
    xp, taken = array_module(field), []
    for direction, reach in _lines(grid, radius_nm):
        width = 1
        while width < 2 * reach + 1:
            step = min(width, 2 * reach + 1 - width)
            move = -step * direction[0], -step * direction[1]
            moved = xp.roll(field, move, axis=(-2, -1))
            taken.append((field >= moved, move))
            field = xp.maximum(field, moved)
            width += step
        move = reach * direction[0], reach * direction[1]
        taken.append((None, move))
        field = xp.roll(field, move, axis=(-2, -1))
    return field, tuple(taken)


def local_maximum_adjoint(maximum_bar: Array, taken: Choices) -> Array:
    """Gradient with respect to `field`: each value goes back to where it was taken from."""
    xp, bar = array_module(maximum_bar), maximum_bar
    for unmoved, move in reversed(taken):
        back = -move[0], -move[1]
        if unmoved is None:
            bar = xp.roll(bar, back, axis=(-2, -1))
        else:
            bar = xp.where(unmoved, bar, 0.0) + xp.roll(xp.where(unmoved, 0.0, bar), back, axis=(-2, -1))
    return bar


def _lines(grid: Grid, radius_nm: float) -> list[tuple[tuple[int, int], int]]:
    """Return direction (y, x) and reach, in pixels, of lines whose sum is an octagon: axes, then diagonals."""
    along_y, along_x = (round(radius_nm / pixel) for pixel in grid.pixel_nm)
    wanted = math.tan(math.pi / 8) * math.sqrt(1 / 2) * min(along_y, along_x)
    # without a pixel along the axes the diagonals would leave every second place out
    diagonal = max(0, min(round(wanted), (min(along_y, along_x) - 1) // 2))
    rest_y, rest_x = along_y - 2 * diagonal, along_x - 2 * diagonal
    return [((1, 0), rest_y), ((0, 1), rest_x), ((1, 1), diagonal), ((1, -1), diagonal)]
